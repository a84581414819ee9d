"""`yuelu agreement` on a plain file: an export or a table in, a report as text, JSON or a page out."""
