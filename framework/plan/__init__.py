"""The plan: what declarations compile into."""
