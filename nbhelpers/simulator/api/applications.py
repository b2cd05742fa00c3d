"""The Applications API, version 2: register a program, hand out its private key this once, change it, list them.

What changes something makes keys or waits for the disk: give it a thread.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from nbhelpers.auth.private_key import generate_key
from nbhelpers.messages.urls import is_url
from nbhelpers.simulator.http import Answer, page_links
from nbhelpers.simulator.rules.problems import Problem, bad_application
from nbhelpers.simulator.sending.request import parse
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Application
from nbhelpers.storage.sqlite import storable

__all__ = ["create", "delete", "listed", "regenerate", "show", "update"]

_DEEPEST = 20  # levels in the objects of a request; documented ones have five. What is kept must be readable for ever
_WEBHOOKS = {
    "voice": ("answer_url", "event_url", "fallback_answer_url"),
    "messages": ("inbound_url", "status_url"),
}


# Documented: the webhooks of the messages capability are POST only.
_METHODS = {"voice": ("GET", "POST"), "messages": ("POST",)}


def create(store: Store, body: bytes) -> Answer | Problem:
    """Register an application from the body of `POST /v2/applications`.

    The answer has the private key as PEM, unless the caller brought a public key of its own; it is kept nowhere. Only
    `name` is required (specification 2.1.0).
    """
    form = _read(store, body)
    if isinstance(form, Problem):
        return form
    own = form.get("keys", {}).get("public_key")
    private = None
    if own is None:
        own, private = _new_pair()
    application = Application(
        id=str(uuid.uuid4()),
        name=storable(form["name"]) or "",
        capabilities=form.get("capabilities", {}),
        privacy=_privacy(form),
        public_key=_tidy(own),
        at=time.time(),
    )
    store.keep_application(application)
    return Answer(201, _described(application, private))


def update(store: Store, application_id: str, body: bytes) -> Answer | Problem:
    """Change an application by the body of `PUT /v2/applications/{id}`.

    It is replaced but for its key pair, which stays when no `keys.public_key` comes along. With another public key the
    old private key is good for nothing any more.
    """
    if store.application(application_id) is None:
        return bad_application(404, name=application_id)
    form = _read(store, body)
    if isinstance(form, Problem):
        return form
    own = form.get("keys", {}).get("public_key")
    changes: dict[str, Any] = {
        "name": storable(form["name"]) or "",
        "capabilities": form.get("capabilities", {}),
        "privacy": _privacy(form),
    }
    if own is not None:
        changes["public_key"] = _tidy(own)
    store.change_application(application_id, **changes)
    return show(store, application_id)


def regenerate(store: Store, application: Application, save: bool = True) -> str | Problem:
    """Make a new key pair, as the dashboard's button does; return the private key as PEM.

    Without `save` the service goes on with the old public key: a documented cause of the 401 (support article
    360000958367, “without pressing Save changes”).
    """
    public, private = _new_pair()
    kept = not save or store.change_application(application.id, public_key=_tidy(public))
    return private if kept else bad_application(404, name=application.id)


def listed(store: Store, query: Mapping[str, str]) -> Answer | Problem:
    """Return one page of the list of applications, by `page` (from 1) and `page_size` (1 to 100, default 10)."""
    numbers = {}
    wrong = []
    for name, default, most in (("page", 1, 1_000_000), ("page_size", 10, 100)):
        text = query.get(name, str(default))
        if text.isascii() and text.isdecimal() and len(text) < 8 and 1 <= int(text) <= most:
            numbers[name] = int(text)
        else:
            wrong.append((name, f"must be between 1 and {most}"))
    if wrong:
        return bad_application(400, wrong)
    page, size = numbers["page"], numbers["page_size"]
    found = store.applications()
    pages = max(1, -(-len(found) // size))
    shown = found[(page - 1) * size : page * size]
    body = {
        "page_size": size,
        "page": page,
        "total_items": len(found),
        "total_pages": pages,
        "_embedded": {"applications": [_described(application) for application in shown]},
        "_links": page_links(f"/v2/applications?page_size={size}&page={{}}", page, pages),
    }
    return Answer(200, body)


def show(store: Store, application_id: str) -> Answer | Problem:
    """Show one application, never its private key."""
    found = store.application(application_id)
    return Answer(200, _described(found)) if found else bad_application(404, name=application_id)


def delete(store: Store, application_id: str) -> Answer | Problem:
    """Delete an application; its tokens are good for nothing then, its Pages linked to none."""
    if store.application(application_id) is None:
        return bad_application(404, name=application_id)
    store.forget_application(application_id)
    return Answer(204)


def _described(application: Application, private_key: str | None = None) -> dict[str, Any]:
    # With the private key only in the answer that made it.
    keys = {"public_key": application.public_key}
    if private_key is not None:
        keys["private_key"] = private_key
    return {
        "id": application.id,
        "name": application.name,
        "keys": keys,
        "capabilities": application.capabilities,
        "privacy": application.privacy,
        "_links": {"self": {"href": f"/v2/applications/{application.id}"}},
    }


def _read(store: Store, body: bytes) -> dict[str, Any] | Problem:
    try:
        form = parse(body)
    except (ValueError, RecursionError):
        return bad_application(400, [("body", "must be JSON.")])
    wrong = _check(form, store.switches["null_key"] == "left out")
    return bad_application(400, wrong) if wrong else form


def _new_pair() -> tuple[str, str]:
    key = generate_key()
    return key.public_pem, key.pem()


def _privacy(form: Mapping[str, Any]) -> dict[str, bool]:
    return {"improve_ai": form.get("privacy", {}).get("improve_ai", True)}


def _tidy(pem: str) -> str:
    return pem.strip() + "\n"


def _check(form: Any, null_key: bool) -> list[tuple[str, str]]:
    if not isinstance(form, dict):
        return [("body", "must be a JSON object.")]
    wrong: list[tuple[str, str]] = []
    if not isinstance(form.get("name"), str) or not form["name"].strip():
        wrong.append(("name", "is required."))
    for name in ("capabilities", "keys", "privacy"):
        if not isinstance(form.get(name, {}), dict):
            wrong.append((name, "must be an object."))
        elif not _is_keepable(form.get(name), _DEEPEST):
            wrong.append((name, "is nested too deeply, or holds a number or text that cannot be kept."))
    if not wrong and not isinstance(form.get("privacy", {}).get("improve_ai", True), bool):
        wrong.append(("privacy.improve_ai", "must be true or false."))
    if wrong:
        return wrong
    keys = form.get("keys", {})
    public = keys.get("public_key")
    if "public_key" in keys and not (null_key if public is None else _is_public_key(public)):
        wrong.append(("keys.public_key", "must be an RSA public key in PEM."))
    for capability, value in form.get("capabilities", {}).items():
        wrong += _check_capability(f"capabilities.{capability}", capability, value)
    return wrong


def _check_capability(name: str, capability: str, value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, dict):
        return [(name, "must be an object.")]
    wrong: list[tuple[str, str]] = []
    webhooks = value.get("webhooks", {})
    if not isinstance(webhooks, dict):
        return [(f"{name}.webhooks", "must be an object.")]
    for which in _WEBHOOKS.get(capability, ()):
        if which not in webhooks:
            continue
        webhook = webhooks[which]
        address = webhook.get("address") if isinstance(webhook, dict) else None
        if not is_url(address):
            wrong.append((f"{name}.webhooks.{which}.address", "must be a URL."))
        elif webhook.get("http_method", "POST") not in _METHODS[capability]:
            words = ", ".join(_METHODS[capability])
            wrong.append((f"{name}.webhooks.{which}.http_method", f"must be one of: {words}"))
    if not isinstance(value.get("authenticate_inbound_media", False), bool):
        wrong.append((f"{name}.authenticate_inbound_media", "must be true or false."))
    if capability == "messages" and value.get("version", "v1") not in ("v0.1", "v1"):
        wrong.append((f"{name}.version", "must be v0.1 or v1."))
    return wrong


def _is_keepable(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and all(_is_keepable(each, levels - 1) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return levels > 0 and all(_is_keepable(each, levels - 1) for each in value)
    if isinstance(value, str):
        return storable(value) == value
    return not isinstance(value, float) or math.isfinite(value)


def _is_public_key(pem: Any) -> bool:
    if not isinstance(pem, str):
        return False
    try:
        key = serialization.load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, rsa.RSAPublicKey)
