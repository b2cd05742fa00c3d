"""The routes under `/_simulator/` that show where webhooks go, which wait, what was called and what was accepted."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

from nbhelpers.errors import KitError
from nbhelpers.simulator.control.record import record_of
from nbhelpers.simulator.delivery.routing import Router
from nbhelpers.simulator.http import Body, Form, Handler, action, number
from nbhelpers.simulator.storage.api_calls import ApiCalls
from nbhelpers.simulator.storage.calls import KEPT, Calls
from nbhelpers.simulator.storage.store import Store

__all__ = ["WebhookRoutes"]

_MOST = 1_000_000  # rows that are asked for at once


class WebhookRoutes:
    """The handlers that look at delivery; nothing is changed."""

    def __init__(self, store: Store, router: Router, calls: Calls, asked: ApiCalls) -> None:
        self._store, self._router, self._calls, self._asked = store, router, calls, asked

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return path, method and handler of everything there is, without what guards them."""
        looks = {
            "routes": self.routes,
            "webhooks": self.webhooks,
            "calls": self.calls,
            "call": self.call,
            "accepted": self.accepted,
            "record": self.record,
            "record/mark": self.mark,
        }
        return [(path, "GET", action(look)) for path, look in looks.items()]

    def mark(self, _form: Form) -> Body:
        """Return numbers that differ as soon as the record does."""
        rows = self._store.rows("SELECT (SELECT max(rowid) FROM messages) AS m, (SELECT max(id) FROM webhooks) AS w")
        return {"mark": [self._calls.newest(), self._asked.newest, rows[0]["m"], rows[0]["w"]]}

    def routes(self, form: Form) -> Body:
        """Return where an inbound message and a status would go now: `url`, `method`, `source`; None for nowhere.

        By default of the application to which the newest linked Page is linked. `webhook_url` is a message's own.
        `held_by` says whose two URLs count where no command line or message names one: application or account;
        `finds_receiver`, whether what has nowhere to go waits for a receiver.
        """
        linked = [page.application_id for page in self._store.pages() if page.application_id]
        application_id = form.get("application_id") or next(iter(linked[::-1]), None)
        application = self._store.application(application_id)
        of_its_own = application is not None and application.messages is not None
        found: dict[str, Any] = {
            "application_id": application_id,
            "held_by": "application" if of_its_own else "account",
            "finds_receiver": self._router.finds_receiver,
        }
        for kind in ("inbound", "status"):
            route = self._router.route(kind, application_id, form.get("webhook_url"))
            found[kind] = asdict(route) if route else None
        return found

    def webhooks(self, form: Form) -> Body:
        """Return the newest webhooks, fifty unless `limit` says otherwise; `uuid` names a message."""
        names = "id, uuid, kind, at, due, attempts, held, outcome, answer, called"
        where, values = ("", []) if "uuid" not in form else ("WHERE uuid = ?", [form["uuid"]])
        sql = f"SELECT {names} FROM webhooks {where} ORDER BY id DESC LIMIT ?"  # noqa: S608
        return {"webhooks": [dict(row) for row in self._store.rows(sql, *values, _limit(form))]}

    def calls(self, form: Form) -> Body:
        """Return the newest calls, oldest first: those `after` a number, those of one message with its `uuid`."""
        after = int(number({"after": "0"} | form, "after", 0, 2**53))
        return {"calls": self._calls.listed(after, _limit(form), form.get("uuid"))}

    def call(self, form: Form) -> Body:
        """Return one call: request, headers, body, answer, tries."""
        asked = int(number(form, "number", 1, 2**53))
        found = self._calls.opened(asked)
        if found is None:
            newest = self._calls.newest()
            kept = f"There are {max(1, newest - KEPT + 1)} to {newest}" if newest else "Nothing was called yet"
            raise KitError(f"There is no call {asked}.", f"{kept}.", "`nbhelpers calls` lists them.")
        return {"call": found}

    def accepted(self, form: Form) -> Body:
        """Return the newest messages that were accepted for people, newest first."""
        names = "uuid, application_id, page_id, psid, version, state, at, webhook_url, body"
        sql = f"SELECT {names} FROM messages WHERE way = 'out' ORDER BY rowid DESC LIMIT ?"  # noqa: S608
        rows = self._store.rows(sql, _limit(form))
        return {"accepted": [dict(row) | {"body": json.loads(row["body"])} for row in rows]}

    def record(self, form: Form) -> Body:
        """Return what happened to one message, or to all of the last so many seconds."""
        lately = number({"lately": "60"} | form, "lately", 0, 86_400)
        return record_of(self._store, self._calls, self._asked, form.get("uuid"), time.time() - lately)


def _limit(form: Form) -> int:
    return int(number({"limit": "50"} | form, "limit", 1, _MOST))
