"""Calls a webhook once: signs it, sends it, and says in words what was answered."""

from __future__ import annotations

import contextlib
import errno
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urlencode

import aiohttp

from nbhelpers.auth.signatures import sign
from nbhelpers.simulator.delivery.routing import Route
from nbhelpers.simulator.storage.calls import LONGEST_ANSWER, NOBODY, Call, Headers
from nbhelpers.simulator.storage.store import Store

__all__ = ["Answered", "call", "open_client"]

# Seconds to connect, and to the answer: from an article about SMS webhooks; for Messages they are not documented.
_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=3)
_KEEP = 3.0  # seconds that an idle connection is kept: less than the 5 after which common servers close theirs


class Answered(NamedTuple):
    """What a server answered: `status` is 0 when nothing came; `words` say it.

    The rest is what was sent, when (Unix seconds), how long it took, and the beginning of what came.
    """

    status: int
    words: str
    url: str = ""
    at: float = 0.0
    seconds: float = 0.0
    headers: Headers = ()
    answer_headers: Headers = ()
    answer_body: bytes = b""

    def to_call(
        self,
        webhook: int | None,
        uuid: str,
        kind: str,
        attempt: int,
        method: str,
        outcome: str,
        again: float | None = None,
        body: bytes | None = None,
    ) -> Call:
        """Return it as the log of calls keeps it, with what the queue knows of its webhook."""
        return Call(
            webhook=webhook,
            uuid=uuid,
            kind=kind,
            attempt=attempt,
            at=self.at,
            seconds=self.seconds,
            method=method,
            url=self.url,
            headers=self.headers,
            status=self.status,
            words=self.words,
            answer_headers=self.answer_headers,
            answer_body=self.answer_body,
            outcome=outcome,
            again=again,
            body=body,
        )


def open_client(at_once: int = 2) -> aiohttp.ClientSession:
    """Return a client for webhooks with at most so many connections; it follows nobody and keeps no cookies."""
    # Without a resolver named, aiohttp takes one that leaves a thread of its own behind, where that is installed.
    connector = aiohttp.TCPConnector(limit=at_once, keepalive_timeout=_KEEP, resolver=aiohttp.ThreadedResolver())
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
    at, begun = time.time(), time.monotonic()
    try:
        async with http.request(route.method, url, data=data or None, headers=headers, allow_redirects=False) as answer:
            seconds, came = time.monotonic() - begun, b""
            # The status is the answer. What follows is only kept, but once read the connection can be used again.
            if not answer.content.at_eof():
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    came = await answer.content.read(65_536)
            words = f"answered {answer.status}"
            sent, back = _pairs(answer.request_info.headers), _pairs(answer.headers)
            return Answered(answer.status, words, url, at, seconds, sent, back, came[:LONGEST_ANSWER])
    except TimeoutError:
        words = "no answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        refused = isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno == errno.ECONNREFUSED
        words = NOBODY if refused else f"no answer ({type(error).__name__})"
    return Answered(0, words, url, at, time.monotonic() - begun, _pairs(headers))


def _pairs(headers: Mapping[str, str]) -> Headers:
    return tuple(headers.items())


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
