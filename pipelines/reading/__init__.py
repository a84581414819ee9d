"""Reading answers from Label Studio servers into the ledger; `pipelines.sync` is the way in."""
