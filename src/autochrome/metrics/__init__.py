"""How near a colorized photo is to the truth: pure functions first, `torchmetrics` classes in ``pooled``.

``pixel``         PSNR, RMSE in alpha-beta, CIEDE2000, chroma, lightness drift
``distribution``  AuC of the cumulative mass function, histogram intersection
``ms_ssim``       multi-scale structural similarity of pictures, and of pairs of samples
``diversity``     how samples of one photo differ: pairs, spread, the best of n
``reliability``   whether predicted probabilities are true, and where the truth ranks among samples
``colorfulness`` Hasler and Suesstrunk's measure
``places``        shares of places that come nearer to the truth than gray, and farther
``summary``       sums of one photo, and every score as a function of such sums
``bootstrap``     intervals over photos
``pooled``        (and ``pooled_diversity``) `torchmetrics.Metric` classes for a validation loop; import
                  them where they are used
"""
