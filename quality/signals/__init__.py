"""Signals of cheating and of leaked gold: statistics with their evidence, for a person to look into. Never a verdict."""
