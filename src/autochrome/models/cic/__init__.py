"""CIC: Zhang, Isola and Efros 2016; the losses and the decoder are in `model`, its networks beside it."""
