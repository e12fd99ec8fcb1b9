"""Stability: how much the colors change with what should not change them."""
