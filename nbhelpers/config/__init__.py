"""What was configured for each mode, and the private files in which it is kept."""
