"""Writes a webhook as the service would, in the shape asked for, and puts it into the queue."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nbhelpers.messages.inbound import TODAY, InboundMessage, MessageStatus, timestamp

__all__ = ["SOON", "Sent", "StatusChange", "queue_inbound", "queue_statuses", "time_text"]

_INSERT = (
    "INSERT INTO webhooks (uuid, kind, application_id, webhook_url, body, at, due, held, answer)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SOON = 3.0  #: seconds within which everything that is queued is due for its first try
_NOWHERE = "no webhook URL is set"
# The specification's own example; what a message on Messenger really costs is not known.
_USAGE = {"currency": "EUR", "price": "0.0333"}

# Compact, so that a receiver that hashes its own re-serialised JSON finds the same payload_hash as one that hashes the
# raw bytes, as it should.
_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True)
class Sent:
    """An outbound message as its row has it. `workflow` is its place in a failover, as JSON, None without one."""

    uuid: str
    application_id: str | None
    page_id: str
    psid: str
    channel: str
    version: str
    body: str
    client_ref: str | None
    state: str
    at: float
    shape: str
    webhook_url: str | None
    workflow: str | None


def time_text(moment: float) -> str:
    """Write a time (Unix seconds) as the service does."""
    return timestamp(datetime.fromtimestamp(moment, UTC))


def queue_inbound(
    connection: sqlite3.Connection,
    message: InboundMessage,
    shape: str,
    application_id: str | None,
    switches: Mapping[str, str],
    held: bool,
) -> dict[str, Any]:
    """Queue an inbound message, due now, or `held` while it has nowhere to go; return its body."""
    body = _dressed(message.body(shape), shape, switches)
    if shape != TODAY and switches["direction"] == "yes":
        body["direction"] = "inbound"
    now = time.time()
    data, words = _compact(body).encode(), _NOWHERE if held else None
    row = (message.message_uuid or "", "inbound", application_id, None, data, now, now, held, words)
    connection.execute(_INSERT, row)
    return body


@dataclass(frozen=True)
class StatusChange:
    """One status of an outbound message: due at a moment (Unix seconds), with code and text if it is a refusal.

    `states` is the moment that it says it is of, where that is another.
    """

    status: str
    due: float
    code: str | None = None
    text: str | None = None
    states: float | None = None


def queue_statuses(
    connection: sqlite3.Connection,
    sent: Sent,
    statuses: Sequence[StatusChange],
    switches: Mapping[str, str],
    held: bool,
) -> None:
    """Queue statuses of an outbound message, `held` while they have nowhere to go."""
    now = time.time()
    rows = [
        (
            sent.uuid,
            change.status,
            sent.application_id,
            sent.webhook_url,
            _compact(_status_body(sent, change, switches)).encode(),
            now,
            change.due,
            held,
            _NOWHERE if held else None,
        )
        for change in statuses
    ]
    connection.executemany(_INSERT, rows)


def _status_body(sent: Sent, change: StatusChange, switches: Mapping[str, str]) -> dict[str, Any]:
    stated = MessageStatus(
        message_uuid=sent.uuid,
        status=change.status,
        psid=sent.psid,
        page_id=sent.page_id,
        timestamp=time_text(change.due if change.states is None else change.states),
        error_code=change.code,
        error_text=change.text,
        client_ref=sent.client_ref,
        usage=_USAGE if change.status == "delivered" and switches["usage"] == "yes" else None,
        channel=sent.channel,
    )
    body = _dressed(stated.body(sent.shape), sent.shape, switches)
    if sent.shape == TODAY and sent.workflow is not None:
        body["workflow"] = json.loads(sent.workflow)
    return body


def _dressed(body: dict[str, Any], shape: str, switches: Mapping[str, str]) -> dict[str, Any]:
    """Return a body with what the switches say about today's shape."""
    if shape != TODAY:
        return body
    if "." not in switches["time_form"]:
        when = datetime.fromisoformat(body["timestamp"])
        spaced = switches["time_form"].endswith("UTC")
        body["timestamp"] = f"{when:%Y-%m-%d %H:%M:%S} UTC" if spaced else f"{when:%Y-%m-%dT%H:%M:%SZ}"
    if "error" in body and switches["error_title"] == "number":
        body["error"]["title"] = int(body["error"]["title"])
    return body
