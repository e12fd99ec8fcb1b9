"""A study on disk: schema, rows, rules."""
