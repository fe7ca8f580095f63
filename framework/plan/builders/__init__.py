"""Nodes from computations: what each needs, reads and writes."""
