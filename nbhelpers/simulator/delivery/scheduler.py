"""Webhook delivery: takes what is due from the queue, calls, retries, until it is answered or a day old."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import logging
import math
import operator
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from nbhelpers.simulator.delivery.call import Answered, call, open_client
from nbhelpers.simulator.delivery.queue import SOON
from nbhelpers.simulator.delivery.routing import Route, Router
from nbhelpers.simulator.storage.calls import Call, Calls
from nbhelpers.simulator.storage.faults import Faults
from nbhelpers.simulator.storage.store import Store
from nbhelpers.storage.write_batch import WriteBatch

__all__ = ["WAITS", "Deliverer"]

#: Seconds. Documented for the hosted sandbox: 5, 10, … 640, then every 900, for 24 hours; success is 200 to 205.
WAITS = (5, 10, 20, 40, 80, 160, 320, 640, 900)
LONGEST = 24 * 3600.0
_SUCCESS = range(200, 206)

_AT_ONCE, _MOST_AT_ONCE = 64, 256  # calls, without and with those that have not been answered for a while
_SLOW_AFTER, _OF_A_SLOW_ONE = 1.0, 32  # seconds; and how many calls a host and port that hangs may have at once
# While messages come in one after the other, webhooks give way until there is a gap of so many seconds: only as many
# are on their way as there are senders, no more than so many, each with a breath after it. Nothing queued is lost, and
# when very many wait, which is looked at twice a second, they give way no longer.
_BUSY, _FEW, _BREATH = 0.02, 8, 0.002
_MANY, _COUNT = 30_000, 0.5
_MOST_KNOWN = 20_000  # webhooks in memory, most of them for hosts that have their share
_LOW, _FILL = 64, 512  # webhooks in memory: below the one, the queue is read again, so many at a time
_PAUSE = 0.003  # seconds between two readings of the queue: a busy one is then read in large pieces
_LOOK = 5.0  # seconds between two looks at the clock at most: it may have been set, or the computer asleep
_LOOK_FOR_RECEIVER = 0.25  # seconds between two looks for a receiver while webhooks wait for one
_LOOK_FOR_LATE = 2.0  # seconds that a way which has opened is watched for what was found held just before
_SLOW, _AGAIN = 3.0, 1.0  # seconds that a slow webhook comes late, and until a duplicate follows

# Labelled, and about nobody: it must never be taken for a message. That the real form makes a call is not known.
_TEST = b'{"test":"This is a test call of the settings form."}'

_log = logging.getLogger(__name__)
_Way = tuple[str, str | None, str | None]
_Held = tuple[bool, str | None, str | None]  # inbound or status, application, webhook_url


@dataclass(frozen=True)
class _Waiting:
    """A webhook in memory: its row, and how many seconds everything had been aged when that was read."""

    row: sqlite3.Row
    aged: float


def _way(row: sqlite3.Row) -> _Way:
    return row["kind"], row["application_id"], row["webhook_url"]


class Deliverer:
    """Delivers the queue of a store, several webhooks at a time, but of one message one after the other.

    So receipts come in their order as long as each is taken; one that must be tried again holds up no other
    (documented: the queue is per message, and each is retried separately; no order is promised). What has nowhere to
    go is held until there is a URL. Everything here runs on the event loop but for `wake`.
    """

    def __init__(self, store: Store, writes: WriteBatch, router: Router, faults: Faults, calls: Calls) -> None:
        self._store, self._writes, self._router, self._faults = store, writes, router, faults
        self._calls = calls
        self._wake = asyncio.Event()
        self._nudged = -_BUSY  # when a message was accepted last (monotonic)
        self._few = 1.0  # how many deliver while messages come in
        self._are_many, self._counted = False, 0.0  # whether very many wait, and when that was looked at (monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by webhook
        self._landed = asyncio.Event()
        # By host and port: what is on its way there since when (monotonic), the oldest first.
        self._flying: collections.defaultdict[str, dict[int, float]] = collections.defaultdict(dict)
        self._parked: collections.defaultdict[str, collections.deque[_Waiting]]  # for a host that has its share
        self._parked = collections.defaultdict(collections.deque)
        self._known: set[int] = set()  # in memory: ready, behind another of their message, or on their way
        self._behind: dict[str, collections.deque[_Waiting]] = {}  # by message, of which one is ready or on its way
        self._clock = math.inf  # what it said when the queue was read last (Unix seconds)
        self._held: dict[_Held, float] = {}  # what has, or had a moment ago, nowhere to go: since when (monotonic)

    def nudge(self, senders: int) -> None:
        """Say that a message was accepted while so many were being sent; on the event loop itself."""
        self._nudged = time.monotonic()
        self._few = min(_FEW, max(senders, self._few * 0.9))
        self._wake.set()

    def wake(self) -> None:
        """Say that something was queued, or that a URL has changed; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def holds(self, kind: str, application_id: str | None, webhook_url: str | None) -> bool:
        """Say whether a webhook that is queued now must be held, with nowhere to go; from any thread."""
        return self._way_of(kind, application_id, webhook_url) is None

    def _way_of(self, kind: str, application_id: str | None, webhook_url: str | None) -> Route | None:
        route = self._router.route(kind, application_id, webhook_url)
        if route is None:
            self._held[kind == "inbound", application_id, webhook_url] = time.monotonic()
        return route

    async def run(self) -> None:
        """Deliver until cancelled. What is in flight then stays queued, and is delivered again by the next run."""
        self._loop = asyncio.get_running_loop()
        sql = "SELECT DISTINCT kind = 'inbound' AS inbound, application_id, webhook_url FROM webhooks"
        for row in self._store.rows(f"{sql} WHERE outcome IS NULL AND held = 1"):
            self._held[bool(row["inbound"]), row["application_id"], row["webhook_url"]] = time.monotonic()
        async with open_client(_MOST_AT_ONCE) as http:
            dispatcher = asyncio.create_task(self._dispatch(http))
            try:
                while True:
                    self._wake.clear()
                    try:
                        wait = await self._fill()
                    except Exception:  # noqa: BLE001 - whatever it was, it must not end all delivery
                        _log.exception("the queue of webhooks could not be read")
                        wait = 1.0
                    await self._sleep(min(wait, _LOOK))
                    await asyncio.sleep(_PAUSE)
            finally:
                going = [dispatcher, *self._tasks.values()]
                for task in going:
                    task.cancel()
                await asyncio.gather(*going, return_exceptions=True)

    async def status_of(self, url: str) -> int:
        """Return the status that an address answers to an empty GET, 0 when it does not answer."""
        async with open_client() as http:
            return (await call(http, Route(url, "GET", "account"), b"{}", self._store, None)).status

    async def try_webhooks(self) -> list[dict[str, Any]]:
        """Make one test call to each URL of the account's settings, by its method; say what each was answered."""
        account = self._store.account
        calls = []
        async with open_client() as http:
            for url in filter(None, (account.inbound_url, account.status_url)):
                route = Route(url, account.http_method, "account")
                answered = await call(http, route, _TEST, self._store, None)
                outcome = "taken" if answered.status in _SUCCESS else "dropped"
                made = answered.to_call(None, "", "test", 1, route.method, outcome, body=_TEST)
                await self._writes.write(functools.partial(self._calls.keep, call=made))
                facts = {"url": url, "method": account.http_method, "status": answered.status, "words": answered.words}
                calls.append(facts)
        return calls

    async def until_called(self, message_uuid: str) -> None:
        """Wait until every webhook of a message that has somewhere to go was tried, for two seconds at most."""
        until = time.monotonic() + 2.0
        sql = "SELECT 1 FROM webhooks WHERE uuid = ? AND attempts = 0 AND held = 0 AND outcome IS NULL LIMIT 1"
        while self._store.rows(sql, message_uuid) and time.monotonic() < until:
            await asyncio.sleep(0.002)

    # The queue

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _fill(self) -> float:
        """Take what is due into memory; return the seconds until there may be more."""
        await self._release_held()
        if self._ready.qsize() >= _LOW or len(self._known) > _MOST_KNOWN:
            return _LOOK  # a worker that finds few left wakes us
        if time.time() < self._clock:  # at the start too: nobody knows what it said before
            waits = [SOON, *(wait / self._store.account.pace for wait in WAITS)]
            await asyncio.to_thread(self._store.set_clock_back, time.time(), waits)
        now = self._clock = time.time()
        if time.monotonic() - self._counted > _COUNT:
            waiting = self._store.rows("SELECT count(*) AS n FROM webhooks WHERE outcome IS NULL AND held = 0")[0]["n"]
            self._are_many, self._counted = waiting > _MANY, time.monotonic()
        rows = self._store.rows(
            "SELECT * FROM webhooks WHERE outcome IS NULL AND held = 0 AND due <= ? ORDER BY due, id LIMIT ?",
            now,
            len(self._known) + _FILL,
        )
        for row in rows:
            if row["id"] in self._known:
                continue
            self._known.add(row["id"])
            waiting = _Waiting(row, self._store.aged_in_all)
            if row["uuid"] in self._behind:
                self._behind[row["uuid"]].append(waiting)
            else:
                self._behind[row["uuid"]] = collections.deque()
                self._ready.put_nowait(waiting)
        following = self._store.rows(
            "SELECT min(due) AS due FROM webhooks WHERE outcome IS NULL AND held = 0 AND due > ?", now
        )[0]["due"]
        wait = _LOOK if following is None else max(0.0, following - time.time())
        return min(wait, _LOOK_FOR_RECEIVER) if self._held else wait

    async def _release_held(self) -> None:
        for held, since in list(self._held.items()):
            inbound, application_id, webhook_url = held
            kind = "inbound" if inbound else "status"
            if self._router.route(kind, application_id, webhook_url) is None:
                continue
            sql = (
                "UPDATE webhooks SET held = 0 WHERE outcome IS NULL AND held = 1"
                " AND (kind = 'inbound') = ? AND application_id IS ? AND webhook_url IS ?"
            )
            # On the writer's thread: there may be very many.
            released = await asyncio.wrap_future(self._store.write(operator.methodcaller("execute", sql, held)))
            # One that was found to have nowhere to go may be written only now: so it is looked for a little longer.
            if not released.rowcount and time.monotonic() - since > _LOOK_FOR_LATE and self._held.get(held) == since:
                del self._held[held]

    async def _dispatch(self, http: aiohttp.ClientSession) -> None:
        """Send off what is ready, the oldest first, as many at a time as may be on their way now."""
        while True:
            waiting = await self._ready.get()
            while not self._may_fly():
                self._landed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._landed.wait(), _BUSY)
            route = self._router.route(*_way(waiting.row))
            origin = "" if route is None else route.url.split("/", 3)[2]
            flying = self._flying[origin]
            if len(flying) >= _OF_A_SLOW_ONE and next(iter(flying.values())) < time.monotonic() - _SLOW_AFTER:
                self._parked[origin].append(waiting)
                continue
            flying[waiting.row["id"]] = time.monotonic()
            self._tasks[waiting.row["id"]] = asyncio.create_task(self._fly(http, waiting, origin))

    def _may_fly(self) -> bool:
        """Say whether one more call may be made now."""
        count, allowed = len(self._tasks), self._allowed()
        return count < allowed or (count < _MOST_AT_ONCE and count - self._slow() < allowed)

    def _slow(self) -> int:
        """How many calls have not been answered for a while: whoever lets them hang holds up nobody else."""
        before = time.monotonic() - _SLOW_AFTER
        return sum(1 for flying in self._flying.values() for begun in flying.values() if begun < before)

    def _allowed(self) -> int:
        if self._are_many or time.monotonic() - self._nudged > _BUSY:
            return _AT_ONCE
        return max(1, int(self._few))

    async def _fly(self, http: aiohttp.ClientSession, waiting: _Waiting, origin: str) -> None:
        row = waiting.row
        try:
            await self._deliver(http, waiting)
            if self._allowed() < _AT_ONCE:
                await asyncio.sleep(_BREATH)
        except Exception:  # noqa: BLE001 - it stays queued; without a pause it would be called again and again
            _log.exception("a webhook could not be delivered")
            await asyncio.sleep(WAITS[0])
        finally:
            # Before the next of its message is ready: the dispatcher would find this call still on its way, and wait.
            del self._tasks[row["id"]]
            self._known.discard(row["id"])
            del self._flying[origin][row["id"]]
            if self._parked.get(origin):
                self._ready.put_nowait(self._parked[origin].popleft())
            elif not self._flying[origin]:
                del self._flying[origin]
            behind = self._behind[row["uuid"]]
            if behind:
                self._ready.put_nowait(behind.popleft())
            else:
                del self._behind[row["uuid"]]
            self._landed.set()
            if self._ready.qsize() < _LOW:
                self._wake.set()

    async def _deliver(self, http: aiohttp.ClientSession, waiting: _Waiting) -> None:
        row = waiting.row
        aged = self._store.aged_in_all - waiting.aged if row["attempts"] else 0.0  # since it was read
        if time.time() - row["at"] + aged > LONGEST:
            await self._note(row["id"], outcome="dropped", answer="nobody took it within 24 hours")
            return
        way = _way(row)
        route = self._way_of(*way)
        if route is None:
            await self._note(row["id"], held=1, answer="no webhook URL is set")
            return
        if self._faults.take_of_webhook("slow-webhook", row["id"]):
            await self._note(row["id"], due=time.time() + _SLOW, answer="held back by the lesson slow-webhook")
            return
        answered = await self._call(http, row, route)
        attempts = row["attempts"] + 1
        made = functools.partial(answered.to_call, row["id"], row["uuid"], row["kind"], attempts, route.method)
        if answered.status == 0:
            self._router.look_again()
            if self.holds(*way):  # the receiver has gone: another may come
                await self._note(row["id"], made("held"), held=1, answer="no webhook URL is set")
                return
        change = {"attempts": attempts, "called": f"{route.method} {route.url}", "answer": answered.words}
        if answered.status in _SUCCESS and self._faults.take_of_webhook("duplicate-delivery", row["id"]):
            change["answer"] += ", which the lesson duplicate-delivery lost"
            await self._note(row["id"], made("again", _AGAIN), due=time.time() + _AGAIN, **change)
        elif answered.status in _SUCCESS:
            await self._note(row["id"], made("taken"), outcome="delivered", **change)
        elif not self._is_retried(answered.status):
            await self._note(row["id"], made("dropped"), outcome="dropped", **change)
        else:
            wait = WAITS[min(attempts, len(WAITS)) - 1] / self._store.account.pace
            await self._note(row["id"], made("again", wait), due=time.time() + wait, **change)

    async def _call(self, http: aiohttp.ClientSession, row: sqlite3.Row, route: Route) -> Answered:
        if self._faults.take_of_webhook("receiver-down", row["id"], stays=True):
            return Answered(0, "no answer (the lesson receiver-down)", route.url, time.time())
        unsigned = self._faults.take_of_webhook("unsigned", row["id"])
        foreign = not unsigned and self._faults.take_of_webhook("bad-signature", row["id"])
        secret = "not the account's" if foreign else None
        return await call(http, route, row["body"], self._store, row["application_id"], not unsigned, secret)

    def _is_retried(self, status: int) -> bool:
        # 0: no answer at all.
        return self._store.switches["retry_on"] == "any" or status == 0 or status == 429 or status >= 500

    def _note(self, webhook: int, call: Call | None = None, /, **change: Any) -> asyncio.Future[None]:
        names = ", ".join(f"{name} = :{name}" for name in change)
        values = change | {"webhook": webhook}
        sql = f"UPDATE webhooks SET {names} WHERE id = :webhook"  # noqa: S608

        def note(connection: sqlite3.Connection) -> None:
            connection.execute(sql, values)
            if call is not None:
                self._calls.keep(connection, call)

        return self._writes.write(note)
