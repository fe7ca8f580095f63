"""The engine: transactions, and the propagation of what follows from them."""
