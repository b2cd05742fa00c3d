"""A public URL for the receiver and for nothing else: the process, the ngrok agent in it, and its guard."""
