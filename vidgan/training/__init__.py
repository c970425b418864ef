"""`vidgan train`: what to train on, where, and who looks on."""
