"""The craft of releases: build, commit, sign, pull, verify, diff. Opens a release without ledger, Dask or Label Studio."""
