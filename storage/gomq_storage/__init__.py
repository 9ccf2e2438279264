"""The log as a library: segments, indexes, record batches, in Kafka's own format."""
