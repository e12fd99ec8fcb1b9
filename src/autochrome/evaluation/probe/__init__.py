"""Probes of a colorizer's features: classification and semantic segmentation."""
