"""Where records lie: tables, compiled statements, connections."""
