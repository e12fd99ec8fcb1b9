"""What users may request beyond a model's own prediction."""

from autochrome.guidance.coherence import Coherence
from autochrome.guidance.color_bias import ColorBias, rotated, tint, warmth
from autochrome.guidance.hint_files import Hint, parse_hint, read_hints, write_hints
from autochrome.guidance.hints import HintGuide
from autochrome.guidance.histogram_transfer import HistogramTransfer
from autochrome.guidance.quantile_matching import QuantileMatching
from autochrome.guidance.vibrance import Vibrance

__all__ = [
    "Coherence",
    "ColorBias",
    "Hint",
    "HintGuide",
    "HistogramTransfer",
    "QuantileMatching",
    "Vibrance",
    "parse_hint",
    "read_hints",
    "rotated",
    "tint",
    "warmth",
    "write_hints",
]
