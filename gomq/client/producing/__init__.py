"""The producer, and what is behind it: batches, their way to the brokers, and what became of them."""
