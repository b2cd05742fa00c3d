"""Writes a webhook as the service would, in the shape asked for, and puts it into the queue."""

from __future__ import annotations

import functools
import json
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

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

# They stand in a status that is written once for many messages, and are in nobody's text, for nobody can guess them.
_UUID, _MOMENT = secrets.token_hex(16), secrets.token_hex(16)
_ALIKE = 1024  # statuses that are kept so: by the person, the Page and what is said

# Compact, so that a receiver that hashes its own re-serialised JSON finds the same payload_hash as one that hashes the
# raw bytes, as it should.
_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Sent(NamedTuple):
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
    body = message.body(shape)
    body["timestamp"] = _stated(datetime.fromisoformat(body["timestamp"]), shape, switches["time_form"])
    if shape != TODAY and switches["direction"] == "yes":
        body["direction"] = "inbound"
    now = time.time()
    data, words = _compact(body).encode(), _NOWHERE if held else None
    row = (message.message_uuid or "", "inbound", application_id, None, data, now, now, held, words)
    connection.execute(_INSERT, row)
    return body


class StatusChange(NamedTuple):
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
            _status_body(sent, change, switches),
            now,
            change.due,
            held,
            _NOWHERE if held else None,
        )
        for change in statuses
    ]
    connection.executemany(_INSERT, rows)


def _status_body(sent: Sent, change: StatusChange, switches: Mapping[str, str]) -> bytes:
    moment = datetime.fromtimestamp(change.due if change.states is None else change.states, UTC)
    says_usage = change.status == "delivered" and switches["usage"] == "yes"
    is_number = switches["error_title"] == "number"
    ends = sent.shape, sent.channel, sent.page_id, sent.psid, sent.client_ref, sent.workflow
    alike = _alike(*ends, change.status, change.code, change.text, says_usage, is_number)
    stated = _stated(moment, sent.shape, switches["time_form"])
    return alike.replace(_UUID, sent.uuid).replace(_MOMENT, stated).encode()


# Its values one by one: to ask for it by a message and a change without what is new in them costs what it saves.
@functools.lru_cache(_ALIKE)
def _alike(
    shape: str,
    channel: str,
    page_id: str,
    psid: str,
    client_ref: str | None,
    workflow: str | None,
    status: str,
    code: str | None,
    text: str | None,
    says_usage: bool,
    is_number: bool,
) -> str:
    """Return the JSON of a status, with marks for the message's uuid and for the moment, which alone are always new."""
    told = MessageStatus(
        message_uuid=_UUID,
        status=status,
        psid=psid,
        page_id=page_id,
        timestamp=_MOMENT,
        error_code=code,
        error_text=text,
        client_ref=client_ref,
        usage=_USAGE if says_usage else None,
        channel=channel,
    )
    body = told.body(shape)
    if shape == TODAY and "error" in body and is_number:
        body["error"]["title"] = int(body["error"]["title"])
    if shape == TODAY and workflow is not None:
        body["workflow"] = json.loads(workflow)
    return _compact(body)


def _stated(moment: datetime, shape: str, form: str) -> str:
    """Write a time as a webhook of this shape does; `form` is the switch for today's."""
    if shape != TODAY or "." in form:
        return timestamp(moment)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if form.endswith("UTC") else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
