"""Figures of the papers, or of our own documentation, that `autochrome compare` does not measure."""
