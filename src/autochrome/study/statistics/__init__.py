"""What votes say, as numbers: rates, tests between systems, agreement, power, and simulated raters.

`autochrome.study.analysis` is what others import from. ``columns`` is the table of which everything is
computed, ``selection`` says which votes count, ``intervals`` to which population an interval refers.
"""
