"""The routes under `/_simulator/` that act on the simulator itself: lessons, refusals, time, switches."""

from __future__ import annotations

import time
from dataclasses import asdict

from nbhelpers.errors import KitError
from nbhelpers.simulator.delivery.scheduler import Deliverer
from nbhelpers.simulator.http import Body, Form, Handler, action, number
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
            ("refusals", "POST", action(self.refuse_next, "code", "status")),
            ("refusals", "GET", action(self.refusals)),
            ("advance", "POST", action(self.advance, "hours")),
            ("aged", "GET", action(self.aged, "moment")),
            ("pace", "GET", action(self.pace)),
            ("pace", "PUT", action(self.change_pace, "pace")),
            ("faults", "GET", action(self.faults)),
            ("faults", "POST", action(self.start_fault, "name", "times", "page", "person")),
            ("faults", "DELETE", action(self.clear_faults, "name")),
            ("switches", "GET", action(self.switches)),
            ("switches", "PUT", action(self.change_switches)),
        ]

    def refuse_next(self, form: Form) -> Body:
        """Let the next message be refused later, with a code of the list."""
        code, status = form.get("code", ""), form.get("status", "rejected")
        self._faults.refuse_next(code, status)
        return {"code": code, "status": status}

    def refusals(self, _form: Form) -> Body:
        """Return the refusals that were asked for and have not come yet."""
        return {"refusals": self._faults.refusals}

    def advance(self, form: Form) -> Body:
        """Let hours pass for what is there already; what is made afterwards is fresh."""
        hours = number(form, "hours", 0.001, 24 * 366)
        # Tokens state whole seconds: from the next one on, whatever says it was made before was.
        time.sleep(1 - time.time() % 1 + 0.01)
        self._store.advance(hours * 3600)
        self._deliverer.wake()
        return {"hours": hours}

    def aged(self, form: Form) -> Body:
        """Return by how many seconds `advance` has aged what was made at a moment (Unix seconds)."""
        return {"seconds": self._store.aged(number(form, "moment", 0, 1e11))}

    def pace(self, _form: Form) -> Body:
        """Return how many seconds between two tries of a webhook pass in one."""
        return {"pace": self._store.account.pace}

    def change_pace(self, form: Form) -> Body:
        """Let the waits between two tries of a webhook pass faster: so many of their seconds in one."""
        self._store.change_pace(number(form, "pace", 1, 1000))
        self._deliverer.wake()
        return self.pace(form)

    def faults(self, _form: Form) -> Body:
        """Return every lesson, and how often it will still happen."""
        left = self._left()
        table = [asdict(fault) | {"left": left.get(name)} for name, fault in FAULTS.items()]
        return {"faults": table}

    def start_fault(self, form: Form) -> Body:
        """Turn a lesson on."""
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
            self._people.expire_link(expired)
        elif fault.name == "unsupported-message":
            self._people.write(page or self._people.page(), person=form.get("person"), kind="unsupported")
        return asdict(fault) | {"left": self._left().get(fault.name)}

    def clear_faults(self, form: Form) -> Body:
        """Turn one lesson off, or all, and with them the refusals that were asked for."""
        if "page-link-expired" in self._faults.clear(form.get("name")):
            for page in self._expired():
                self._people.renew_link(page)
        return self.faults(form)

    def _expired(self) -> list[Page]:
        return [page for page in self._store.pages() if page.account_token not in (None, page.access_token)]

    def _left(self) -> dict[str, int]:
        return self._faults.left | ({"page-link-expired": 0} if self._expired() else {})

    def switches(self, _form: Form) -> Body:
        """Return every switch: what it is set to, and what it says."""
        set_to = self._store.switches
        return {"switches": [asdict(switch) | {"value": set_to[name]} for name, switch in SWITCHES.items()]}

    def change_switches(self, form: Form) -> Body:
        """Set some switches."""
        self._store.change_switches(form)
        return self.switches(form)
