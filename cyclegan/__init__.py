"""CycleGAN models: networks, losses, training, weights files and the translator of frames."""
