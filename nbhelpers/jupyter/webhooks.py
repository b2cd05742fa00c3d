"""Passes webhooks that come by the secret path to the learner's own receiver, bytes and headers unchanged."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPError
from tornado.httputil import HTTPHeaders

from nbhelpers.config.settings import JUPYTER_STATE, MODES
from nbhelpers.messages.addresses import INBOUND_PATH, NONCE_HEADER, STATUS_PATH
from nbhelpers.services.record import LOOPBACK, Record, is_alive, read_record
from nbhelpers.tunnel.webhook_secret import read_secret

__all__ = ["WebhookHandler"]

# The receiver's own bounds, held before anything is kept for it.
_LONGEST_BODY = 4 << 20  # bytes that it reads, to answer 413 to more than 1 MB
_LONGEST_WAIT = 10.0  # seconds from the head of a request to its last byte, and to the receiver's answer
_MOST = 500  # requests at a time
_LONGEST_ANSWER = 64 * 1024  # bytes; the receiver's are a few hundred

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_PATHS = {"inbound": INBOUND_PATH, "status": STATUS_PATH}
# They belong to one connection, and this is another. The body is whole here: its length is counted anew.
_OF_THE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade", "expect")


@web.stream_request_body
class WebhookHandler(web.RequestHandler):
    """`…/nbhelpers/webhooks/SECRET/inbound` and `…/status`: POST alone, with neither login nor XSRF cookie.

    The secret says whose mode is meant. Whoever does not know it is answered as where there is no such learner.
    """

    _under_way = 0

    def prepare(self) -> None:
        """Look at the secret before the body is read, and hold the bounds.

        Whoever is refused is answered after the body, not here: an answer before it ends the connection, and a
        proxy that still sends the body would make a 503 of that.
        """
        self._body = bytearray()
        connection: Any = self.request.connection
        connection.set_max_body_size(_LONGEST_BODY)
        connection.set_body_timeout(_LONGEST_WAIT)
        secret, _, self._kind = self.path_args[0].partition("/")
        self._folder = _folder_of(secret)
        known = self._folder is not None and self._kind in _PATHS and self.request.method == "POST"
        self._counted = known and WebhookHandler._under_way < _MOST
        WebhookHandler._under_way += self._counted

    def data_received(self, chunk: bytes) -> None:
        """Keep what has come so far, of a webhook that is passed on."""
        if self._counted:
            self._body += chunk

    @allow_unauthenticated
    async def post(self, _path: str) -> None:
        """Pass it on, and answer what the receiver answers."""
        if self._folder is None:
            await self._answer_as_nobody()
        elif self._kind not in _PATHS:
            self._say(404, "Not here.", "The path ends otherwise.", f"It ends in {' or '.join(_PATHS)}.")
        elif self.request.method != "POST":
            self._say(405, "Wrong method.", f"You came with {self.request.method}.", "POST a webhook.")
        elif not self._counted:
            self._say(503, "Too many calls at once.", f"{_MOST} are under way.", "Send again.")
        else:
            await self._pass_on(self._folder)

    get = head = put = patch = delete = options = post

    async def _pass_on(self, folder: Path) -> None:
        record = read_record(folder, "receiver")
        if record is None or not is_alive(record.pid, record.created):
            self._say(*_NO_RECEIVER)
            return
        nonce = self.request.headers.get(NONCE_HEADER)
        headers = self.request.headers.get_all()
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                if nonce is not None:  # whoever opens this way asks whether it leads here
                    status, answer = await _nonce_answer(record, nonce)
                else:
                    status, answer = await _passed_on(record, "POST", _PATHS[self._kind], headers, bytes(self._body))
        except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):  # OSError: a time-out, too
            self._say(*_NO_RECEIVER)
            return
        self._finish_with(status, answer)

    def on_finish(self) -> None:
        """Count it as done."""
        self._leave()

    def on_connection_close(self) -> None:
        """Count it as done: the sender has left."""
        self._leave()

    def check_xsrf_cookie(self) -> None:
        """Ask for none: the secret is what a web page elsewhere does not know, and the receiver refuses its Origin."""

    def check_trusted_origin(self, origin: str) -> bool:  # noqa: ARG002 - tornado's own name for it
        """Leave the Origin to the receiver."""
        return True

    def _leave(self) -> None:
        if self._counted:
            self._counted = False
            WebhookHandler._under_way -= 1

    def _say(self, status: int, error: str, seen: str, following: str) -> None:
        self.set_status(status)
        if status == 405:
            self.set_header("Allow", "POST")
        self.finish({"error": error, "seen": seen, "next": following})

    def _finish_with(self, status: int, answer: bytes) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(answer)

    async def _answer_as_nobody(self) -> None:
        """Answer as the hub does for somebody who is not there: a wrong secret tells nothing of who is.

        Without a hub, there is nobody else to be taken for: 404.
        """
        hub = os.environ.get("JUPYTERHUB_API_URL")
        if not hub:
            self.set_status(404)
            self.finish()
            return
        place, method = urlsplit(hub), self.request.method or "GET"
        url = f"{place.scheme}://{place.netloc}{self.request.uri}"
        body = b"" if method in ("POST", "PUT", "PATCH") else None
        try:
            answer = await AsyncHTTPClient().fetch(
                url,
                method=method,
                # The hub writes into its answer who it thinks has come.
                headers=self._own_headers(self.request.headers),
                decompress_response=False,
                body=body,
                follow_redirects=False,
                raise_error=False,
                allow_nonstandard_methods=True,
                request_timeout=_LONGEST_WAIT,
            )
        except (OSError, HTTPError, ValueError):
            self.set_status(403)
            self.finish()
            return
        self.set_status(answer.code)
        self._headers = self._own_headers(answer.headers)
        self.finish(answer.body)

    def _own_headers(self, headers: HTTPHeaders) -> HTTPHeaders:
        own = HTTPHeaders()
        for name, value in headers.get_all():
            if name.lower() not in _OF_THE_CONNECTION:
                own.add(name, value)
        return own

    # The path has the secret in it: no log may.

    def _log(self) -> None:
        level = logging.DEBUG if self.get_status() < 400 else logging.WARNING
        milliseconds = 1000 * self.request.request_time()
        self.settings["serverapp"].log.log(
            level, "%d %s %.0f ms", self.get_status(), self._request_summary(), milliseconds
        )

    def _request_summary(self) -> str:
        return f"{self.request.method} …/nbhelpers/webhooks/•••• ({self.request.remote_ip})"


_NO_RECEIVER = (503, "There is no receiver.", "The learner's receiver does not run.", "Send again later.")


def _folder_of(given: str) -> Path | None:
    """Return the folder of the mode that has this secret; each mode is looked at, so that the time tells nothing."""
    state = Path(os.environ.get(JUPYTER_STATE) or os.devnull)  # None was found when the server started
    found = None
    for mode in MODES:
        secret = read_secret(state / mode)
        if secret is not None and hmac.compare_digest(secret.encode(), given.encode("utf-8", "replace")):
            found = state / mode
    return found


async def _nonce_answer(record: Record, nonce: str) -> tuple[int, bytes]:
    if not nonce.isascii() or not nonce.replace("-", "").replace("_", "").isalnum():
        raise ValueError("no nonce")
    host = [("Host", f"{LOOPBACK}:{record.port}")]
    return await _passed_on(record, "GET", f"/healthz?nonce={nonce}", host, b"")


async def _passed_on(
    record: Record, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes
) -> tuple[int, bytes]:
    # By hand: a client of some library would add headers of its own, or join two of one name.
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _OF_THE_CONNECTION]
    request = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body
    idle = _IDLE.get(record.nonce, [])
    while idle:
        try:
            return await _asked(record, idle.pop(), request)
        except (OSError, EOFError):  # closed meanwhile: it waits five seconds for a next request
            continue
    return await _asked(record, await asyncio.open_connection(LOOPBACK, record.port, limit=_LONGEST_ANSWER), request)


# Connections that wait for a next request, of one receiver: opening one takes longer than all the rest.
_IDLE: dict[str, list[_Connection]] = {}
_MOST_IDLE = 8


async def _asked(record: Record, connection: _Connection, request: bytes) -> tuple[int, bytes]:
    reader, writer = connection
    keep = False
    try:
        writer.write(request)
        head, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        told = dict(field.split(": ", 1) for field in fields if field)
        body = await reader.readexactly(min(int(told["content-length"]), _LONGEST_ANSWER))
        keep = told.get("connection") != "close"
        return int(head.split(" ")[1]), body
    except LookupError:
        raise ValueError("no answer") from None
    finally:
        if keep and record.nonce not in _IDLE:
            _IDLE.clear()  # those of a receiver that runs no more
        if keep and len(_IDLE.setdefault(record.nonce, [])) < _MOST_IDLE:
            _IDLE[record.nonce].append(connection)
        else:
            writer.close()
