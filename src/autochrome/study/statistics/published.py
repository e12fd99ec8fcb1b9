"""What the papers print about their human studies, in percent, as printed.

What these figures imply (one-sided tests, standard errors, design effects) is recomputed in
``tests/study/statistics/test_published.py``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Printed:
    """A rate with its ±, in percent."""

    name: str
    rate: float
    error: float


CIC_TABLE_1 = (
    Printed("Ours", 20.4, 1.6),
    Printed("- f.t. w/o class-rebal", 18.9, 1.5),
    Printed("Dahl", 16.4, 1.4),
    Printed("Random", 4.2, 0.8),
)
"""Zhang et al. (2016), Table 1, column AMT; ± is a 95% interval, though the paper does not say so."""

PIXCOLOR_FIGURE_6 = (
    Printed("LTBC", 25.8, 0.97),
    Printed("CIC", 29.2, 0.98),
    Printed("LRAC", 30.9, 1.02),
    Printed("PixColor (Seed 1)", 33.3, 1.04),
    Printed("PixColor (Seed 2)", 35.4, 1.01),
    Printed("PixColor (Seed 3)", 33.2, 1.03),
    Printed("PixColor (Oracle)", 38.3, 0.98),
)
"""Guadarrama et al. (2017), Figure 6; ± is one standard error, "produced by bootstrapping the mean"."""

CAO_TRUE, CAO_GENERATED, CAO_P = 70.0, 62.6, 0.1359
"""Cao et al. (2017), section 5: rates of true and generated pictures, and the p-value of their difference."""
