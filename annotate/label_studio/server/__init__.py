"""Programs that Label Studio's own Python runs, by path. Nothing in Yuelu imports them."""
