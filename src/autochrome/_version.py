"""The version alone, so that the build and the command line can read it without loading anything else."""

__version__ = "0.1.0"
