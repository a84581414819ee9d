"""The bridge to Label Studio 1.23.2 (open edition), which runs in an environment of its own."""
