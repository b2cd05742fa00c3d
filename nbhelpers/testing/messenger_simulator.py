"""Everything that a test of somebody's own server needs: a simulator of its own, with a Page, a person, and a key."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbhelpers.api.messages import Accepted, MessagesClient
from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.auth.tokens import Minter, Token
from nbhelpers.config.settings import spare_loopback
from nbhelpers.errors import ServiceError
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.messages.urls import webhook_url
from nbhelpers.simulator.control.client import ControlClient
from nbhelpers.simulator.demo import PAGE
from nbhelpers.simulator.embedded import Embedded
from nbhelpers.testing.official_sdk import send_calls_to

__all__ = ["MessengerSimulator", "running_simulator"]

_LOOK = 0.01  # seconds between two looks whether all webhooks were taken
_SHOWN = 5  # webhooks that an error names
_FIRST = "Hello!"  # what the person wrote before the test began


class MessengerSimulator(ControlClient):
    """A running simulator with an application, a linked Page and a person who may be answered: all that `Controls` can.

    - `base_url` of the API; `api_key`, `api_secret` and `signature_secret` of its account;
    - `application_id`, `private_key` (PEM text) and `private_key_path`;
    - `page_id`, and `psid` of Ada, who wrote before the Page was linked: the Page may answer her for 24 hours, and no
      webhook waits.
    """

    def __init__(self, embedded: Embedded, key: PrivateKey) -> None:
        super().__init__(embedded.base_url, embedded.control)
        self._embedded = embedded
        self.api_key: str = embedded.ready["api_key"]
        self.api_secret: str = embedded.ready["api_secret"]
        self.signature_secret: str = embedded.ready["signature_secret"]
        self.private_key = key.pem()
        self.private_key_path = save_key(self.private_key, embedded.folder / "private.key")
        form = {
            "name": "Rehearsal",
            "capabilities": {"messages": {"version": "v1"}},
            "keys": {"public_key": key.public_pem},
        }
        self.application_id: str = self._manage("POST", "", form)["id"]
        self._mint = Minter(self.application_id, key)
        self._client = MessagesClient(self.base_url, self._mint, "v1")
        self.page_id: str = self.create_page(PAGE)["id"]
        self.psid: str = self.write(text=_FIRST)["psid"]
        self.link(self.token(), self.page_id)

    def send_webhooks_to(
        self, inbound: str | None = None, status: str | None = None, version: str | None = None
    ) -> None:
        """Say where webhooks go: messages that people write to `inbound`, receipts to `status`; by POST.

        What is left out stays as it is. `version` is the shape they come in: `v1` at first, `v0.1` is the nested one.
        Set in the application and in the account, so it does not matter in which name your server calls the API.
        """
        urls = {"inbound_url": inbound, "status_url": status}
        given = {name: webhook_url(name, url) for name, url in urls.items() if url is not None}
        if version not in (None, "v0.1", "v1"):
            raise ServiceError("Webhooks have no such shape.", f"You gave “{version}”.", "Use v1 or v0.1.")
        path = f"/{self.application_id}"
        found = self._manage("GET", path)
        messages = found["capabilities"].setdefault("messages", {})
        messages["version"] = version or messages.get("version", "v1")
        addresses = {name: {"address": url, "http_method": "POST"} for name, url in given.items()}
        messages["webhooks"] = messages.get("webhooks", {}) | addresses
        self._manage("PUT", path, {name: found[name] for name in ("name", "capabilities", "privacy")})
        self.change_settings(**given, http_method="POST", shape=messages["version"])

    def write(
        self,
        kind: str = "text",
        *,
        text: str | None = None,
        url: str | None = None,
        person: str | None = None,
        psid: str | None = None,
        page: str | None = None,
    ) -> dict[str, Any]:
        """Let a person (by default Ada) write to the Page: `text`, `person`, `kind`; see `Controls.write`."""
        return super().write(kind, text=text, url=url, person=person, psid=psid, page=page or self.page_id)

    def wait_until_delivered(self, timeout: float = 5.0) -> list[dict[str, Any]]:
        """Wait until every webhook that was queued is answered with 200 to 205; return them all, the newest first.

        Raises ServiceError when that does not come within `timeout` seconds, or can come no more: it names what still
        waits and the last answer to each. A server that answers 200 first and sends its reply later may not have sent
        it yet when this returns.
        """
        __tracebackhide__ = True  # so that pytest shows the line of the test that waits
        until = time.monotonic() + timeout
        while waiting := self._embedded.undelivered():
            if time.monotonic() >= until or any(each["outcome"] for each in waiting):
                raise _not_taken(waiting, timeout)
            time.sleep(_LOOK)
        return self.webhooks(limit=1_000_000)

    def replies(self) -> list[dict[str, Any]]:
        """Return every message to people that the API accepted, the oldest first.

        `text` (None for another kind), `psid`, `page_id`, `message_uuid`, `state` (`delivered`, `read`, `rejected` or
        `undeliverable`: what becomes of it, whether or not its receipts were taken), and `body` as it was sent.
        """
        return [
            {"text": _text(body), "message_uuid": row["uuid"], "body": body}
            | {name: row[name] for name in ("psid", "page_id", "state")}
            for row in self._embedded.sent()
            for body in [json.loads(row["body"])]
        ]

    def token(self) -> Token:
        """Mint a fresh JWT of the application, good for fifteen minutes."""
        return self._mint()

    def send(self, text: str, psid: str | None = None) -> Accepted:
        """Send a text from the Page, by default to Ada, through `POST /v1/messages`.

        Returns what was accepted (`message_uuid`); raises ApiError, with the service's own words, when it was not.
        """
        return self._client.send(OutboundMessage(self.page_id, psid or self.psid, text))

    def take_calls_of(self, client: Any) -> None:
        """Let a `vonage.Vonage` or a `requests.Session` call this simulator, whatever host its code names.

        See `official_sdk.send_calls_to`.
        """
        send_calls_to(self.base_url, client)

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()
        super().close()

    def __repr__(self) -> str:
        return f"MessengerSimulator at {self.base_url}, Page {self.page_id}, person {self.psid}"

    def _manage(self, method: str, path: str, form: dict[str, Any] | None = None) -> dict[str, Any]:
        url, account = f"{self.base_url}/v2/applications{path}", (self.api_key, self.api_secret)
        answer = self._session.request(method, url, json=form, auth=account, timeout=15)
        if answer.status_code < 300:
            return dict(answer.json())
        raise ServiceError(
            "The application cannot be used.",
            f"{method} {url} was answered {answer.status_code}: {answer.text[:300]}",
            "Did the test delete or change it? Each test begins with a whole one.",
        )


@contextlib.contextmanager
def running_simulator(folder: Path, key: PrivateKey) -> Iterator[MessengerSimulator]:
    """Run a simulator in this process, over a store in `folder`, for as long as the block lasts.

    Meanwhile the environment says that calls to this computer need no proxy.
    """
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    spare_loopback()
    try:
        with Embedded(folder) as embedded, contextlib.closing(MessengerSimulator(embedded, key)) as simulator:
            yield simulator
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _not_taken(waiting: list[dict[str, Any]], timeout: float) -> ServiceError:
    lost = any(each["outcome"] for each in waiting)
    what = "A webhook was not taken, and is not tried again." if lost else "Not every webhook was taken."
    shown = "; ".join(_line(each) for each in waiting[:_SHOWN])
    more = f"; and {len(waiting) - _SHOWN} more" if len(waiting) > _SHOWN else ""
    seen = f"{'Not taken' if lost else f'After {timeout:g} s there still wait'}: {shown}{more}."
    if any(each["held"] for each in waiting):
        cure = "Say where they go: send_webhooks_to(inbound=…, status=…)."
    elif any(not each["attempts"] for each in waiting) and not lost:
        cure = "Look what your server waits for, or give a longer timeout."
    else:
        cure = "Make your server answer 200 to 205; what it logged may say why it did not."
    return ServiceError(what, seen, cure)


def _line(row: dict[str, Any]) -> str:
    name = f"{row['kind']} (message {row['uuid'][:8]}…)"
    if row["held"]:
        return f"{name}: no webhook URL is set for it"
    if not row["attempts"]:
        return f"{name}: no answer yet"
    times = f", tried {row['attempts']} times" if row["attempts"] > 1 else ""
    again = "" if row["outcome"] else f", again in {max(0.0, row['due'] - time.time()):.0f} s"
    return f"{name}: {row['called']}, {row['answer']}{times}{again}"


def _text(body: dict[str, Any]) -> str | None:
    content = body.get("message", {}).get("content", {}) if isinstance(body.get("message"), dict) else body
    return content.get("text")
