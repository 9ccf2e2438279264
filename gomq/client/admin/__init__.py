"""The admin, and what it asks: topics, configs, records."""
