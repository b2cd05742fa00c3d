"""Vonage's application API, simulated by a server of its own: what it takes, what it answers, what it never forgets."""

from __future__ import annotations

import base64
import copy
import http.server
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from tests.support.simulation import serving

ID = "11111111-2222-4333-8444-555555554f2a"
KEY, SECRET = "a1b2c3d4", "RecognisableSecret99"
PUBLIC = "https://receiver.example"
OURS = {"inbound_url": f"{PUBLIC}/webhooks/inbound", "status_url": f"{PUBLIC}/webhooks/status"}
ERRORS = "https://developer.vonage.com/api-errors"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Account:
    """The account behind the server: its applications, and what came.

    `date` is the Date header, None for now and an empty text for none; `answers` come before anything else, in turn:
    (status, headers, body), or None to answer as usual; `after_put` may change what was stored.
    """

    url: str = ""
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    date: str | None = None
    answers: list[tuple[int, dict[str, str], bytes] | None] = field(default_factory=list)
    after_put: Callable[[dict[str, Any]], None] = lambda stored: None

    @property
    def of(self) -> dict[str, Any]:
        """The application of the tests."""
        return self.applications[ID]

    @property
    def puts(self) -> list[Asked]:
        return [each for each in self.asked if each.method == "PUT"]

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if self.answers and (scripted := self.answers.pop(0)) is not None:
            return scripted
        path = urlsplit(asked.path).path
        if not path.startswith("/v2/applications"):
            return 404, {"Content-Type": "text/plain"}, b"Not Found"
        expected = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if asked.headers.get("authorization") != expected:
            return _problem(401, "Invalid credentials supplied", "You did not provide correct credentials.")
        if path == "/v2/applications":
            return _json(200, {"total_items": len(self.applications), "_embedded": {"applications": []}})
        application_id = path.rpartition("/")[2]
        if application_id not in self.applications:
            words = f"ID '{application_id}' does not exist, or you do not have access"
            return _problem(404, "Not Found", words)
        if asked.method == "PUT":
            self._replace(application_id, asked.json)
        stored = self.applications[application_id]
        links = {"self": {"href": f"/v2/applications/{application_id}"}}
        return _json(200, {"id": application_id, **stored, "_links": links})

    def _replace(self, application_id: str, form: dict[str, Any]) -> None:
        # It replaces: a capability that is left out is gone. The key pair stays when no key comes along (documented).
        old = self.applications[application_id]
        stored = {"name": form["name"], "keys": form.get("keys") or old["keys"]}
        stored |= {"capabilities": form.get("capabilities", {}), "privacy": form.get("privacy", {"improve_ai": True})}
        stored |= {name: value for name, value in form.items() if name not in stored}
        self.applications[application_id] = stored
        self.after_put(stored)


def _json(status: int, body: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def _problem(status: int, title: str, detail: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
    body = {"type": f"{ERRORS}#x", "title": title, "detail": detail, "instance": "trace-1", **more}
    return status, {"Content-Type": "application/problem+json"}, json.dumps(body).encode()


def stored(public_key: str, **capabilities: Any) -> dict[str, Any]:
    """An application with another capability, a privacy setting and a key of nobody's knowledge."""
    voice = {"webhooks": {"answer_url": {"address": "https://example.com/answer", "http_method": "GET"}}}
    return {
        "name": "Bäckerei <b>",
        "capabilities": {"voice": voice, **copy.deepcopy(capabilities)},
        "keys": {"public_key": public_key},
        "privacy": {"improve_ai": False},
        "something_new": [1, {"two": None}],
    }


def messages(inbound: str = "https://old.example/in", status: str = "https://old.example/st", **more: Any) -> Any:
    """A messages capability with keys that are not ours."""
    return {
        "version": "v1",
        "webhooks": {
            "inbound_url": {"address": inbound, "http_method": "POST", "connect_timeout": 7},
            "status_url": {"address": status, "http_method": "POST"},
        },
        "authenticate_inbound_media": True,
        **more,
    }


@contextmanager
def playing(*, public_key: str = "") -> Iterator[Account]:
    """Open the server on loopback, with one application."""
    made = Account()
    made.applications[ID] = stored(public_key, messages=messages())

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, {n.lower(): v for n, v in self.headers.items()}, body)
            made.asked.append(asked)
            status, headers, answer = made.answer(asked)
            if status == 0:  # no answer at all
                self.close_connection = True
                return
            self.send_response_only(status)
            date = formatdate(usegmt=True) if made.date is None else made.date
            for name, value in {"Date": date, **headers, "Content-Length": str(len(answer))}.items():
                if not value:
                    continue
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = _take  # noqa: N815 - the names are http.server's

        def log_message(self, *_: Any) -> None:
            return

    with serving(Handler) as made.url:
        yield made


def environment(vonage: Account, **more: str | None) -> dict[str, str]:
    """What a shell says when this account is used live; a None takes a name out."""
    values = {
        "NBHELPERS_API_HOST": vonage.url,
        "VONAGE_API_KEY": KEY,
        "VONAGE_API_SECRET": SECRET,
        "VONAGE_APPLICATION_ID": ID,
        "PUBLIC_URL": PUBLIC,
        **more,
    }
    return {name: value for name, value in values.items() if value is not None}


def live_settings(vonage: Account, folder: Path, mode: str = "live", **more: str | None) -> Settings:
    """Return the settings of a lab in `folder` that uses this account."""
    return configuration.load(mode, folder / "lab", environ=environment(vonage, **more), folder=folder)


def held(vonage: Account, which: str = "inbound_url") -> dict[str, Any]:
    """Return a webhook as the account holds it."""
    return vonage.of["capabilities"]["messages"]["webhooks"][which]
