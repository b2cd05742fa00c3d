"""The `nbhelpers` command with all of its subcommands."""

from __future__ import annotations

# Each of these registers its commands, and loads what they need only when one runs: `--help` loads none of it.
from nbhelpers.cli import account, calls, completion, messages, services, simulator
from nbhelpers.cli.common import main

__all__ = ["account", "calls", "completion", "main", "messages", "services", "simulator"]
