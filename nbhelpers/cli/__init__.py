"""The `nbhelpers` command, one file for each group of commands."""
