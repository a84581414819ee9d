"""The flows that move data at scale: ingest, dispatch, sync, score, publish. Only this room knows Dask and codecs."""
