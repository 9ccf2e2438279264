"""Which of it was asked for."""
