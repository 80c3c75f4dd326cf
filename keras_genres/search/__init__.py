"""Finding settings: a search on validation, and the range of learning rates that work."""
