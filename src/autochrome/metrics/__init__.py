"""How near a colorized photo is to the truth, as pure functions: arrays in, numbers out.

``pixel``         PSNR, errors in alpha-beta, CIEDE2000, lightness drift
``distribution``  AuC of the cumulative mass function, histogram intersection
``ms_ssim``       multi-scale structural similarity of pictures, and of pairs of samples
``diversity``     how samples of one photo differ: pairs, spread, the best of n
``reliability``   whether predicted probabilities are true, and where the truth ranks among samples
``colorfulness``  Hasler and Suesstrunk's measure
``places``        shares of places that are closer to the truth than gray, and farther from it
``baselines``     gray, and the colors of another photo
``sizing``        at which size photos are compared
"""
