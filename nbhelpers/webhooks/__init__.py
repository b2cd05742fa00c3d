"""The service calls us: the receiver of the two webhook URLs, and the replay of what it stored."""
