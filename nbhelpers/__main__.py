"""Runs the `nbhelpers` command: `python -m nbhelpers`."""

from nbhelpers.cli.main import main

main(prog_name="nbhelpers")
