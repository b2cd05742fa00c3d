"""Writes a webhook as the service would, in the shape asked for, and puts it into the queue."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nbhelpers.messages import TODAY, InboundMessage, MessageStatus, timestamp

__all__ = ["Sent", "queue_inbound", "queue_status", "time_text"]

# The specification's own example; what a message on Messenger really costs is not known.
_USAGE = {"currency": "EUR", "price": "0.0333"}


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
) -> dict[str, Any]:
    """Queue an inbound message, due now; return its body."""
    body = _dressed(message.body(shape), shape, switches)
    if shape != TODAY and switches["direction"] == "yes":
        body["direction"] = "inbound"
    now = time.time()
    _queue(connection, message.message_uuid or "", "inbound", application_id, None, body, now)
    return body


def queue_status(
    connection: sqlite3.Connection,
    sent: Sent,
    status: str,
    due: float,
    switches: Mapping[str, str],
    code: str | None = None,
    text: str | None = None,
) -> None:
    """Queue a status of an outbound message for the moment `due`, with the code and text of its refusal, if any."""
    told = MessageStatus(
        message_uuid=sent.uuid,
        status=status,
        psid=sent.psid,
        page_id=sent.page_id,
        timestamp=time_text(due),
        error_code=code,
        error_text=text,
        client_ref=sent.client_ref,
        usage=_USAGE if status == "delivered" and switches["usage"] == "yes" else None,
    )
    body = _dressed(told.body(sent.shape), sent.shape, switches)
    if sent.shape == TODAY:
        body["channel"] = sent.channel
        if sent.workflow is not None:
            body["workflow"] = json.loads(sent.workflow)
    else:
        for end, value in (("to", sent.psid), ("from", sent.page_id)):
            body[end] = {"type": sent.channel, "id" if sent.channel == "messenger" else "number": value}
    _queue(connection, sent.uuid, status, sent.application_id, sent.webhook_url, body, due)


def _dressed(body: dict[str, Any], shape: str, switches: Mapping[str, str]) -> dict[str, Any]:
    """Return a body with what the switches say about today's shape."""
    if shape != TODAY:
        return body
    when = datetime.fromisoformat(body["timestamp"])
    if switches["time_form"].endswith("UTC"):
        body["timestamp"] = f"{when:%Y-%m-%d %H:%M:%S} UTC"
    elif "." not in switches["time_form"]:
        body["timestamp"] = f"{when:%Y-%m-%dT%H:%M:%SZ}"
    if "error" in body and switches["error_title"] == "number":
        body["error"]["title"] = int(body["error"]["title"])
    return body


def _queue(
    connection: sqlite3.Connection,
    message_uuid: str,
    kind: str,
    application_id: str | None,
    webhook_url: str | None,
    body: dict[str, Any],
    due: float,
) -> None:
    # Compact, so that a receiver that hashes its own re-serialised JSON finds the same payload_hash as one that
    # hashes the raw bytes, as it should.
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    connection.execute(
        "INSERT INTO webhooks (uuid, kind, application_id, webhook_url, body, at, due) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (message_uuid, kind, application_id, webhook_url, data, time.time(), due),
    )
