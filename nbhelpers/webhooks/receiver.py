"""The webhook receiver: commits what comes to the two webhook URLs to the inbox first, and answers then."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from nbhelpers.auth.signatures import Verdict, verify
from nbhelpers.config.private_files import file_version
from nbhelpers.config.settings import Settings, dotenv_path, load
from nbhelpers.errors import InboxError, SettingsError
from nbhelpers.inbox.events import ORIGINS, Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.recorder import Recorder
from nbhelpers.messages.addresses import INBOUND_PATH, STATUS_PATH, webhook_urls
from nbhelpers.messages.encodings import LONGEST_BODY
from nbhelpers.messages.other_calls import Recognised, recognise
from nbhelpers.services.http_protocol import answer
from nbhelpers.services.record import Owner, read_record
from nbhelpers.services.service import Service, refusal
from nbhelpers.storage.damage import set_aside_if_damaged

__all__ = ["receive", "receiver_app"]

NAME = "receiver"
_LONGEST_TARGET = 8000  # characters of path and query that are kept: an SMS by GET has up to 1600 of text, escaped
_DRAIN = 4 << 20  # bytes of a body that is too long which are read before the answer, so that the sender can read it

_log = logging.getLogger(__name__)
_Scope = dict[str, Any]
_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]


def receive(settings: Settings, port: int | None = None, owner: Owner | None = None) -> None:
    """Run the receiver of this mode until its end. `port` is strict; without, the last one or the next free is taken.

    A damaged inbox is set aside, said on standard error, and an empty one opened. Raises ServiceError when it cannot
    start, InboxError when the inbox cannot be opened.
    """
    service = Service(NAME, settings.folder, owner)
    path = settings.folder / "lab.sqlite3"
    aside = set_aside_if_damaged(path)
    if aside is not None:
        _log.warning("%s `nbhelpers doctor` says how to go on.", aside)
    inbox = Inbox(path)
    listener = service.bind(port, settings.receiver_port)
    recorder = Recorder(inbox)
    app = receiver_app(recorder.record, _judge_of(settings))
    try:
        service.run(app, listener, webhook_urls)
    finally:
        recorder.close()
        inbox.close()


def receiver_app(
    record: Callable[[Delivery, Recognised], Awaitable[int]], judge: Callable[[str | None, bytes], tuple[Verdict, bool]]
) -> Callable[[_Scope, _Receive, _Send], Awaitable[None]]:
    """Return the receiver as an ASGI application.

    `record(delivery, recognised)` returns when it is stored. `judge(authorization, body)` gives the verdict on a
    signature and whether a bad one is refused. Every webhook is answered 200 when it is on the disk; 503 when it could
    not be stored, so that the sender tries again. So is the call of somebody else that is known, with words on what it
    is: refused, it would come again for a day.
    """

    async def app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        path = scope["path"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        is_webhook = path in (INBOUND_PATH, STATUS_PATH)
        if path == "/favicon.ico":  # a browser asks for it by itself: no call that anybody made
            await answer(send, 404, {})
            return
        foreign = refusal(headers, any_host=is_webhook)
        if foreign:
            await answer(send, 400, {"error": "This request is refused.", "seen": foreign})
            return
        body = await _read_body(receive)
        if body is None:  # the sender left, or was put out: there is nobody to answer
            return
        await _handle(scope, headers, body, send)

    async def _handle(scope: _Scope, headers: dict[str, str], body: bytes, send: _Send) -> None:
        # A question mark that was sent encoded belongs to the path, which is another one then.
        method, path = scope["method"], scope["path"].replace("?", "%3F")
        target = path if not scope["query_string"] else f"{path}?{scope['query_string'].decode('latin-1')}"
        target, told = target[:_LONGEST_TARGET], tuple((name[:200], value[:4000]) for name, value in headers.items())
        found = Recognised(413)
        if len(body) <= LONGEST_BODY:
            found = recognise(method, target, told, body)
        status, words = found.answer, _words(found, method, path)
        verdict = Verdict("unchecked", "")
        if status == 200:
            verdict, refused = _verdict(judge, headers.get("authorization"), body, found)
            # Only what the service signs can lack its signature: an SMS has none, and would come again for a day.
            if refused and found.call is None:
                status = 503 if verdict.kind == "unsigned" else 401
                words = {"error": "The signature was not accepted.", "seen": str(verdict)}
        if len(body) > LONGEST_BODY:
            body = b""
        delivery = Delivery(
            method=method,
            path=target,
            headers=told,
            body=body,
            answer=status,
            verdict=verdict.kind,
            why=verdict.why,
            origin=_origin(headers),
        )
        try:
            await record(delivery, found)
        except (sqlite3.Error, InboxError, ValueError) as error:
            words = {"error": "The inbox could not store this.", "seen": str(error), "next": "Send again."}
            status = 503
        await answer(send, status, words)

    return app


def _origin(headers: dict[str, str]) -> str:
    # The kit's own replay says what it is; a stranger who says so only takes the PSID of his event out of the count.
    marked = headers.get("x-nbhelpers-origin", "wire")
    return marked if marked in ORIGINS else "wire"


def _verdict(
    judge: Callable[[str | None, bytes], tuple[Verdict, bool]],
    authorization: str | None,
    body: bytes,
    found: Recognised,
) -> tuple[Verdict, bool]:
    # Which bytes are hashed when something on the way has packed them is not documented: either will do.
    judged = judge(authorization, body)
    if judged[0].kind == "wrong" and found.notes:
        unpacked = judge(authorization, found.data)
        return unpacked if unpacked[0].kind == "signed" else judged
    return judged


def _words(found: Recognised, method: str, path: str) -> dict[str, str]:
    call = found.call
    if found.answer == 200:
        return {"seen": f"This is {call.what}.", "next": call.next} if call else {}
    if found.answer == 404:
        seen, following = f"Nothing is at {path[:200]}.", f"POST to {INBOUND_PATH} or {STATUS_PATH}."
        if call is not None:
            seen = f"{seen} It was {call.what}."
        if call is not None and call.meant:
            seen, following = f"Nothing is at {path[:200]}.", f"Did you mean {call.meant}? POST to {call.meant}."
        return {"error": "Not here.", "seen": seen, "next": following}
    if found.answer == 405:
        seen = f"You came with {method}; this receiver takes POST."
        return {"error": "Wrong method.", "seen": seen, "next": "Set the HTTP method of the webhooks to POST."}
    if found.answer == 413:
        seen = f"The body has more than {LONGEST_BODY} bytes."
        return {"error": "Too long.", "seen": seen, "next": "Send a webhook of the Messages API."}
    assert call is not None  # noqa: S101 - what is answered 400 is named
    return {"error": "This is no webhook.", "seen": f"The body cannot be read: {call.why}.", "next": call.next}


async def _read_body(receive: _Receive) -> bytes | None:
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        length += len(message.get("body", b""))
        if length <= LONGEST_BODY + 1:
            parts.append(message.get("body", b""))
        elif parts:
            parts = [bytes(LONGEST_BODY + 1)]  # only its length is wanted from here on
        if not message.get("more_body") or length > _DRAIN:
            return b"".join(parts)


def _judge_of(settings: Settings) -> Callable[[str | None, bytes], tuple[Verdict, bool]]:
    """Return what judges signatures; it refuses a bad one only where the person has set a signature secret."""
    # The simulator makes its secret anew with each new state, and `.env` may get one while the receiver runs: both are
    # read again when their file has changed, and only then.
    if settings.mode == "simulator":
        simulated = _Reread(settings.folder / "simulator.json", lambda _: _simulator_secret(settings), None)
        return lambda authorization, body: (verify(authorization, body, simulated.now()), False)
    configured = _Reread(dotenv_path(), lambda known: _configured_secret(settings, known), settings.signature_secret)

    def judge(authorization: str | None, body: bytes) -> tuple[Verdict, bool]:
        secret = configured.now()
        verdict = verify(authorization, body, secret)
        return verdict, secret is not None and verdict.kind in ("unsigned", "wrong")

    return judge


class _Reread:
    """A secret from a file: the `known` one, until the file is another than it was when that was read."""

    def __init__(self, path: Path, read: Callable[[str | None], str | None], known: str | None) -> None:
        self._path, self._read, self._known = path, read, known
        self._version = self._version_now() if known is not None else None

    def now(self) -> str | None:
        version = self._version_now()
        if version is not None and version != self._version:
            self._version, self._known = version, self._read(self._known)
        return self._known

    def _version_now(self) -> tuple[int, int, int] | None:
        try:
            return file_version(self._path)
        except OSError:
            return None


def _simulator_secret(settings: Settings) -> str | None:
    record = read_record(settings.folder, "simulator")
    return record.ready.get("signature_secret") if record else None


def _configured_secret(settings: Settings, known: str | None) -> str | None:
    try:
        return load(settings.mode, settings.state).signature_secret
    except SettingsError:  # the file cannot be read, or only half of it is written: nobody is let in for that
        return known
