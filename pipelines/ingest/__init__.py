"""Ingest: list a source, read every object in isolation, write what it became to the store and the ledger."""
