"""What the simulator remembers across a kill: its store, and the switches and faults that are set."""
