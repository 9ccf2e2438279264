"""Files of every kind, and what is in them, as values."""
