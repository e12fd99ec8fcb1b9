"""PixColor: Guadarrama and others 2017, one module for each of its networks; `model` puts them together."""
