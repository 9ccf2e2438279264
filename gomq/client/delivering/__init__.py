"""Deliveries: messages that are handed out again until they are acknowledged, and what becomes of them otherwise."""
