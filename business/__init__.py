"""What the business is: orders that are paid, articles that are translated, donors who are thanked."""

from business import articles, donations, orders

MODULES = (orders, articles, donations)
