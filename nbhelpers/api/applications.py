"""The Applications API with API key and secret: read an application, replace it, say in words what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
from requests.auth import HTTPBasicAuth

from nbhelpers.config.settings import Settings
from nbhelpers.errors import ApiError, SettingsError
from nbhelpers.errors.connection import no_answer
from nbhelpers.inbox.events import one_line

__all__ = ["FIELDS", "Application", "accepts", "as_dict", "missing", "read", "replace", "shown", "webhook"]

#: The two webhooks of the messages capability, as the dashboard labels them.
FIELDS = {"inbound_url": "Inbound URL", "status_url": "Status URL"}

_TIMEOUT = (3.05, 15.0)  # seconds: to connect, and to the answer


@dataclass(frozen=True)
class Application:
    """An application as the account holds it; `body` is the service's own JSON.

    Source: specification of the Applications API 2.1.0, `GET /v2/applications/{id}`. Documented, not tried.
    """

    id: str
    body: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Its name, fit for one line."""
        return one_line(str(self.body.get("name")), 60)

    @property
    def public_key(self) -> str:
        """The public key that the service verifies tokens with, empty when it holds none."""
        return str(as_dict(self.body.get("keys")).get("public_key") or "")

    @property
    def capabilities(self) -> dict[str, Any]:
        """What it may do, by name: voice, messages and others."""
        return as_dict(self.body.get("capabilities"))

    @property
    def messages(self) -> dict[str, Any] | None:
        """The messages capability, None when it has none."""
        found = self.capabilities.get("messages")
        return None if found is None else as_dict(found)

    def __str__(self) -> str:
        return f"Application “{self.name}” (…{one_line(self.id[-4:])})"


def read(settings: Settings, application_id: str | None) -> Application:
    """Read an application of the account.

    Raises SettingsError when API key, secret or ID is missing, ApiError with a next action for every answer that is
    no application, or none.
    """
    if not application_id:
        raise SettingsError("There is no application ID.", "VONAGE_APPLICATION_ID is not set.", "Set it in .env.")
    answer = _call(settings, "GET", application_id)
    if answer.status_code == 404:
        raise ApiError(
            f"Application …{one_line(application_id[-4:])} is not in this account.",
            f"The service answered 404 to API key {one_line(settings.api_key)}.",
            "Copy the ID from the application's page on the dashboard, or set the key and secret of its account.",
            status=404,
        )
    body = _json(answer, settings)
    if body.get("id", application_id) != application_id or not isinstance(body.get("name"), str):
        raise _somebody_else(answer)
    return Application(application_id, body)


def accepts(settings: Settings) -> None:
    """Find out whether the service accepts API key and secret, by asking for a list of one application.

    Raises what `read` raises. Source: specification of the Applications API 2.1.0. Documented, not tried.
    """
    _json(_call(settings, "GET", "", {"page_size": "1"}), settings)


def replace(settings: Settings, application_id: str, body: Mapping[str, Any]) -> None:
    """Replace an application: what `body` leaves out is gone.

    Raises ApiError; with a `status` from 400 to 499 nothing was changed, else that is not known. Source: specification
    of the Applications API 2.1.0, `PUT /v2/applications/{id}`. Documented, not tried.
    """
    answer = _call(settings, "PUT", application_id, body=body)
    if 400 <= answer.status_code < 500:
        raise _refused(answer, settings, " It was not changed.")
    if not 200 <= answer.status_code < 300:
        raise _unknown(f"It answered {answer.status_code}.", answer.status_code)


def missing(settings: Settings) -> list[str]:
    """Return the names of API key and secret that are not set."""
    names = {"VONAGE_API_KEY": settings.api_key, "VONAGE_API_SECRET": settings.api_secret}
    return [name for name, value in names.items() if not value]


def as_dict(value: Any) -> dict[str, Any]:
    """Return a JSON object as a dict; an empty one for anything else."""
    return dict(value) if isinstance(value, Mapping) else {}


def webhook(messages: Mapping[str, Any] | None, which: str) -> tuple[str, str]:
    """Address and HTTP method of one of FIELDS in a messages capability; empty texts where nothing is set."""
    found = as_dict(as_dict(as_dict(messages).get("webhooks")).get(which))
    return str(found.get("address") or ""), str(found.get("http_method") or "")


def shown(messages: Mapping[str, Any] | None, which: str) -> str:
    """Return the same in words: “https://… (POST)”."""
    address, method = webhook(messages, which)
    return f"{one_line(address, 150)} ({one_line(method, 10) if method else 'no method'})" if address else "(empty)"


def _call(
    settings: Settings, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None
) -> requests.Response:
    unset, host = missing(settings), settings.account_host
    if unset or host is None:
        seen = f"Not set: {', '.join(unset)}." if unset else f"{settings.mode} mode has no address yet."
        raise SettingsError("The account cannot be asked.", seen, "Set both in .env: the dashboard shows them.")
    url = f"{host}/v2/applications" + (f"/{quote(path, safe='', errors='replace')}" if path else "")
    try:
        return requests.request(
            method,
            url,
            params=query,
            json=body,
            headers={"Accept": "application/json"},
            auth=HTTPBasicAuth((settings.api_key or "").encode(), (settings.api_secret or "").encode()),
            timeout=_TIMEOUT,
            allow_redirects=False,  # key and secret are for this host alone
        )
    except requests.RequestException as error:
        told = no_answer(error, host)
        if method == "GET":
            raise told from None
        raise _unknown(f"{told.what} {told.seen}") from None


def _json(answer: requests.Response, settings: Settings) -> dict[str, Any]:
    status = answer.status_code
    if 400 <= status < 500:
        raise _refused(answer, settings)
    if status >= 500:
        what, next_action = "The service had a fault of its own.", "Wait a minute, then try again."
        raise ApiError(what, f"It answered {status}.", next_action, status=status)
    try:
        body = answer.json() if status == 200 else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise _somebody_else(answer)
    return body


def _refused(answer: requests.Response, settings: Settings, more: str = "") -> ApiError:
    status = answer.status_code
    if status == 401:
        return ApiError(
            "The service did not accept API key and secret.",
            f"It answered 401 to API key {one_line(settings.api_key)}.{more}",
            "Copy both again from the dashboard: the secret belongs to this key and to no other.",
            status=status,
        )
    words = _words(answer, settings)
    seen = f"It answered {status}{f' “{words}”' if words else ''}.{more}"
    next_action = "Wait a second, then try again." if status == 429 else "Do it on the dashboard instead."
    return ApiError("The service refused this call.", seen, next_action, status=status)


def _unknown(seen: str, status: int | None = None) -> ApiError:
    what = "Whether the webhooks were changed is not known."
    return ApiError(what, seen, "Look with `lab.webhooks` before you try again.", status=status)


def _somebody_else(answer: requests.Response) -> ApiError:
    return ApiError(
        "Something else than the service answered.",
        f"{answer.status_code}, of type {one_line(answer.headers.get('Content-Type'), 40)}, and no application in it.",
        "Look in a browser whether this network asks you to log in, or ask about its proxy; then try again.",
        status=answer.status_code,
    )


def _words(answer: requests.Response, settings: Settings) -> str:
    try:
        problem = as_dict(answer.json())
    except (ValueError, RecursionError):
        return ""
    parts = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
    named = problem.get("invalid_parameters")
    for parameter in named if isinstance(named, list) else []:
        parts.append(f"{as_dict(parameter).get('name')} {as_dict(parameter).get('reason')}")
    words = "; ".join(parts)
    # A gateway that repeats the request must not put the secret on the screen.
    for secret in (settings.api_secret, answer.request.headers.get("Authorization", "").partition(" ")[2]):
        words = words.replace(secret, "••••") if secret else words
    return one_line(words, 300)
