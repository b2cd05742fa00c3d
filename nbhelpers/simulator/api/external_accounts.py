"""The External Accounts API: a Page's account at the service, and the one application that it is linked to.

Bodies and errors from its specification (0.1.3 was read, 0.1.5 is the last), a developer preview; the list without a
slash at the end, 20 to a page, was seen in a gateway test. That it is still the way to link a Page is not known.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from nbhelpers.messages.inbound import LONGEST_ID
from nbhelpers.simulator.http import Answer, page_links
from nbhelpers.simulator.rules.problems import Problem, external
from nbhelpers.simulator.sending.request import MESSENGER, parse
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Application, Page
from nbhelpers.storage.sqlite import storable

__all__ = ["PROVIDERS", "ExternalAccounts"]

#: The channels that an external account can be of.
PROVIDERS = (MESSENGER, "viber_service_msg", "whatsapp")
_PAGING = {"page_number": 1, "page_size": 20}
_MOST = 100


class ExternalAccounts:
    """The accounts that the service keeps for Pages. What changes something waits for the disk: give it a thread.

    A Page of Facebook's has an account here once somebody who holds its access token has made one. Whether the service
    asks Facebook about that token at once is not documented; it is taken to, so a wrong one is a 400.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, body: bytes) -> Answer | Problem:
        """Make the account of a Page: `external_id`, `access_token`, perhaps `name` and one of `applications`."""
        form = _read(body)
        if isinstance(form, Problem):
            return form
        wrong = [
            (name, f"Missing `{name}` field") for name in ("external_id", "access_token") if form.get(name) is None
        ]
        wrong = wrong or self._check(form)
        page = self._store.page(str(form.get("external_id")))
        if not wrong and (page is None or page.id != form["external_id"]):
            wrong = [("external_id", "is no Facebook Page")]
        if not wrong and page is not None and form["access_token"] != page.access_token:
            wrong = [("access_token", "is no token of this Page")]
        if wrong or page is None:
            return external(400, parameters=wrong)
        applications = form.get("applications") or []
        if any(self._messages_application(each) is None for each in applications):
            return external(403, "Cannot link application")
        if applications and page.application_id not in (None, applications[0]):
            return external(409, "Unable to link application")
        made = self._store.change_page(
            page.id,
            account_token=page.access_token,
            account_name=storable(form.get("name")) or page.name,
            application_id=applications[0] if applications else page.application_id,
            linked=time.time(),
        )
        return Answer(201, self._described(made))

    def show(self, external_id: str) -> Answer | Problem:
        """Return one account."""
        page = self._account(external_id)
        return external(404, _gone(external_id)) if page is None else Answer(200, self._described(page))

    def change(self, external_id: str, body: bytes) -> Answer | Problem:
        """Change `name`, `access_token` or `applications` of an account."""
        page, form = self._account(external_id), _read(body)
        if page is None:
            return external(404, _gone(external_id))
        if isinstance(form, Problem):
            return form
        wrong = self._check(form)
        if form.get("external_id") not in (None, external_id):
            wrong.append(("external_id", "'external_id' parameter cannot be changed"))
        if form.get("access_token") not in (None, page.access_token):
            wrong.append(("access_token", "is no token of this Page"))
        if wrong:
            return external(400, parameters=wrong)
        changes: dict[str, Any] = {}
        if form.get("name") is not None:
            changes["account_name"] = storable(form["name"])
        if form.get("access_token") is not None:
            changes |= {"account_token": page.access_token, "linked": time.time()}
        if form.get("applications") is not None:
            if any(self._messages_application(each) is None for each in form["applications"]):
                return external(403, "Cannot link application")
            changes["application_id"] = next(iter(form["applications"]), None)
        changed = self._store.change_page(page.id, **changes) if changes else page
        return Answer(200, self._described(changed))

    def delete(self, external_id: str) -> Answer | Problem:
        """Delete an account: the Page is linked to nothing then."""
        page = self._account(external_id)
        if page is None:
            return external(404, _gone(external_id))
        self._store.change_page(page.id, account_token=None, account_name=None, application_id=None, linked=None)
        return Answer(204)

    def listed(self, query: Mapping[str, str]) -> Answer | Problem:
        """Return one page of the accounts, by `provider`, `page_number` and `page_size`, each from 1 to 100."""
        provider = query.get("provider")
        nearest = self._store.switches["account_pages"] == "nearest"
        read = {name: _number(query.get(name, str(usual)), nearest) for name, usual in _PAGING.items()}
        wrong = [(name, "must be a number from 1 to 100") for name, number in read.items() if number is None]
        if provider is not None and provider not in PROVIDERS:
            wrong.append(("provider", f"must be one of {', '.join(PROVIDERS)}"))
        if wrong:
            return external(400, parameters=wrong)
        number, size = (each for each in read.values() if each is not None)
        found = [page for page in self._store.pages() if page.account_token is not None]
        if provider not in (None, MESSENGER):
            found = []
        pages = max(1, -(-len(found) // size))
        links = page_links(f"/beta/chatapp-accounts?page_number={{}}&page_size={size}", number, pages)
        shown = [self._described(page) for page in found[(number - 1) * size : number * size]]
        return Answer(200, {"page_number": number, "page_size": size, "_embedded": shown, "_links": links})

    def link(self, provider: str, external_id: str, body: bytes) -> Answer | Problem:
        """Link an account to an application: 403 for one not of type messages, 409 when it has its one already."""
        page, form = self._account(external_id) if provider == MESSENGER else None, _read(body)
        if page is None:
            return self._no_account(external_id, external(403, "Cannot link application"))
        if isinstance(form, Problem):
            return form
        wanted = form.get("application")
        if not isinstance(wanted, str):
            return external(400, parameters=[("application", "Missing `application` field")])
        if self._messages_application(wanted) is None:
            return external(403, "Cannot link application")
        linked = self._store.link_page(page.id, None, wanted)
        return external(409, "Unable to link application") if linked is None else Answer(200, self._described(linked))

    def unlink(self, provider: str, external_id: str, application_id: str) -> Answer | Problem:
        """Take the link to an application back: 409 when it is not the one, or there is none."""
        page = self._account(external_id) if provider == MESSENGER else None
        conflict = external(409, "Unable to unlink application")
        if page is None:
            return self._no_account(external_id, conflict)
        return conflict if self._store.link_page(page.id, application_id, None) is None else Answer(204)

    def _no_account(self, external_id: str, documented: Problem) -> Problem:
        undocumented = self._store.switches["unknown_account"] == "404"
        return external(404, _gone(external_id)) if undocumented else documented

    def _account(self, external_id: str) -> Page | None:
        page = self._store.page(external_id)
        return page if page is not None and page.id == external_id and page.account_token is not None else None

    def _messages_application(self, application_id: Any) -> Application | None:
        found = self._store.application(application_id) if isinstance(application_id, str) else None
        return found if found is not None and found.messages is not None else None

    def _check(self, form: Mapping[str, Any]) -> list[tuple[str, str]]:
        wrong = []
        for name in ("external_id", "access_token", "name"):
            value = form.get(name)
            longest = LONGEST_ID if name == "external_id" else 2000
            if value is not None and not (isinstance(value, str) and 1 <= len(value) <= longest):
                wrong.append((name, f"must be a string of 1 to {longest} characters"))
        applications = form.get("applications")
        if applications is not None and not (isinstance(applications, list) and len(applications) <= 1):
            wrong.append(("applications", "must be a list of one application at most"))
        return wrong

    def _described(self, page: Page) -> dict[str, Any]:
        return {
            "external_id": page.id,
            "api_key": self._store.account.api_key,
            "provider": MESSENGER,
            "access_token": page.account_token,
            "name": page.account_name,
            "applications": [page.application_id] if page.application_id else [],
        }


def _read(body: bytes) -> dict[str, Any] | Problem:
    try:
        form = parse(body)
    except (ValueError, RecursionError):
        form = None
    return form if isinstance(form, dict) else external(400, parameters=[("body", "must be a JSON object")])


def _number(text: str, nearest: bool) -> int | None:
    """Read a number from 1 to 100; one that is not, is the nearest or None. What is no integer is always None."""
    if not re.fullmatch(r"[+-]?[0-9]{1,4000}", text):  # more digits than Python reads
        return None
    return min(max(int(text), 1), _MOST) if nearest or 1 <= int(text) <= _MOST else None


def _gone(external_id: str) -> str:
    return f"There is no account of {(storable(external_id) or '')[:LONGEST_ID]}"
