"""Migration: a database that was made for other declarations is brought to those of the App."""
