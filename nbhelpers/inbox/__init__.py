"""What has come and what was sent, kept on disk: deliveries, events, facts, and the watcher that follows them."""
