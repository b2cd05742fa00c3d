"""`--demo`: an application, a linked Page and a person who has just written, made the way a learner makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbhelpers.auth.private_key import load_key, save_key
from nbhelpers.errors import CredentialsError
from nbhelpers.simulator.api.applications import create
from nbhelpers.simulator.people import People
from nbhelpers.simulator.rules.problems import Problem
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Application

__all__ = ["PAGE", "prepare"]

#: The name of the demo's Page.
PAGE = "Corner Bakery"
_NAME = "Demo"
_TEXT = "Hello from Facebook Messenger!"  # the guide's own example


def prepare(store: Store, people: People, folder: Path, guide: bool) -> dict[str, Any]:
    """Make what is missing and return `application_id`, `private_key` (its path), `page_id`, `psid` and `api_version`.

    With `guide` the application is the guide's, a Voice application, and webhooks come in the guide's shape; without,
    it has the messages capability and webhooks come in today's. Run again it finds what it made.
    """
    path = folder / ("demo-guide.key" if guide else "demo.key")
    application = _application(store, path, f"{_NAME}, the guide's" if guide else _NAME, guide)
    if guide:
        # The guide's note: the method must be set to POST, for its default is GET.
        store.change_account(http_method="POST")
    page = people.create_page(f"{PAGE}, the guide's" if guide else PAGE)
    people.link(page, application)
    said = people.write(people.page(page.id), text=_TEXT)
    return {
        "application_id": application.id,
        "private_key": str(path),
        "page_id": page.id,
        "psid": said.psid,
        "api_version": "v0.1" if guide else "v1",
    }


def _application(store: Store, path: Path, name: str, guide: bool) -> Application:
    for application in store.applications():
        if application.name == name and _fits(path, application):
            return application
    capabilities: dict[str, Any] = {"messages": {"version": "v1"}}
    if guide:
        addresses = {"answer_url": "http://example.com/answer", "event_url": "http://example.com/event"}
        webhooks = {which: {"address": address} for which, address in addresses.items()}
        capabilities = {"voice": {"webhooks": webhooks}}
    made = create(store, json.dumps({"name": name, "capabilities": capabilities}).encode())
    if isinstance(made, Problem) or made.body is None:
        raise AssertionError(f"the demo's own application was refused: {made}")
    save_key(made.body["keys"]["private_key"], path)
    return next(each for each in store.applications() if each.id == made.body["id"])


def _fits(path: Path, application: Application) -> bool:
    try:
        return load_key(path).fits(application.public_key)
    except CredentialsError:
        return False
