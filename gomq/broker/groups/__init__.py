"""Consumer groups: who is in them, how far they got, and the topic that remembers both."""
