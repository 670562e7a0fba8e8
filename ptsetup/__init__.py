"""ptsetup: the PyTorch build that works on this machine, installed, proved and explained."""

__version__ = "0.1.0"
