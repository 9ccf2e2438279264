"""The brokers of a cluster: who they are, the connections to them, and asking those who can answer."""
