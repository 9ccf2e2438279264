"""What is behind Fetch: sessions, limits, what is found in each partition."""
