"""The way of a webhook to the receiver: the queue, where it goes, the call, and the retries."""
