"""Decoding in a process of its own, under limits: its death is an answer, not a crash."""
