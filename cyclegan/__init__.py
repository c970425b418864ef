"""CycleGAN models: networks, losses, training, weights files and the translator of frames."""

from cyclegan.translator import Translator
from cyclegan.weights import load_generator

__all__ = ["Translator", "load_generator"]
