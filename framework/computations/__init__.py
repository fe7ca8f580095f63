"""What a property can be: each computation with its algebra beside its declaration."""
