"""LRAC: Larsson, Maire and Shakhnarovich 2016; what it predicts is in `outputs`, its networks in `model`."""
