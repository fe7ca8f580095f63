"""The web face of an App: where vendors deliver, and where operators look."""
