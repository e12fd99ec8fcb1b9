"""What a person may ask for beyond a model's own answer."""

from autochrome.guidance.vibrance import Vibrance

__all__ = ["Vibrance"]
