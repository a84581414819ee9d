"""Video: the constant-rate proxy and the table that leads back to source time."""
