"""Builds the book: the course with what it shows, recipes, reference and notes, as pages for a browser."""
