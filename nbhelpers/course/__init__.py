"""The seven steps of the course, and what a notebook says and does in them."""
