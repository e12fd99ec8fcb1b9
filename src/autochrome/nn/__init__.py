"""Blocks that two systems share; a block moves here when a second one uses it."""
