"""The upkeep of a store of releases: checking what lies there, repairing it, and clearing away what nobody needs."""
