"""We call the service: the Messages API and the Applications API, and in whose name."""
