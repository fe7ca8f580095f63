"""The same work without the framework: by hand, on its ancestor, as a bare loop."""
