"""Accepts or refuses a message that was read: who may send it, its outcome, receipts and failover, in one commit."""

from __future__ import annotations

import collections
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nbhelpers.messages.inbound import GUIDE, TODAY
from nbhelpers.simulator.delivery.queue import Sent, StatusChange, queue_statuses
from nbhelpers.simulator.rules.messenger import REFUSALS
from nbhelpers.simulator.rules.problems import Problem, invalid_v01, low_balance, problem_v1, rate_limited, unauthorised
from nbhelpers.simulator.sending.auth import Caller
from nbhelpers.simulator.sending.outcome import outcome_of
from nbhelpers.simulator.sending.request import MESSENGER, Outgoing
from nbhelpers.simulator.storage.faults import Faults
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Application, Page

__all__ = ["Accepted", "Acceptor", "Holds", "Lessons", "delivered_after", "shape_of"]

_INSERT = f"INSERT INTO messages (way, {', '.join(Sent._fields)}) VALUES ('out'{', ?' * len(Sent._fields)})"  # noqa: S608

# Seconds from "accepted" to the receipts, in which the eye can follow.
_SUBMITTED_AFTER, _DELIVERED_AFTER = 0.02, 0.15


@dataclass(frozen=True)
class Lessons:
    """What goes wrong with one message: faults by name, and the refusal that was asked for (status and code)."""

    names: frozenset[str] = frozenset()
    asked: tuple[str, str] | None = None


#: Whether something holds for a Page and a person.
Holds = Callable[[str, str | None, str | None], bool]


@dataclass(frozen=True)
class Accepted:
    """What the caller is told: `workflow_id` only when a failover was sent.

    `receipts_first` says that the receipts are to arrive before the answer does.
    """

    message_uuid: str
    workflow_id: str | None = None
    receipts_first: bool = False

    @property
    def body(self) -> dict[str, str]:
        """The body of the 202."""
        body = {"message_uuid": self.message_uuid}
        return body if self.workflow_id is None else body | {"workflow_id": self.workflow_id}


class Acceptor:
    """The Messages API's own desk: what it refuses before it looks at the message, and what it does with a good one.

    `holds(kind, application_id, webhook_url)` says whether a webhook has nowhere to go. With `accept_any` every sender
    is linked and every recipient has just written.
    """

    def __init__(self, store: Store, faults: Faults, holds: Holds, accept_any: bool = False) -> None:
        self._store, self._faults, self._holds, self.accept_any = store, faults, holds, accept_any
        self._calls: dict[str | None, collections.deque[float]] = {}

    def may_call(self, caller: Caller, version: str) -> Problem | None:
        """Give the service's error when the caller sends too fast or has no credit, else None.

        Credit is looked at before the body (gateway tests); that the rate is looked at first is inferred.
        """
        if caller.application is not None:
            # Both would be a 401 before anybody looked at the rate; one lesson at a time is enough.
            for name in ("expired-token", "wrong-key"):
                if self._faults.take(name):
                    worded = self._store.switches["unauthorised"] == "specification"
                    return unauthorised(version=version if worded else None)
        if self._faults.take("rate-limit") or not self._is_slow_enough(caller):
            return rate_limited(self._store.switches["rate_limit_fragment"])
        low = self._store.account.balance == "low" or self._faults.take("low-balance")
        return low_balance(version) if low else None

    def may_send(self, caller: Caller, outgoing: Outgoing, version: str) -> Problem | None:
        """Give the service's error when the sender is no Page that this caller may speak for, else None."""
        if self.accept_any or self._store.switches["unlinked_page"] == "later":
            return None
        messages = [each for each in (outgoing, *outgoing.failover) if each.channel == MESSENGER]
        if all(self._sender(caller, each) for each in messages):
            return None
        if version == "v1":
            return problem_v1(1120)
        return invalid_v01([("from.id", "is not a linked Facebook Page.")])

    def prepared(self) -> Lessons:
        """Take what goes wrong with the next message: once, before it is written, since a commit may be tried again."""
        return Lessons(self._faults.of_message(), self._faults.take_refusal())

    def take(
        self,
        connection: sqlite3.Connection,
        caller: Caller,
        outgoing: Outgoing,
        version: str,
        body: str,
        lessons: Lessons,
    ) -> Accepted:
        """Store an accepted message with its fate and its status webhooks, in one commit.

        With a failover the next message is sent when the one before is rejected, each under a uuid of its own; that it
        is sent at the moment of the refusal is inferred.
        """
        items = (outgoing, *outgoing.failover)
        pause = delivered_after(self._store.switches)
        workflow_id = str(uuid.uuid4()) if outgoing.failover else None
        begins, first = time.time(), None
        for number, item in enumerate(items, 1):
            place = {"workflow_id": workflow_id, "items_number": str(number), "items_total": str(len(items))}
            workflow = json.dumps(place) if workflow_id else None
            sent = self._send(connection, caller, item, version, item.body or body, begins, workflow, lessons)
            lessons = Lessons(lessons.names)  # a refusal that was asked for is one message's
            first = first or sent
            if sent.state != "rejected":
                break
            begins += pause
        assert first is not None  # noqa: S101 - there is one message at least
        return Accepted(first.uuid, workflow_id, "receipt-before-reply" in lessons.names)

    def _send(
        self,
        connection: sqlite3.Connection,
        caller: Caller,
        outgoing: Outgoing,
        version: str,
        body: str,
        begins: float,
        workflow: str | None,
        lessons: Lessons,
    ) -> Sent:
        switches = self._store.switches
        sender = self._sender(caller, outgoing)
        state, code = outcome_of(connection, outgoing, sender, self.accept_any, switches, lessons.names, lessons.asked)
        application = caller.application
        sent = Sent(
            uuid=str(uuid.uuid4()),
            application_id=application.id if application else None,
            page_id=outgoing.page_id,
            psid=outgoing.psid,
            channel=outgoing.channel,
            version=version,
            body=body,
            client_ref=outgoing.client_ref,
            state=state,
            at=begins,
            shape=outgoing.webhook_version or shape_of(self._store, application),
            webhook_url=outgoing.webhook_url,
            workflow=workflow,
        )
        connection.execute(_INSERT, sent)
        pause = delivered_after(switches)
        first = begins + min(pause, _SUBMITTED_AFTER)
        # Out of order: the first is due long enough after the second to come after it, and states its own moment.
        due = begins + 3 * _DELIVERED_AFTER if "receipts-out-of-order" in lessons.names else first
        held = self._holds(state, sent.application_id, sent.webhook_url)
        text = REFUSALS[code].text if code else None
        last = StatusChange(state, begins + pause, code, text)
        queue_statuses(connection, sent, (StatusChange("submitted", due, states=first), last), switches, held)
        return sent

    def _sender(self, caller: Caller, outgoing: Outgoing) -> Page | None:
        """Return the Page that a message comes from, None when the caller may not speak for it."""
        page = self._store.page(outgoing.page_id)
        if page is None or page.id != outgoing.page_id or page.account_token is None:
            return None
        return page if caller.application is None or caller.application.id == page.application_id else None

    def _is_slow_enough(self, caller: Caller) -> bool:
        limit = self._store.switches["rate_limit"]
        if limit == "none":
            return True
        key = caller.application.id if caller.application else None
        calls, now = self._calls.setdefault(key, collections.deque()), time.monotonic()
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) >= int(limit):
            return False
        calls.append(now)
        return True


def delivered_after(switches: Mapping[str, str]) -> float:
    """Return the seconds from the acceptance of a message to its last receipt."""
    return _DELIVERED_AFTER if switches["receipts"] == "in 0.15 s" else 0.0


def shape_of(store: Store, application: Application | None) -> str:
    """Return the shape in which webhooks go: as the application has it, else as the account has it."""
    messages: Mapping[str, object] | None = application.messages if application else None
    if messages is None:
        return store.account.shape
    return TODAY if messages.get("version", TODAY) == "v1" else GUIDE
