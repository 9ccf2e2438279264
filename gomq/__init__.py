"""GoMQ: a publish/subscribe message queue that is a log."""
