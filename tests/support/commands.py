"""What the inbox of a shell holds, asked through the command."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Shell


def inbox_of(shell: Shell) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shell("inbox", "--json").stdout.splitlines()]


def happened(shell: Shell, uuid: str) -> list[str]:
    return [event["status"] or event["kind"] for event in inbox_of(shell) if event["message_uuid"] == uuid]
