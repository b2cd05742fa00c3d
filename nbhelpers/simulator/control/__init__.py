"""What people do on screens and phones: the client, the routes under `/_simulator/…` and the link page."""
