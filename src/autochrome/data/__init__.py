"""Training data: where photos come from, how they are cropped and aged, and their color statistics."""
