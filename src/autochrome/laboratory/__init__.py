"""The laboratory: every system on one set of photos, every metric of the papers, one report."""
