"""What the business is: orders are paid, articles translated, donors thanked, changes of code judged."""

from business import articles, donations, orders, quality

MODULES = (orders, articles, donations, quality)
