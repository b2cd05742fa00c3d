"""Sends a stored delivery to the receiver again, the same bytes or edited and signed anew, and marked so."""

from __future__ import annotations

import html
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from nbhelpers.auth.signatures import Verdict, sign
from nbhelpers.auth.tokens import inspect
from nbhelpers.errors import InboxError, ServiceError, TokenError
from nbhelpers.inbox.events import Delivery, Event, event_of, one_line
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.webhooks.edits import Edit, edited

__all__ = ["Replayed", "replay"]

_TIMEOUT = (2.0, 10.0)  # seconds to connect, and to the answer: a store that is locked says so after four
_LONGEST_ANSWER = 65_536  # bytes that are read of it
_KEPT = 4096  # bytes that the ledger keeps of a body that is no webhook
_LOOK_BACK = 100  # deliveries among which the one just made is looked for: others may come at the same time
_LIST = "`nbhelpers replay --list` shows what there is, `lab.inbox.deliveries()` in a notebook."


@dataclass(frozen=True)
class Replayed:
    """What was sent again, and how it was answered.

    `delivery` is the id of what was sent again, `kept` the delivery that this made in the inbox: None when it did not
    reach this inbox. `origin` is `replay`, or `edited` when the bytes are not those that came from outside.
    `authorization` is `as it came`, `none` as it came, `signed anew`, or `no secret` to sign with; `answer` the HTTP
    status, `said` the receiver's words with it. `event` is what it tells of, None when that is nothing.
    """

    delivery: int | None
    origin: str
    authorization: str
    url: str
    answer: int
    said: str
    kept: Delivery | None
    event: Event | None

    @property
    def new(self) -> bool:
        """Whether it made an event; otherwise it is one more delivery of an event that was known."""
        return self.event is not None and self.event.deliveries == 1

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain values, for a program."""
        names = ("delivery", "origin", "authorization", "url", "answer", "said", "new")
        kept_as, verdict = (self.kept.id, self.kept.verdict) if self.kept else (None, None)
        about = {"message_uuid": self.event.message_uuid, "deliveries": self.event.deliveries} if self.event else None
        return {name: getattr(self, name) for name in names} | {"kept_as": kept_as, "verdict": verdict, "event": about}

    def __repr__(self) -> str:
        lines = [f"{_name(self.delivery)} was sent again, {self._how()}.", f"Answered {self.answer}. {self._what()}."]
        if self.said:
            lines.append(f"The receiver says: {self.said}")
        if self.kept and self.kept.verdict != "unchecked":
            lines.append(f"Its signature: {Verdict(self.kept.verdict, self.kept.why)}.")
        if self.event:
            lines.append(self.event.line)
        if self.event and self.kept and self.origin == "edited" and self.event.body != self.kept.body:
            lines.append(
                f"An event is told by what came first: the edit is in delivery {self.kept.id} alone. With another"
                " message_uuid it is another event."
            )
        return "\n".join(lines)

    def _how(self) -> str:
        signed = {
            "as it came": "with the signature it had",
            "none": "not signed",
            "signed anew": "signed anew",
            "no secret": "not signed: no signature secret is known",
        }
        return f"{'edited' if self.origin == 'edited' else 'the same bytes'}, {signed[self.authorization]}"

    def _what(self) -> str:
        taken = 200 <= self.answer < 300
        if self.kept is None:
            return "It is not in this inbox: what runs there keeps another" if taken else "It was not stored"
        if self.event is None:
            return "It tells of no event"
        what = "A new event" if self.new else f"The same event: now {self.event.deliveries} deliveries"
        return what if taken else f"It was refused, and kept all the same. {what}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def replay(
    inbox: Inbox,
    which: int | Event | Delivery | None,
    url: str,
    edits: Edit | Sequence[Edit | None] | None = None,
    *,
    secret: str | None = None,
    api_key: str | None = None,
    application_id: str | None = None,
) -> Replayed:
    """Send a stored delivery to the receiver at `url` again, and say how it was answered.

    `which` is a delivery or its id, or an event; None is the newest inbound message that came from outside. Of `url`
    only host and port count: the path is the one it came to. Without `edits` body, Content-Type and Authorization are
    the same. An edit is a mapping of dotted paths to values (`{"from.id": "1"}`; `text` alone is the message's text in
    either shape), or a function that changes the parsed body in place or returns another; several are made one after
    the other. What is edited is signed anew with `secret`, for the account and application that the signature named
    before, or for `api_key` and `application_id`; without a secret it goes out unsigned.

    The inbox marks it `replay` or `edited`, so that it never tells the newest PSID, whatever is in it. Raises
    InboxError when there is nothing that could be sent again, MessageError when an edit cannot be made, ServiceError
    when `url` is not on this computer or nobody answers there.
    """
    base = _own(url)
    delivery = _sendable(_found(inbox, which))
    headers = dict(delivery.headers)
    body, authorization, how = delivery.body, headers.get("authorization"), "as it came"
    origin = "edited" if delivery.origin == "edited" else "replay"  # sent again, it is edited still
    several: Sequence[Any] = edits if isinstance(edits, list | tuple) else [edits]
    made = [edit for edit in several if edit is not None and not (isinstance(edit, Mapping) and not edit)]
    if made:
        body, origin, how = edited(delivery, _name(delivery.id), made), "edited", "signed anew"
        account = _account(authorization, api_key=api_key, application_id=application_id)
        authorization = sign(body, secret, account["api_key"] or "", account["application_id"]) if secret else None
    newest = next((each.id for each in inbox.deliveries(limit=1)), None)
    names = ("Content-Type",) if made else ("Content-Type", "Content-Encoding")  # what is edited is written anew
    carried = {name: headers.get(name.lower()) for name in names} | {"Authorization": authorization}
    answer, said = _post(base, delivery.path, body, carried | {"X-Nbhelpers-Origin": origin})
    kept = _arrived(inbox, newest or 0, origin, body)
    return Replayed(
        delivery=delivery.id,
        origin=origin,
        authorization=how if authorization else "no secret" if made else "none",
        url=base + delivery.path,
        answer=answer,
        said=said,
        kept=kept,
        event=inbox.event(kept) if kept else None,
    )


def _name(number: int | None) -> str:
    return "This delivery" if number is None else f"Delivery {number}"


# What is sent again


def _found(inbox: Inbox, which: int | Event | Delivery | None) -> Delivery:
    if isinstance(which, Delivery):
        return which
    if isinstance(which, Event) and which.kind == "reply":
        raise InboxError(
            "This did not come in.", "It is a reply that you sent.", "`lab.reply` or `nbhelpers send` sends another."
        )
    if which is not None and (isinstance(which, bool) or not isinstance(which, int | Event)):
        raise InboxError("This names no delivery.", f"It is of type {type(which).__name__}.", _LIST)
    found = inbox.delivery(which)
    if found is not None:
        return found
    if which is None:
        raise InboxError(
            "There is nothing to send again.", "No message has come from outside yet.", "Write one to the Page first."
        )
    newest = next(iter(inbox.deliveries(limit=1)), None)
    seen = f"You asked for {which}; the newest is {newest.id}." if newest else "No delivery has come yet."
    if isinstance(which, Event):
        raise InboxError("The delivery of this event is gone.", "The person was forgotten, or the state reset.", _LIST)
    raise InboxError("There is no such delivery.", seen, _LIST)


def _sendable(delivery: Delivery) -> Delivery:
    """Return the delivery if all of it is there and the receiver would look at it. Raises InboxError."""
    name = _name(delivery.id)
    if delivery.method != "POST":
        raise InboxError(
            f"{name} cannot be sent again.",
            f"It came by {one_line(delivery.method, 20)}, and a webhook that the receiver takes is a POST.",
            "Set the HTTP method of the webhooks to POST, and let the person write again.",
        )
    if delivery.answer == 404 or not delivery.path.startswith("/"):
        raise InboxError(
            f"{name} cannot be sent again.",
            f"It came to {one_line(delivery.path, 200)}, where nothing is.",
            "Mend that address in the form of the webhooks, and let the person write again.",
        )
    said = dict(delivery.headers).get("content-length", "")
    cut = said.isdecimal() and len(said) < 20 and int(said) > len(delivery.body)
    # Without a length: what is no webhook is kept up to so many bytes.
    told = event_of(delivery)
    bounded = (told is None or told["kind"] == "call") and not 200 <= delivery.answer < 300
    cut = cut or (not said and len(delivery.body) >= _KEPT and bounded)
    if cut or delivery.answer == 413:
        raise InboxError(
            f"{name} cannot be sent again.",
            f"Its body was too long: {len(delivery.body)} bytes of it were kept.",
            "Choose another. " + _LIST,
        )
    return delivery


def _account(authorization: str | None, **given: str | None) -> dict[str, str | None]:
    """Whose webhook it is: as given, else as its signature said before."""
    try:
        claims = inspect(authorization or "").claims
    except TokenError:
        claims = {}
    said = {name: claims.get(name) for name in given}
    return {name: value or (said[name] if isinstance(said[name], str) else None) for name, value in given.items()}


# The way there


def _own(url: str) -> str:
    """Return the base URL of a receiver on this computer, put together from its parts. Raises ServiceError."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host, port = parts.hostname or "", parts.port
        # What two readers could read in two ways is not worth the doubt.
        plain = parts.scheme == "http" and "@" not in parts.netloc and "%" not in host
        if plain and (host == "localhost" or ipaddress.ip_address(host).is_loopback):
            return f"http://{f'[{host}]' if ':' in host else host}" + (f":{port}" if port is not None else "")
    except ValueError:
        pass  # no URL, no port or no address: said below
    raise ServiceError(
        "A replay goes to your own receiver alone.",
        f"“{one_line(str(url))}” is no http address of this computer.",
        "`nbhelpers status` shows where your receiver is.",
    )


def _post(base: str, path: str, body: bytes, headers: Mapping[str, str | None]) -> tuple[int, str]:
    """Send it, and return the status with the receiver's words. Raises ServiceError when nobody answers."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy, and no .netrc that would replace the signature
        try:
            answer = session.post(
                base + path, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False, stream=True
            )
            with answer:
                return answer.status_code, _words(next(answer.iter_content(_LONGEST_ANSWER), b""))
        except (requests.RequestException, ValueError) as error:
            raise ServiceError(
                "The receiver does not answer.",
                f"{base}: {type(error).__name__}.",
                "Run `nbhelpers receiver`, or `lab.receiver` in a notebook, and send it again.",
            ) from None


def _words(content: bytes) -> str:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    parts = [said.get(name) for name in ("error", "seen", "next")] if isinstance(said, dict) else []
    return one_line(" ".join(part for part in parts if isinstance(part, str)), 400)


def _arrived(inbox: Inbox, before: int, origin: str, body: bytes) -> Delivery | None:
    for each in reversed(inbox.deliveries(limit=_LOOK_BACK)):
        # Of a body that is no webhook the inbox keeps the beginning.
        if (each.id or 0) > before and each.origin == origin and body.startswith(each.body):
            return each
    return None
