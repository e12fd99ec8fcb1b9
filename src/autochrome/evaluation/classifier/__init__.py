"""Semantic interpretability: does a classifier that knows true photos understand the colorized ones?"""
