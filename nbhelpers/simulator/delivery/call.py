"""Calls a webhook once: signs it, sends it, and says in words what was answered."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urlencode

import aiohttp

from nbhelpers.auth.signatures import sign
from nbhelpers.simulator.delivery.routing import Route
from nbhelpers.simulator.storage.store import Store

__all__ = ["Answered", "call", "open_client"]

# Seconds to connect, and to the answer: from an article about SMS webhooks; for Messages they are not documented.
_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=3)
_KEEP = 3.0  # seconds that an idle connection is kept: less than the 5 after which common servers close theirs


@dataclass(frozen=True)
class Answered:
    """What a server answered: `status` is 0 when nothing came; `words` say it."""

    status: int
    words: str


def open_client(at_once: int = 2) -> aiohttp.ClientSession:
    """Return a client for webhooks with at most so many connections; it follows nobody and keeps no cookies."""
    connector = aiohttp.TCPConnector(limit=at_once, keepalive_timeout=_KEEP)
    return aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())


async def call(
    http: aiohttp.ClientSession,
    route: Route,
    body: bytes,
    store: Store,
    application_id: str | None,
    signed: bool = True,
    secret: str | None = None,
) -> Answered:
    """Make one call. `signed` and `secret` are for lessons: a webhook without a signature, or with a wrong one."""
    url, data, account = route.url, body, store.account
    headers = {"User-Agent": "nbhelpers-simulator"}  # the service's own is not known
    if route.method == "GET":
        url, data = _with_query(url, body, store.switches["get_form"]), b""
    else:
        headers["Content-Type"] = "application/json"
    if signed and store.switches["signed"] == "yes":
        headers["Authorization"] = sign(data, secret or account.signature_secret, account.api_key, application_id)
    try:
        async with http.request(route.method, url, data=data or None, headers=headers, allow_redirects=False) as answer:
            # The status is the answer. Its words do not matter, but once read the connection can be used again.
            if not answer.content.at_eof():
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    await answer.content.read(65_536)
            return Answered(answer.status, f"answered {answer.status}")
    except TimeoutError:
        return Answered(0, "no answer in time")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answered(0, f"no answer ({type(error).__name__})")


def _with_query(url: str, body: bytes, form: str) -> str:
    fields = {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        for name, value in (_dotted(json.loads(body)) if form == "dotted" else json.loads(body)).items()
    }
    url = urldefrag(url).url
    if not fields:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"


def _dotted(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of nested objects under one name each, with dots between."""
    flat: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in _dotted(value).items()}
        else:
            flat[name] = value
    return flat
