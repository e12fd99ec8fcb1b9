"""Calibration: do the probabilities hold?"""
