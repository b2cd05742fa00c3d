"""The simulator's controls, from outside: Pages, the link, the dashboard's form, the person who writes and reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests

from nbhelpers.errors import ServiceError

__all__ = ["ControlClient", "Controls", "ReadCount"]

T = TypeVar("T")
_LOOK = 0.02  # seconds between two looks for an answer


class ReadCount(int):
    """How many messages a person has read, with the `message_uuids` of those, the oldest first."""

    message_uuids: tuple[str, ...]

    def __new__(cls, message_uuids: Iterable[str]) -> ReadCount:
        """Count them."""
        made = super().__new__(cls, len(uuids := tuple(message_uuids)))
        made.message_uuids = uuids
        return made

    @property
    def message_uuid(self) -> str | None:
        """The newest of them, None when nothing was read."""
        return next(iter(self.message_uuids[::-1]), None)


class Controls:
    """Speaks to `/_simulator/…` of a running simulator, with the control token of its record.

    Every method returns the simulator's JSON and raises ServiceError, in the simulator's own words, when it says no or
    cannot be reached. How a Page is made, and what that returns, differs by who asks.
    """

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False  # loopback: no proxy, no .netrc
        self._session.headers["X-Simulator-Token"] = token

    def publish(self, page: str, published: bool) -> dict[str, Any]:
        """Publish a Page (ID or name), or take it off."""
        return self._call("PUT", "published", {"page": page, "published": "yes" if published else "no"})

    def pages(self) -> list[dict[str, Any]]:
        """Return all Pages, oldest first."""
        return self._part(list, "pages", "GET", "pages")

    def link(self, jwt: str, page: str | None = None) -> dict[str, Any]:
        """Link a Page (ID or name, by default the newest) to the application of a JWT, as the link page does."""
        return self._call("POST", "link", {"jwt": jwt, "page": page})

    def unlink(self, page: str | None = None) -> dict[str, Any]:
        """Take the link of a Page back."""
        return self._call("DELETE", "link", {"page": page})

    def settings(self) -> dict[str, str]:
        """Return the account's settings: `inbound_url`, `status_url`, `http_method`, `shape`, `balance`."""
        return self._call("GET", "settings")

    def change_settings(
        self,
        *,
        inbound_url: str | None = None,
        status_url: str | None = None,
        http_method: str | None = None,
        shape: str | None = None,
        balance: str | None = None,
    ) -> dict[str, str]:
        """Change some of the account's settings; an empty URL unsets it, `balance="low"` ends its credit.

        `http_method` is GET or POST, `shape` v0.1 or v1, `balance` ok or low.
        """
        urls = {"inbound_url": inbound_url, "status_url": status_url}
        return self._call("PUT", "settings", urls | {"http_method": http_method, "shape": shape, "balance": balance})

    def try_webhooks(self) -> list[dict[str, Any]]:
        """Make one test call to each URL of the account's settings, by its method: `url`, `status`, `words`."""
        return self._part(list, "calls", "POST", "settings/test")

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
        """Let a person (by default Ada) write to a Page (by default the newest).

        Returns `psid`, `message_uuid`, `page_id`, `page_name`, and whether it was `passed_on`.

        `kind` is text, image, audio, video, file, sticker, like or unsupported; `url` is what a file is sent from.
        """
        who = {"person": person, "psid": psid, "page": page}
        return self._call("POST", "write", {"type": kind, "text": text, "url": url, **who})

    def read(self, *, person: str | None = None, psid: str | None = None, page: str | None = None) -> ReadCount:
        """Let a person (by default everybody) read what was delivered; return how many messages that were."""
        who = {"person": person, "psid": psid, "page": page}
        return ReadCount(self._part(list, "message_uuids", "POST", "read", who))

    def phone(self, **who: str | None) -> list[dict[str, Any]]:
        """Return what the phone of a person (`page`, `person`, `psid`) shows of the conversation, oldest first.

        `from_page`, `kind`, `text`, `choices` (`kind`, `title`, `payload`, `url` of what can be tapped), `state`,
        `message_uuid`, `at`: the newest two hundred.
        """
        return self._part(list, "messages", "POST", "phone", who)

    def sent(self, message_uuid: str) -> dict[str, Any] | None:
        """Return a message that was accepted, as a phone shows it: `text`, `choices`, `psid`; None if unknown."""
        message: dict[str, Any] | None = self._call("POST", "sent", {"message_uuid": message_uuid})["message"]
        return message

    def tap(self, choice: str, **who: str | None) -> dict[str, Any]:
        """Let a person tap a quick reply or a button, by its title or payload. Returns what `write` does."""
        return self._call("POST", "tap", {"choice": choice, **who})

    def send_location(self, latitude: float, longitude: float, **who: str | None) -> dict[str, Any]:
        """Let a person send a place, in degrees. Returns what `write` does."""
        return self._call("POST", "location", {"latitude": str(latitude), "longitude": str(longitude), **who})

    def react(self, emoji: str = "👍", message_uuid: str | None = None, **who: str | None) -> dict[str, Any]:
        """Let a person react to a message of the Page, by default the newest. Returns what `write` does."""
        return self._call("POST", "react", {"emoji": emoji, "message_uuid": message_uuid, **who})

    def play(self, scene: str, page: str | None = None) -> list[dict[str, Any]]:
        """Let the people of a scene write to a Page (by default the newest): `psid` and `passed_on` of each message."""
        return self._part(list, "said", "POST", "scenes", {"scene": scene, "page": page})

    def scenes(self) -> dict[str, str]:
        """Return the scenes that there are, and what happens in each."""
        return self._part(dict, "scenes", "GET", "scenes")

    def advance(self, hours: float = 0, minutes: float = 0) -> dict[str, float]:
        """Let hours and minutes pass for what is there: people's last messages, links, tokens, what waits in the queue.

        What is made afterwards is fresh, and every time that is told stays on this computer's clock. It takes up to a
        second: from the next whole one on, whatever states an earlier one is older.
        """
        return self._call("POST", "advance", {"hours": str(hours + minutes / 60)})

    def aged(self, moment: float) -> float:
        """Return by how many seconds `advance` has aged what was made at a moment (Unix seconds), such as a token."""
        return self._part(float, "seconds", "GET", _asked("aged", moment=str(moment)))

    def pace(self, pace: float | None = None) -> float:
        """Let so many seconds between two tries of a webhook pass in one second of the clock; 1 is as it really is.

        Return how many it is then; without a number only that.
        """
        if pace is None:
            return self._part(float, "pace", "GET", "pace")
        return self._part(float, "pace", "PUT", "pace", {"pace": str(pace)})

    def fault(
        self, name: str, times: int | None = None, *, person: str | None = None, page: str | None = None
    ) -> dict[str, Any]:
        """Start a lesson in what goes wrong: `does`, `see`, and how often it still happens (`left`; 0 until cleared).

        By default as often as its table says. `person` and `page` say who acts, in a lesson in which somebody does.
        """
        form = {"name": name, "times": None if times is None else str(times), "person": person, "page": page}
        return self._call("POST", "faults", form)

    def faults(self) -> list[dict[str, Any]]:
        """Return the table of lessons: `name`, `does`, `see`, `kind`, `times`, `source`, and `left`, None when off."""
        return self._part(list, "faults", "GET", "faults")

    def clear_faults(self, name: str | None = None) -> None:
        """End one lesson, or all of them; then the refusals that were asked for are taken back too."""
        self._call("DELETE", "faults", {"name": name})

    def block(self, person: str | None = None, page: str | None = None, blocked: bool = True) -> dict[str, Any]:
        """Let a person (by default Ada) block a Page, or with `blocked=False` take that back. Returns their `psid`."""
        return self._call("PUT", "blocked", {"person": person, "page": page, "blocked": "yes" if blocked else "no"})

    def page_token(self, page: str | None = None) -> str:
        """Return the access token that Facebook gives out for a Page, as the External Accounts API wants it."""
        return self._part(str, "access_token", "POST", "pages/token", {"page": page})

    def regenerate_keys(self, application_id: str, save: bool = True) -> str:
        """Make a new key pair for an application and return the private key (PEM): the old one is a 401 from now on.

        Without `save` it is the new one that is, as when the dashboard's *Save changes* is not pressed.
        """
        fields = {"application_id": application_id, "save": "yes" if save else "no"}
        return self._part(str, "private_key", "POST", "keys", fields)

    def refuse_next(self, code: str | int, status: str = "rejected") -> dict[str, Any]:
        """Let the next message that is accepted be refused later, with a code such as 1331; `undeliverable` too."""
        return self._call("POST", "refusals", {"code": str(code), "status": status})

    def refusals(self) -> list[dict[str, str]]:
        """Return the refusals that were asked for and have not come yet: `code`, `status`."""
        return self._part(list, "refusals", "GET", "refusals")

    def switches(self) -> list[dict[str, Any]]:
        """Return the table of switches: `name`, `says`, `choices` (the default first), `value`, `source`, `sure`."""
        return self._part(list, "switches", "GET", "switches")

    def switch(self, **values: str) -> dict[str, str]:
        """Set some switches and return how all of them stand; see the table in the simulator's README."""
        return {each["name"]: each["value"] for each in self._part(list, "switches", "PUT", "switches", values)}

    def webhooks(self, limit: int = 50, message_uuid: str | None = None) -> list[dict[str, Any]]:
        """Return the newest webhooks, newest first, with the answer each got; of one message if it is named."""
        return self._part(list, "webhooks", "GET", _asked("webhooks", limit=limit, uuid=message_uuid))

    def calls(self, limit: int = 50, after: int = 0, message_uuid: str | None = None) -> list[dict[str, Any]]:
        """Return the newest calls of webhook URLs, oldest first: what each was answered, and whether it comes again.

        `id` numbers them; `after` such a number, or of one message. The newest thousand are kept.
        """
        return self._part(list, "calls", "GET", _asked("calls", limit=limit, after=after, uuid=message_uuid))

    def call(self, number: int) -> dict[str, Any]:
        """Return one call in full: `method`, `url`, `headers`, `body`, the answer's, and the `tries` of its webhook."""
        return self._part(dict, "call", "GET", _asked("call", number=number))

    def record(self, uuid: str | None = None, lately: float = 60.0) -> dict[str, list[dict[str, Any]]]:
        """Return what happened to one message, or to all of the last so many seconds: `messages`, `webhooks`, `calls`.

        `calls` are of webhook URLs and, `way` `api`, the newest send requests since the simulator started; what lets
        one in is masked in them.
        """
        asked = _asked("record", uuid=uuid, lately=None if uuid else str(lately))
        record: dict[str, list[dict[str, Any]]] = self._call("GET", asked)
        return record

    def record_mark(self) -> list[int | None]:
        """Return numbers that differ as soon as the record does: cheaper to ask for than all of it."""
        return self._part(list, "mark", "GET", "record/mark")

    def routes(self, application_id: str | None = None, webhook_url: str | None = None) -> dict[str, Any]:
        """Say where webhooks go now: `inbound` and `status`, each `url`, `method` and `source`, or None.

        Of an application, by default that of the newest linked Page; `webhook_url` is what a message itself names.
        """
        return self._call("GET", _asked("routes", application_id=application_id, webhook_url=webhook_url))

    def accepted(self, limit: int = 50) -> list[dict[str, Any]]:
        """Return the newest messages that were accepted for people, newest first, whoever sent them."""
        return self._part(list, "accepted", "GET", _asked("accepted", limit=limit))

    def wait_for_answers(self, message_uuids: Iterable[str], kind: str, timeout: float = 20) -> list[dict[str, Any]]:
        """Return the first call of the webhook `kind` (`inbound` or a status) of each message, when it is answered.

        Raises ServiceError when one has no URL to go to, or was not answered within `timeout` seconds.
        """
        until = time.monotonic() + timeout
        return [self._first_call(uuid, kind, until) for uuid in message_uuids]

    def _first_call(self, uuid: str, kind: str, until: float) -> dict[str, Any]:
        while True:
            called = [call for call in self.calls(message_uuid=uuid) if call["kind"] == kind]
            if called:
                return called[0]
            queued = [row for row in self.webhooks(message_uuid=uuid) if row["kind"] == kind]
            if any(row["held"] for row in queued):
                cure = "Set one, or run `nbhelpers receiver`: it comes by itself then."
                raise ServiceError("Nobody was called.", "No webhook URL is set, so the webhook waits.", cure)
            if time.monotonic() > until:
                seen = f"{queued[0]['answer'] or 'It is on its way'}." if queued else "No webhook of it is queued."
                raise ServiceError("No answer came in time.", seen, "`nbhelpers calls --follow` shows when it does.")
            time.sleep(_LOOK)

    def close(self) -> None:
        """Close the kept connection."""
        self._session.close()

    def _part(self, kind: type[T], name: str, method: str, path: str, fields: Mapping[str, Any] | None = None) -> T:
        part = self._call(method, path, fields).get(name)
        if not isinstance(part, kind):
            raise ServiceError("The simulator answers otherwise.", f"{path} has no {name}.", "Run `nbhelpers stop`.")
        return part

    def _call(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
        fields = {name: value for name, value in (fields or {}).items() if value is not None}
        url = f"{self.base_url}/_simulator/{path}"
        try:
            answer = self._session.request(method, url, json=fields if method != "GET" else None, timeout=(3.05, 15))
            body: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            raise ServiceError(
                "The simulator does not answer.",
                f"{self.base_url}: {type(error).__name__}.",
                "`nbhelpers status` shows what runs; `lab = Lab()` starts it again.",
            ) from None
        if answer.status_code < 300:
            return body
        if answer.status_code == 403:
            raise ServiceError("Another simulator runs here now.", f"{self.base_url}.", "Run `lab = Lab()` again.")
        if "error" in body:
            raise ServiceError(body["error"], body.get("seen", ""), body.get("next", ""))
        raise ServiceError(
            "Refused.", f"{answer.status_code} {body.get('title')}: {body.get('detail')}.", "Mint a new JWT."
        )


def _asked(path: str, **query: str | int | None) -> str:
    return f"{path}?{urlencode({name: value for name, value in query.items() if value is not None})}"


class ControlClient(Controls):
    """The controls for whoever wants plain JSON."""

    def create_page(self, name: str) -> dict[str, Any]:
        """Make a Page, or find the one of this name: `id`, `name`, `published`, `application_id`, `people`."""
        return self._call("POST", "pages", {"name": name})
