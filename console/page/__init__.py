"""The console as pages that need no server: what a workspace holds, in English and Simplified Chinese."""
