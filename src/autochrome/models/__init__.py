"""Models: what colors a photo, by paper."""
