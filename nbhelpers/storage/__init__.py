"""SQLite for the inbox and the simulator: writes of many threads share one commit."""
