"""Small real films, made with PyAV, whose frames carry their own number."""
