"""The store: bytes by key, written once. A folder or S3, one contract."""
