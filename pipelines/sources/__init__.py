"""Where raw media lie, and how a worker opens one object of them."""
