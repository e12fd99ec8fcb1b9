"""The conditional GAN of Cao et al. (2017): noise and condition in every layer."""
