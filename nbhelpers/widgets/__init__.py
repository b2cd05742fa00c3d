"""The panels of the course: they show what the packages below know, and hold no logic or I/O of their own."""
