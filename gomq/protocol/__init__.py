"""Kafka's wire protocol: bytes and values, no clock, file, socket or event loop."""
