"""Files of every kind, and what is in them, as values; and what is wrong with indexes, beside their log or not."""
