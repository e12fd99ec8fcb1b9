"""How near a colorized photo is to the truth: pure functions first, `torchmetrics` classes in ``pooled``.

``pixel``         PSNR, RMSE in alpha-beta, CIEDE2000, chroma, lightness drift
``distribution``  AuC of the cumulative mass function, histogram intersection
``colourfulness`` Hasler and Suesstrunk's measure
``summary``       sums of one photo, and every score as a function of such sums
``bootstrap``     intervals over photos
``pooled``        `torchmetrics.Metric` classes for a validation loop (import it where it is used)
"""
