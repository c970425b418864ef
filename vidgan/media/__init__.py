"""Media in and out: the only modules that import av."""
