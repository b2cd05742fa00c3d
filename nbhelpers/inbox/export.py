"""Writes what came and went as a file for other programs: JSON, CSV, HAR for a browser, a collection for Postman."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from nbhelpers import __version__
from nbhelpers.config.private_files import write_private
from nbhelpers.errors import InboxError
from nbhelpers.inbox.events import Delivery, Event, one_line
from nbhelpers.inbox.exchanges import as_csv, as_json, page_of
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.encodings import content_of

__all__ = ["FORMS", "exported", "write_export"]

#: By the ending of the file.
FORMS = {".postman_collection.json": "postman", ".json": "json", ".csv": "csv", ".har": "har"}
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_CREDENTIALS = ("authorization", "proxy-authorization", "cookie")
_OF_THE_CONNECTION = (
    "host",
    "connection",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "accept-encoding",
)
_JSON = "application/json"
_ALL = -1  # as SQLite has it
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def exported(inbox: Inbox, form: str, host: str, limit: int | None = None) -> str:
    """Return what is in the inbox as `json`, `csv`, `har` or `postman`; of each the newest `limit`.

    JSON and CSV have a row for each exchange, the newest first, as the inbox table writes them; HAR 1.2 and the
    collection (2.1) an entry for each request, both of what came to the receiver and of what was sent to `host`, the
    base URL of the API. Credentials are left out: the collection asks for a token in its variable `jwt`. What people
    wrote, and their PSIDs, are in all of them.
    """
    if form in ("json", "csv"):
        exchanges = page_of(inbox, limit or sys.maxsize).exchanges
        return as_json(exchanges) if form == "json" else as_csv(exchanges)
    deliveries, replies = inbox.deliveries(limit=limit or _ALL), inbox.events("reply", limit=limit)
    if form == "postman":
        return json.dumps(_collection(deliveries, replies, host), indent=1)
    entries = [_came(delivery) for delivery in deliveries] + [_went(event, host) for event in replies]
    entries.sort(key=lambda entry: str(entry["startedDateTime"]))
    creator = {"name": "nbhelpers", "version": __version__}
    return json.dumps({"log": {"version": "1.2", "creator": creator, "entries": entries[-(limit or 0) :]}}, indent=1)


def write_export(inbox: Inbox, path: Path, host: str) -> str:
    """Write what is in the inbox into a file, readable by you alone, in the form that its ending says; return that.

    Raises InboxError for an ending that says none, and for a place that cannot be written.
    """
    form = next((form for ending, form in FORMS.items() if path.name.endswith(ending)), None)
    if form is None:
        raise InboxError("The file's ending says no form.", f"It is {path.name}.", f"Use {', '.join(FORMS)}.")
    try:
        write_private(path, exported(inbox, form, host).encode())
    except OSError as error:
        raise InboxError("The file cannot be written.", f"{path}: {error.strerror}.", "Name another place.") from None
    return form


def _text(body: bytes, headers: Iterable[tuple[str, str]]) -> str:
    data = content_of(body, headers).data
    return data.decode(json.detect_encoding(data), "replace")


def _base(delivery: Delivery) -> str:
    """Return the address to which a request went, as far as its headers tell."""
    headers = {name.lower(): value for name, value in delivery.headers}
    scheme = "https" if headers.get("x-forwarded-proto") == "https" else "http"
    host = headers.get("host", "")
    return f"{scheme}://{host if _HOST.fullmatch(host) else '127.0.0.1'}"


def _path(delivery: Delivery) -> str:
    return delivery.path if delivery.path.startswith("/") else f"/{delivery.path}"


# HAR, a request with its answer each


def _came(delivery: Delivery) -> dict[str, Any]:
    headers = [(name, "(left out)" if name.lower() in _CREDENTIALS else value) for name, value in delivery.headers]
    kind = next((value for name, value in delivery.headers if name.lower() == "content-type"), "")
    url = _base(delivery) + _path(delivery)
    comment = f"came to the receiver; {delivery.verdict}" + (
        "" if delivery.origin == "wire" else f", {delivery.origin}"
    )
    started = delivery.received.isoformat(timespec="milliseconds")
    body = (kind, _text(delivery.body, delivery.headers)) if delivery.body else None
    return _entry(started, delivery.method, url, headers, body, delivery.answer, "", comment)


def _went(event: Event, host: str) -> dict[str, Any]:
    answer = json.dumps({"message_uuid": event.message_uuid})
    headers = [("Content-Type", _JSON), ("Accept", _JSON), ("Authorization", "(left out)")]
    started = event.received.isoformat(timespec="milliseconds")
    comment = "sent by the kit; of the answer the message_uuid was kept"
    body = (_JSON, event.body.decode("utf-8", "replace"))
    return _entry(started, "POST", host + event.path, headers, body, 202, answer, comment)


def _entry(
    started: str,
    method: str,
    url: str,
    headers: list[tuple[str, str]],
    body: tuple[str, str] | None,
    status: int,
    answer: str,
    comment: str,
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _named(headers),
        "queryString": _named(parse_qsl(url.partition("?")[2], keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": len(body[1].encode()) if body else 0,
    }
    if body is not None:
        request["postData"] = {"mimeType": body[0], "text": body[1]}
    content = {"size": len(answer), "mimeType": _JSON if answer else "x-unknown", "text": answer}
    response = {
        "status": status,
        "statusText": _words(status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _named([("Content-Type", _JSON)] if answer else []),
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": len(answer),
    }
    # How long it took is kept nowhere.
    timings = {"send": 0, "wait": 0, "receive": 0}
    return {
        "startedDateTime": started,
        "time": 0,
        "request": request,
        "response": response,
        "cache": {},
        "timings": timings,
        "comment": comment,
    }


def _named(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _words(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


# Postman, a request to send again each


def _collection(deliveries: list[Delivery], replies: list[Event], host: str) -> dict[str, Any]:
    receiver = _base(deliveries[-1]) if deliveries else "http://127.0.0.1:8710"
    values = {"receiver": receiver, "api": host, "jwt": ""}
    return {
        "info": {
            "name": "What came and went",
            "description": "Put the output of `nbhelpers token` into the variable jwt.",
            "schema": _SCHEMA,
        },
        "variable": [{"key": name, "value": value, "type": "string"} for name, value in values.items()],
        "item": [
            {"name": "What came to the receiver", "item": [_webhook(delivery) for delivery in deliveries]},
            {"name": "What was sent", "item": [_send(event) for event in replies]},
        ],
    }


def _webhook(delivery: Delivery) -> dict[str, Any]:
    left_out = (*_CREDENTIALS, *_OF_THE_CONNECTION)
    headers = [(name, value) for name, value in delivery.headers if name.lower() not in left_out]
    return {
        "name": delivery.line,
        "request": {
            "method": delivery.method,
            "url": "{{receiver}}" + _path(delivery),
            "auth": {"type": "noauth"},
            "header": _keyed(headers),
            "body": {"mode": "raw", "raw": _text(delivery.body, delivery.headers)},
        },
        "response": [],
    }


def _send(event: Event) -> dict[str, Any]:
    return {
        "name": one_line(event.line, 120),
        "request": {
            "method": "POST",
            "url": "{{api}}" + event.path,
            "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{jwt}}", "type": "string"}]},
            "header": _keyed([("Content-Type", _JSON), ("Accept", _JSON)]),
            "body": {"mode": "raw", "raw": event.body.decode("utf-8", "replace")},
        },
        "response": [],
    }


def _keyed(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": name, "value": value} for name, value in pairs]
