"""The gateway: the pages that people label on. Nothing of Label Studio's server can be reached through them."""
