"""The consumer, and what is behind it: what is read from where, fetched ahead, and handed out."""
