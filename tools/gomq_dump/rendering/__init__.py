"""What was read, as Kafka's tool prints it, as JSON, as formatted text."""
