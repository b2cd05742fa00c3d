"""Why nothing arrives, whether the credentials fit together, and whether this computer is ready."""
