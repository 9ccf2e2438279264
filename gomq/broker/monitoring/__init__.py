"""What can be seen of a running broker from outside: metrics, liveness, readiness, over HTTP."""
