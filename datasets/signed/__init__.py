"""What a publisher says beside the versions, page by page, each signed and chained: its keys, its tags, its withdrawals."""
