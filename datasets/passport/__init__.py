"""The standard descriptions of a release, rendered from its manifest and tables, never typed by hand."""
