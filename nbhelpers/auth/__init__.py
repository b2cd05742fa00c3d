"""Private keys, application JWTs and the signatures of webhooks."""
