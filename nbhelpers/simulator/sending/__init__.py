"""The way of a send request: who calls, what the body says, whether it is accepted, and what becomes of it."""
