"""A data directory copied while a broker may serve from it, and made again of the copy."""
