"""Webhook delivery: routes, signs, posts and retries what is queued, until it is answered or a day old."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urlencode

import aiohttp

from nbhelpers.signatures import sign
from nbhelpers.simulator.store import Store

__all__ = ["WAITS", "Deliverer", "Route"]

# Seconds. Documented for the hosted sandbox: 5, 10, … 640, then every 900, for 24 hours; success is 200 to 205.
WAITS = (5, 10, 20, 40, 80, 160, 320, 640, 900)
LONGEST = 24 * 3600.0
_SUCCESS = range(200, 206)

# Seconds to connect, and to the answer: from an article about SMS webhooks; for Messages they are not documented.
_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=3)
_KEEP = 3.0  # seconds that an idle connection is kept: less than the 5 after which common servers close theirs
_AT_ONCE = 64

# Labelled, and about nobody: it must never be taken for a message. That the real form makes a call is not known.
_TEST = b'{"test":"This is a test call of the settings form."}'
_OF_ONE = 3  # webhooks of one message at most: submitted, delivered or rejected, read
_LOOK = 5.0  # seconds between two looks at the clock at most: it may have been set, or the computer asleep
_LOOK_FOR_DOOR = 0.25  # seconds between two looks for a receiver while webhooks wait for one

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """Where a webhook goes, and by which HTTP method."""

    url: str
    method: str


class Deliverer:
    """Delivers the queue of a store, several webhooks at a time, but of one message one after the other.

    So receipts come in their order as long as each is taken; one that must be tried again holds up no other
    (documented: the queue is per message, and each is retried separately; no order is promised).

    `given(kind)` gives a URL that stands in for the account's settings, `fallback(kind)` the one of last resort; each
    None when there is none. `kind` is `inbound` or the status.
    """

    def __init__(self, store: Store, given: Callable[[str], str | None], fallback: Callable[[str], str | None]) -> None:
        self._store, self._given, self._fallback = store, given, fallback
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flying: set[str] = set()  # the messages of which a webhook is on its way
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Say that something was queued, or that a URL has changed; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Deliver until cancelled. What is in flight then stays queued, and is delivered again by the next run."""
        self._loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=_AT_ONCE, keepalive_timeout=_KEEP)
        async with aiohttp.ClientSession(
            connector=connector, timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()
        ) as http:
            try:
                while True:
                    self._wake.clear()
                    try:
                        wait = await self._start_due(http)
                    except Exception:  # noqa: BLE001 - whatever it was, it must not end all delivery
                        _log.exception("the queue of webhooks could not be read")
                        wait = 1.0
                    await self._sleep(min(wait, _LOOK))
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def route(self, kind: str, application_id: str | None, webhook_url: str | None) -> Route | None:
        """Say where a webhook goes now, None when there is nowhere yet.

        A status goes to the message's own `webhook_url` if it has one (v1). Otherwise, as documented, what belongs to
        an application goes to the application's URLs, by POST, and everything else to the account's, by its method;
        so does what belongs to an application without the messages capability, such as the guide's.
        """
        if webhook_url and kind != "inbound":
            return Route(webhook_url, "POST")
        name = "inbound_url" if kind == "inbound" else "status_url"
        application = self._store.application(application_id)
        if application is not None and application.messages is not None:
            address = application.messages.get("webhooks", {}).get(name, {}).get("address")
            if address:
                return Route(address, "POST")
        if given := self._given(kind):
            return Route(given, "POST")
        if application is None or application.messages is None:
            account = self._store.account()
            url = account.inbound_url if kind == "inbound" else account.status_url
            if url:
                return Route(url, account.http_method)
        url = self._fallback(kind)
        return Route(url, "POST") if url else None

    async def status_of(self, url: str) -> int:
        """Return the status that an address answers to an empty GET, 0 when it does not answer."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as http:
            status, _ = await _call(http, Route(url, "GET"), b"{}", self._store, None)
            return status

    async def try_webhooks(self) -> list[dict[str, Any]]:
        """Make one test call to each URL of the account's settings, by its method; say what each was answered."""
        account = self._store.account()
        calls = []
        async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as http:
            for url in (account.inbound_url, account.status_url):
                if url:
                    route = Route(url, account.http_method)
                    status, words = await _call(http, route, _TEST, self._store, None)
                    calls.append({"url": url, "method": route.method, "status": status, "words": words})
        return calls

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _start_due(self, http: aiohttp.ClientSession) -> float:
        """Start what is due; return the seconds until there may be more."""
        await self._release_held()
        now = time.time()
        rows = self._store.rows(
            "SELECT * FROM webhooks WHERE outcome IS NULL AND held = 0 AND due <= ? ORDER BY due, id LIMIT ?",
            now,
            _AT_ONCE * _OF_ONE,  # enough to find one that may start, if there is one
        )
        # Sorted out at once: what lands while others are started must not be started again from its old row.
        for row in [row for row in rows if row["uuid"] not in self._flying]:
            if len(self._flying) >= _AT_ONCE:
                return _LOOK  # whatever lands wakes us
            if row["uuid"] not in self._flying:
                await self._start(http, row, now)
        following = self._store.rows(
            "SELECT min(due) AS due FROM webhooks WHERE outcome IS NULL AND held = 0 AND due > ?", now
        )[0]["due"]
        wait = _LOOK if following is None else max(0.0, following - time.time())
        return min(wait, _LOOK_FOR_DOOR) if self._held() else wait

    async def _start(self, http: aiohttp.ClientSession, row: sqlite3.Row, now: float) -> None:
        if now - row["at"] > LONGEST:
            await self._note(row["id"], outcome="dropped", answer="nobody took it within 24 hours")
            return
        route = self.route(row["kind"], row["application_id"], row["webhook_url"])
        if route is None:
            await self._note(row["id"], held=1, answer="no webhook URL is set")
            return
        self._flying.add(row["uuid"])
        task = asyncio.get_running_loop().create_task(self._deliver(http, row, route))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, http: aiohttp.ClientSession, row: sqlite3.Row, route: Route) -> None:
        try:
            status, words = await _call(http, route, row["body"], self._store, row["application_id"])
            attempts = row["attempts"] + 1
            change = {"attempts": attempts, "called": f"{route.method} {route.url}", "answer": words}
            if status in _SUCCESS:
                await self._note(row["id"], outcome="delivered", **change)
            elif not self._is_retried(status):
                await self._note(row["id"], outcome="dropped", **change)
            else:
                wait = WAITS[min(attempts, len(WAITS)) - 1]
                await self._note(row["id"], due=time.time() + wait, **change)
        except Exception:  # noqa: BLE001 - it stays queued; without a pause it would be called again and again
            _log.exception("a webhook could not be delivered")
            await asyncio.sleep(WAITS[0])
        finally:
            self._flying.discard(row["uuid"])
            self._wake.set()

    def _is_retried(self, status: int) -> bool:
        # 0: no answer at all.
        return self._store.switches["retry_on"] == "any" or status == 0 or status == 429 or status >= 500

    async def _note(self, webhook: int, **change: Any) -> None:
        names = ", ".join(f"{name} = :{name}" for name in change)
        values = change | {"webhook": webhook}
        sql = f"UPDATE webhooks SET {names} WHERE id = :webhook"  # noqa: S608
        await asyncio.wrap_future(self._store.write(lambda connection: connection.execute(sql, values) and None))

    def _held(self) -> bool:
        return bool(self._store.rows("SELECT 1 FROM webhooks WHERE outcome IS NULL AND held = 1 LIMIT 1"))

    async def _release_held(self) -> None:
        routes = self._store.rows(
            "SELECT DISTINCT kind = 'inbound' AS inbound, application_id, webhook_url FROM webhooks"
            " WHERE outcome IS NULL AND held = 1"
        )
        for row in routes:
            kind = "inbound" if row["inbound"] else "status"
            if self.route(kind, row["application_id"], row["webhook_url"]) is not None:
                values = (row["inbound"], row["application_id"], row["webhook_url"])
                await asyncio.wrap_future(
                    self._store.write(
                        lambda connection, values=values: (
                            connection.execute(
                                "UPDATE webhooks SET held = 0 WHERE outcome IS NULL AND held = 1"
                                " AND (kind = 'inbound') = ? AND application_id IS ? AND webhook_url IS ?",
                                values,
                            )
                            and None
                        )
                    )
                )


async def _call(
    http: aiohttp.ClientSession, route: Route, body: bytes, store: Store, application_id: str | None
) -> tuple[int, str]:
    url, data, account = route.url, body, store.account()
    headers = {"User-Agent": "nbhelpers-simulator"}  # the service's own is not known
    if route.method == "GET":
        url, data = _with_query(url, body, store.switches["get_form"]), b""
    else:
        headers["Content-Type"] = "application/json"
    if store.switches["signed"] == "yes":
        headers["Authorization"] = sign(data, account.signature_secret, account.api_key, application_id)
    try:
        async with http.request(route.method, url, data=data or None, headers=headers, allow_redirects=False) as answer:
            # The status is the answer. Its words do not matter, but once read the connection can be used again.
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await answer.content.read(65_536)
            return answer.status, f"answered {answer.status}"
    except TimeoutError:
        return 0, "no answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return 0, f"no answer ({type(error).__name__})"


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
