"""Near-duplicates: fingerprints that differ in few bits, found without comparing all pairs, and what follows for splits."""
