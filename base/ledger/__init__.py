"""The ledger: the relational database that holds the state, and the append-only log of what happened."""
