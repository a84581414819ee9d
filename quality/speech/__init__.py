"""Agreement on speech: who spoke when, and what was said."""
