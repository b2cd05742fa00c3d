"""The Applications API, version 2: register a program and hand out its private key, this once."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
import time
import uuid
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from nbhelpers import credentials
from nbhelpers.database import storable
from nbhelpers.simulator.problems import Problem, bad_application
from nbhelpers.simulator.sending import is_url, parse
from nbhelpers.simulator.store import Application, Store

__all__ = ["create", "described"]

_DEEPEST = 20  # levels in the objects of a request; documented ones have five. What is kept must be readable for ever
_WEBHOOKS = {
    "voice": ("answer_url", "event_url", "fallback_answer_url"),
    "messages": ("inbound_url", "status_url"),
}


async def create(store: Store, body: bytes) -> tuple[Application, str | None] | Problem:
    """Register an application from the body of `POST /v2/applications`.

    Returns it with the private key as PEM when the pair was made here, with None when the caller brought a public key
    of its own. Only `name` is required (specification 2.1.0). The private key is kept nowhere.
    """
    try:
        form = parse(body)
    except (ValueError, RecursionError):
        return bad_application(400, [("body", "must be JSON.")])
    wrong = _check(form)
    if wrong:
        return bad_application(400, wrong)
    own = (form.get("keys") or {}).get("public_key")
    private = None
    if own is None:
        key = await asyncio.to_thread(credentials.generate)
        own, private = key.public_pem, key.pem()
    application = Application(
        id=str(uuid.uuid4()),
        name=storable(form["name"]) or "",
        capabilities=form.get("capabilities") or {},
        privacy={"improve_ai": bool((form.get("privacy") or {}).get("improve_ai", True))},
        public_key=own.strip() + "\n",
        at=time.time(),
    )
    await asyncio.wrap_future(store.write(lambda connection: _insert(connection, application)))
    return application, private


def described(application: Application, private_key: str | None = None) -> dict[str, Any]:
    """Return an application as the service shows it; with the private key only in the answer that made it."""
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


def _insert(connection: sqlite3.Connection, application: Application) -> None:
    connection.execute(
        "INSERT INTO applications VALUES (?, ?, ?, ?, ?, ?)",
        (
            application.id,
            application.name,
            json.dumps(application.capabilities),
            json.dumps(application.privacy),
            application.public_key,
            application.at,
        ),
    )


def _check(form: Any) -> list[tuple[str, str]]:
    if not isinstance(form, dict):
        return [("body", "must be a JSON object.")]
    wrong: list[tuple[str, str]] = []
    if not isinstance(form.get("name"), str) or not form["name"].strip():
        wrong.append(("name", "is required."))
    for name in ("capabilities", "keys", "privacy"):
        if form.get(name) is not None and not isinstance(form[name], dict):
            wrong.append((name, "must be an object."))
        elif not _is_keepable(form.get(name), _DEEPEST):
            wrong.append((name, "is nested too deeply, or holds a number or text that cannot be kept."))
    if wrong:
        return wrong
    public = (form.get("keys") or {}).get("public_key")
    if public is not None and not _is_public_key(public):
        wrong.append(("keys.public_key", "must be an RSA public key in PEM."))
    for capability, value in (form.get("capabilities") or {}).items():
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
        elif capability == "messages" and webhook.get("http_method", "POST") != "POST":
            # Documented: the webhooks of the messages capability are POST only.
            wrong.append((f"{name}.webhooks.{which}.http_method", "must be POST."))
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
