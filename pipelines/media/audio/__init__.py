"""Sound: levels, loudness, fingerprints, and a proxy that browsers play."""
