"""A photo's way to colors, in the order of the files: settings, predict, decode, render, painter."""
