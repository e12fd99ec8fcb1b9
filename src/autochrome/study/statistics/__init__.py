"""What votes say, as numbers; every function here takes a `Sequence[Judgment]` in any order.

``selection``      which votes count: attention checks, slipped timing
``rates``          fooling rates with every form of error
``comparisons``    systems in pairs, and against 50%
``questionnaire``  Cao et al.: Welch's t over pictures, crossed bootstrap, credibility ranks
``preference``     shares of votes, and Bradley-Terry strengths
``oracle``         PixColor's best of three samples
``agreement``      Krippendorff's alpha, Fleiss' kappa
``published``      the papers' printed figures
``power``          how large a study must be

``intervals`` explains the population to which an interval refers; ``columns`` is the table that everything is
computed from. All verdicts given are counted: pass them through `selection.select` first. Results are frozen
dataclasses of plain values. The same verdicts and seed give the same figures.
"""
