"""Scores of colorized photos: files in, numbers with intervals out."""
