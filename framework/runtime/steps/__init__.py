"""One step of propagation for each shape of computation."""
