"""The routes under `/_simulator/` that show where webhooks go, which wait and what was called."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nbhelpers.errors import KitError
from nbhelpers.simulator.delivery.routing import Router
from nbhelpers.simulator.http import Body, Form, Handler, action, number
from nbhelpers.simulator.storage.calls import KEPT, Calls
from nbhelpers.simulator.storage.store import Store

__all__ = ["WebhookRoutes"]

_MOST = 1_000_000  # rows that are asked for at once


class WebhookRoutes:
    """The handlers that look at delivery; nothing is changed."""

    def __init__(self, store: Store, router: Router, calls: Calls) -> None:
        self._store, self._router, self._calls = store, router, calls

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return path, method and handler of everything there is, without what guards them."""
        looks = {"routes": self.routes, "webhooks": self.webhooks, "calls": self.calls, "call": self.call}
        return [(path, "GET", action(look)) for path, look in looks.items()]

    def routes(self, form: Form) -> Body:
        """Return where an inbound message and a status would go now: `url`, `method`, `source`; None for nowhere.

        By default of the application to which the newest linked Page is linked. `webhook_url` is a message's own.
        `held_by` says whose two URLs count where no command line or message names one: application or account.
        """
        linked = [page.application_id for page in self._store.pages() if page.application_id]
        application_id = form.get("application_id") or next(iter(linked[::-1]), None)
        application = self._store.application(application_id)
        of_its_own = application is not None and application.messages is not None
        found: dict[str, Any] = {
            "application_id": application_id,
            "held_by": "application" if of_its_own else "account",
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


def _limit(form: Form) -> int:
    return int(number({"limit": "50"} | form, "limit", 1, _MOST))
