"""What stands in the papers, or in our own documentation, and `autochrome compare` does not measure."""
