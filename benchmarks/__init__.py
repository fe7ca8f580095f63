"""What the framework costs, beside what others cost for the same work. `python -m benchmarks` measures."""
