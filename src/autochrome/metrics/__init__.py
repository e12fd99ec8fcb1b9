"""How close a colorized photo is to the truth, as pure functions: arrays in, numbers out.

``pixel``         PSNR, errors in alpha-beta, CIEDE2000
``distribution``  AuC of the cumulative mass function, histogram intersection
``ms_ssim``       multi-scale structural similarity of pictures, and of pairs of samples
``diversity``     how samples of one photo differ: pairs, spread, the best of n
``reliability``   calibration of predicted probabilities, and the rank of the truth among samples
``colorfulness``  Hasler and Suesstrunk's measure
``places``        shares of places that are closer to the truth than gray, or farther from it
``baselines``     gray, and the colors of another photo
``sizing``        the size at which photos are compared
"""
