"""What every room stands on: words, bytes, state. Imports no other room."""
