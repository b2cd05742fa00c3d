"""The simulator in anybody's tests: a simulator for each test, and the pytest plugin that offers it."""
