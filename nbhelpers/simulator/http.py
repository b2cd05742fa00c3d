"""Requests and responses of the simulator: bodies within bounds, forms of texts, problems with their trace."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from nbhelpers.errors import KitError
from nbhelpers.simulator.rules.problems import Problem, gateway
from nbhelpers.storage.sqlite import storable

__all__ = [
    "LONGEST_BODY",
    "Answer",
    "Body",
    "Form",
    "Handler",
    "TooLong",
    "action",
    "answer",
    "bounded",
    "fields_of",
    "number",
    "page_links",
    "read_body",
    "refused",
    "texts",
]

LONGEST_BODY = 1 << 20  #: bytes; the service's own limit is not known
# ASCII only: a lone surrogate in somebody's text must not become our 500.
_compact = json.JSONEncoder(separators=(",", ":")).encode
#: What answers a request.
Handler = Callable[[Request], Awaitable[Response]]
#: The fields of a form, each with its last value.
Form = dict[str, str]
#: The JSON object of a body.
Body = Mapping[str, Any]

# Seen on every answer of the gateway, by its own tests.
_GATEWAY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-xss-protection", b"1; mode=block"),
    (b"strict-transport-security", b"max-age=31536000; includeSubdomains"),
]


@dataclass(frozen=True)
class Answer:
    """What is answered when nothing is wrong; `body` is None with 204."""

    status: int
    body: Mapping[str, Any] | None = None


class TooLong(Exception):  # noqa: N818 - an answer, not an error
    """The body of a request is longer than the simulator takes."""


async def read_body(request: Request) -> bytes:
    """Return the body. Raises TooLong, and ClientDisconnect when the caller left."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            raise TooLong
    return bytes(body)


def answer(found: Problem | Mapping[str, Any] | None, status: int = 200) -> Response:
    """Answer as the service does: a problem with its trace, a body as JSON, None without one."""
    trace = secrets.token_hex(16)
    if isinstance(found, Problem):
        body, kind = found.body(trace)
        return _Answer(body, found.status, trace, kind)
    if found is None:
        return _Answer(b"", status, trace, None)
    return _Answer(_json(found), status, trace, "application/json")


class _Answer(Response):
    # Starlette's own takes as long to put its headers together as a message takes to be read.
    def __init__(self, body: bytes, status: int, trace: str, kind: str | None) -> None:
        self.body, self.status_code, self.background = body, status, None
        self.raw_headers = [(b"x-nexmo-trace-id", trace.encode()), *_GATEWAY]
        if kind is not None:
            self.raw_headers.append((b"content-type", kind.encode()))
        if status != 204:
            self.raw_headers.append((b"content-length", str(len(body)).encode()))


def refused(status: int, what: str, seen: str = "", next: str = "") -> Response:  # noqa: A002
    """Refuse something under `/_simulator/…`, in the three parts of every message of ours."""
    body = {"error": what, "seen": seen, "next": next}
    return Response(_json(body), status, {"content-type": "application/json"})


def bounded(handler: Handler) -> Handler:
    """Let a handler of the service answer 413 for a body that is too long."""

    async def inner(request: Request) -> Response:
        try:
            return await handler(request)
        except TooLong:
            return answer(gateway(413, "Request Entity Too Large"))

    return inner


def fields_of(body: bytes) -> dict[str, Any]:
    """Read an HTML form, or a JSON object. Raises ValueError for what is neither; a blank value is kept."""
    if body.lstrip()[:1] in (b"{", b"[", b'"'):
        fields = json.loads(body)
        if not isinstance(fields, dict):
            raise ValueError(f"a {type(fields).__name__}, not an object")
        return fields
    pairs = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100)
    return {name: values[-1] for name, values in pairs.items()}


async def texts(request: Request, *known: str) -> dict[str, str]:
    """Read a form or JSON object of texts; KitError names what cannot be used. With none `known` any name is good."""
    try:
        fields = fields_of(await read_body(request))
    except (ValueError, RecursionError):
        raise KitError("The body cannot be read.", "It is neither a form nor JSON.", "Send json={…}.") from None
    unknown = sorted(set(fields) - set(known)) if known else []
    if unknown:
        raise KitError("A field is not known.", f"You sent {', '.join(unknown)}.", f"Known: {', '.join(known)}.")
    fields = {name: value for name, value in fields.items() if value is not None}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise KitError(f"{name} cannot be used.", f"It is a {type(value).__name__}.", "Send a text in quotes.")
    return {storable(name) or "": storable(value) or "" for name, value in fields.items()}


def action(work: Callable[[Form], Body], *known: str) -> Handler:
    """Return a handler that runs `work(form)` on a thread of its own, and answers with the body that it returns.

    The form has the fields of the query and of the body; those in the body must be `known`, if any are.
    """

    async def handler(request: Request) -> Response:
        form = dict(request.query_params) | await texts(request, *known)
        return answer(await asyncio.to_thread(work, form))

    return handler


def page_links(address: str, page: int, pages: int) -> dict[str, dict[str, str]]:
    """Return the links of one page of a list; `address` has `{}` where the number of a page belongs."""
    numbers = {"self": page, "first": 1, "last": pages}
    numbers |= {"prev": page - 1} if page > 1 else {}
    numbers |= {"next": page + 1} if page < pages else {}
    return {name: {"href": address.format(number)} for name, number in numbers.items()}


def number(form: Mapping[str, str], name: str, least: float, most: float) -> float:
    """Read a number of a form. Raises KitError for what is none, and for one that is too small or too large."""
    try:
        read = float(form.get(name, ""))
    except ValueError:
        read = least - 1
    if not least <= read <= most:
        raise KitError(
            f"{name} cannot be that.", f"You gave “{form.get(name, '')}”.", f"Give a number, {least} to {most}."
        )
    return read


def _json(body: Mapping[str, Any]) -> bytes:
    return _compact(body).encode()
