"""The wire in both shapes: what the service sends to a webhook, and what is sent to the service."""
