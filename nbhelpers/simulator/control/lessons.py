"""The routes under `/_simulator/` that act on the simulator itself: lessons, refusals, time, switches."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from nbhelpers.errors import KitError
from nbhelpers.simulator.delivery.scheduler import Deliverer
from nbhelpers.simulator.http import Handler, answer, number, texts
from nbhelpers.simulator.people import People
from nbhelpers.simulator.storage.faults import FAULTS, Faults
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.switches import SWITCHES
from nbhelpers.simulator.storage.tables import Page

__all__ = ["LessonRoutes"]


class LessonRoutes:
    """The handlers of what goes wrong on purpose, of time that passes, and of what the simulator is set to."""

    def __init__(self, store: Store, people: People, deliverer: Deliverer, faults: Faults) -> None:
        self._store, self._people, self._deliverer, self._faults = store, people, deliverer, faults

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return path, method and handler of everything there is, without what guards them."""
        return [
            ("refusals", "POST", self.refuse_next),
            ("refusals", "GET", self.refusals),
            ("refusals", "DELETE", self.forget_refusals),
            ("advance", "POST", self.advance),
            ("pace", "GET", self.pace),
            ("pace", "PUT", self.change_pace),
            ("faults", "GET", self.faults),
            ("faults", "POST", self.start_fault),
            ("faults", "DELETE", self.clear_faults),
            ("switches", "GET", self.switches),
            ("switches", "PUT", self.change_switches),
        ]

    async def refuse_next(self, request: Request) -> Response:
        """Let the next message be refused later, with a code of the list."""
        form = await texts(request, "code", "status")
        code, status = form.get("code", ""), form.get("status", "rejected")
        await asyncio.to_thread(self._faults.refuse_next, code, status)
        return answer({"code": code, "status": status}, 201)

    async def refusals(self, _request: Request) -> Response:
        """Answer with the refusals that were asked for and have not come yet."""
        return answer({"refusals": self._faults.refusals})

    async def forget_refusals(self, _request: Request) -> Response:
        """Take them back."""
        await asyncio.to_thread(self._faults.forget_refusals)
        return answer({"refusals": []})

    async def advance(self, request: Request) -> Response:
        """Let hours pass for what is there already; what is made afterwards is fresh."""
        hours = number(await texts(request, "hours"), "hours", 0.001, 24 * 366)
        # Tokens state whole seconds: from the next one on, whatever says it was made before was.
        await asyncio.sleep(1 - time.time() % 1 + 0.01)
        await asyncio.to_thread(self._store.advance, hours * 3600)
        self._deliverer.wake()
        return answer({"hours": hours})

    async def pace(self, _request: Request) -> Response:
        """How many seconds between two tries of a webhook pass in one."""
        return answer({"pace": self._store.pace})

    async def change_pace(self, request: Request) -> Response:
        """Let the waits between two tries of a webhook pass faster: so many of their seconds in one."""
        pace = number(await texts(request, "pace"), "pace", 1, 1000)
        await asyncio.to_thread(self._store.change_pace, pace)
        self._deliverer.wake()
        return answer({"pace": self._store.pace})

    async def faults(self, _request: Request) -> Response:
        """Every lesson, and how often it will still happen."""
        left = self._left()
        table = [asdict(fault) | {"left": left.get(name)} for name, fault in FAULTS.items()]
        return answer({"faults": table, "pace": self._store.pace})

    async def start_fault(self, request: Request) -> Response:
        """Turn a lesson on."""
        form = await texts(request, "name", "times", "page", "person")
        times = number(form, "times", 0, 1000) if "times" in form else None
        if times is not None and times != int(times):
            raise KitError("times cannot be that.", f"You gave “{form['times']}”.", "Give a whole number.")
        page = self._people.page(form.get("page")) if "page" in form else None
        fault = self._faults.start(form.get("name", ""), None if times is None else int(times))
        if fault.name == "page-link-expired":
            linked = [each for each in self._store.pages() if each.account_token is not None]
            expired = page or next(iter(linked[::-1]), None)
            if expired is None:
                raise KitError("No link can run out.", "No Page is linked.", "Link one first: step 4.")
            await asyncio.to_thread(self._people.expire_link, expired)
        elif fault.kind == "now":
            page = page or self._people.page()
            await asyncio.to_thread(self._people.write, page, person=form.get("person"), kind="unsupported")
        return answer(asdict(fault) | {"left": self._left().get(fault.name)}, 201)

    async def clear_faults(self, request: Request) -> Response:
        """Turn one lesson off, or all."""
        cleared = self._faults.clear((await texts(request, "name")).get("name"))
        if "page-link-expired" in cleared:
            for page in self._expired():
                await asyncio.to_thread(self._people.renew_link, page)
        return await self.faults(request)

    def _expired(self) -> list[Page]:
        return [page for page in self._store.pages() if page.account_token not in (None, page.access_token)]

    def _left(self) -> dict[str, int]:
        return self._faults.left | ({"page-link-expired": 0} if self._expired() else {})

    async def switches(self, _request: Request) -> Response:
        """Every switch: what it is set to, and what it says."""
        set_to = self._store.switches
        return answer({"switches": [asdict(switch) | {"value": set_to[name]} for name, switch in SWITCHES.items()]})

    async def change_switches(self, request: Request) -> Response:
        """Set some switches."""
        form = await texts(request)
        await asyncio.to_thread(self._store.change_switches, form)
        return await self.switches(request)
