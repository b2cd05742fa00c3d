"""The routes under `/_simulator/` that show where webhooks go, which wait, what was called and what was sent."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from nbhelpers.errors import KitError
from nbhelpers.simulator.delivery.routing import Router
from nbhelpers.simulator.http import Handler, answer, number
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
        return [
            ("routes", "GET", self.routes),
            ("webhooks", "GET", self.webhooks),
            ("calls", "GET", self.calls),
            ("calls/{number:int}", "GET", self.call),
            ("sent", "GET", self.sent),
        ]

    async def routes(self, request: Request) -> Response:
        """Where an inbound message and a status would go now: `url`, `method`, `source`; null when there is nowhere.

        By default of the application to which the newest linked Page is linked. `webhook_url` is a message's own.
        """
        linked = [page.application_id for page in self._store.pages() if page.application_id]
        application_id = request.query_params.get("application_id") or next(iter(linked[::-1]), None)
        found: dict[str, Any] = {"application_id": application_id}
        for kind in ("inbound", "status"):
            route = self._router.route(kind, application_id, request.query_params.get("webhook_url"))
            found[kind] = asdict(route) if route else None
        return answer(found)

    async def webhooks(self, request: Request) -> Response:
        """Answer with the newest webhooks, fifty unless `limit` says otherwise; `uuid` names a message."""
        names = "id, uuid, kind, at, due, attempts, held, outcome, answer, called"
        where, values = _of_a_message(request)
        rows = self._store.rows(
            f"SELECT {names} FROM webhooks {where} ORDER BY id DESC LIMIT ?",  # noqa: S608
            *values,
            _limit(request),
        )
        return answer({"webhooks": [dict(row) for row in rows]})

    async def calls(self, request: Request) -> Response:
        """Answer with the newest calls, oldest first: those `after` a number, those of one message with its `uuid`."""
        after = int(number({"after": request.query_params.get("after", "0")}, "after", 0, 2**53))
        return answer({"calls": self._calls.listed(after, _limit(request), request.query_params.get("uuid"))})

    async def call(self, request: Request) -> Response:
        """Answer with one call: request, headers, body, answer, tries."""
        asked = request.path_params["number"]
        found = self._calls.opened(asked) if asked < 2**63 else None
        if found is None:
            newest = self._calls.newest()
            kept = f"There are {max(1, newest - KEPT + 1)} to {newest}" if newest else "Nothing was called yet"
            raise KitError(f"There is no call {asked}.", f"{kept}.", "`nbhelpers calls` lists them.")
        return answer({"call": found})

    async def sent(self, request: Request) -> Response:
        """Answer with the newest messages that were accepted for people, newest first."""
        names = "uuid, application_id, page_id, psid, version, state, at, webhook_url, body"
        rows = self._store.rows(
            f"SELECT {names} FROM messages WHERE way = 'out' ORDER BY at DESC, rowid DESC LIMIT ?",  # noqa: S608
            _limit(request),
        )
        return answer({"sent": [dict(row) | {"body": json.loads(row["body"])} for row in rows]})


def _limit(request: Request) -> int:
    return int(number({"limit": request.query_params.get("limit", "50")}, "limit", 1, _MOST))


def _of_a_message(request: Request) -> tuple[str, list[str]]:
    uuid = request.query_params.get("uuid")
    return ("", []) if uuid is None else ("WHERE uuid = ?", [uuid])
