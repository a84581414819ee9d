"""Volumes: slices in order, and the way from a pixel to millimetres."""
