"""Color: spaces, differences, bins, decoding, gamut and the way of chroma to full size."""
