"""Photographs: read whole with their depth, colours, alpha and metadata, and written likewise."""
