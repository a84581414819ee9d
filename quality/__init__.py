"""The craft of judging labels: agreement, consensus, gates. Works alone on an export or a table of labels."""
