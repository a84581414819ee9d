"""Releases in other formats: each module is one of them, and says what it cannot carry."""
