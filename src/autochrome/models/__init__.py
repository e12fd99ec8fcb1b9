"""Models: what colours a photo, by paper."""
