"""Photographs and other still pictures."""
