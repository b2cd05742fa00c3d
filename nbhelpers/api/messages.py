"""The Messages API: sends a message, and says in words what the service answered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util import Retry

from nbhelpers.auth.clocks import APART, SET_IT, apart, apart_in_words
from nbhelpers.errors import ApiError, InboxError, MessageError, cure_for
from nbhelpers.errors.connection import no_answer
from nbhelpers.inbox.events import one_line
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.outbound import OutboundMessage

__all__ = ["Accepted", "MessagesClient"]

_TIMEOUT = (3.05, 15.0)  # seconds to connect, and between two bytes of the answer
_TURN, _LAST = threading.Lock(), dict[str, float]()  # when the last message went to each host that has an interval
_CONNECTS, _WAITS = 3, 2  # repeats after a refused connection, and after a 429


@dataclass(frozen=True)
class Accepted:
    """The service took the message. That it was delivered, only a receipt says.

    `workflow_id` is set only for a message with `failover` (v1). `body` is what was sent.
    """

    message_uuid: str
    version: str
    body: Mapping[str, Any] = field(repr=False)
    workflow_id: str | None = None

    def __repr__(self) -> str:
        return f"Accepted: message_uuid {self.message_uuid}. Delivered it is when the receipt says so."


class MessagesClient:
    """Sends messages over one kept connection, with a fresh token for each request.

    `host` is the base URL of the API; `auth` a callable that mints a token (see `tokens.Minter`) or a pair of API key
    and secret; `version` beta, v0.1 or v1. Replies are stored in `inbox` when one is given. `timeout` is in seconds:
    to connect, and to wait for the answer. A call is repeated only where a repeat cannot send twice: when no
    connection was made, or when the service answered 429. Between two messages to one host lie at least `interval`
    seconds, whichever client of this process sends them. May be used from several threads.
    """

    def __init__(
        self,
        host: str,
        auth: Callable[[], str] | tuple[str, str],
        version: str = "v0.1",
        inbox: Inbox | None = None,
        timeout: tuple[float, float] = _TIMEOUT,
        interval: float = 0.0,
    ) -> None:
        self._interval = interval
        self.host, self.version = host.rstrip("/"), version
        self._auth = HTTPBasicAuth(*auth) if isinstance(auth, tuple) else _Bearer(auth)
        self._inbox, self._timeout = inbox, timeout
        self._session = requests.Session()
        retry = Retry(
            total=None,
            connect=_CONNECTS,
            read=False,
            redirect=False,
            status=_WAITS,
            other=0,
            allowed_methods=None,
            status_forcelist=(429,),
            backoff_factor=0.2,
            raise_on_status=False,
            # A Retry-After of an hour would freeze the learner's cell: better to say so.
            respect_retry_after_header=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def send(self, message: OutboundMessage, version: str | None = None) -> Accepted:
        """Send a message and return what the service said when it took it (202).

        Raises MessageError for what this version cannot carry, ApiError for every other answer, or none: with the
        status, the service's own JSON and a cure. InboxError, when it was sent but could not be stored, says so.
        """
        version = version or self.version
        if not isinstance(message, OutboundMessage):
            raise MessageError(
                "This is no message.",
                f"You gave something of type {type(message).__name__}.",
                '`lab.reply("…")` answers whoever wrote last; else give an OutboundMessage(page_id, psid, "…").',
            )
        body = message.body(version)
        try:
            data = json.dumps(body, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise MessageError(
                "This message cannot be written as JSON.", f"{error}.", "Mend the custom part."
            ) from None
        self._wait_for_our_turn()
        try:
            answer = self._session.post(
                f"{self.host}/{version}/messages",
                data=data,
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                auth=self._auth,
                timeout=self._timeout,
                # The token is for this host alone.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise no_answer(error, self.host) from None
        accepted = _json(answer)
        uuid = accepted.get("message_uuid") if isinstance(accepted, dict) else None
        if answer.status_code not in (200, 202) or not isinstance(uuid, str):
            raise _refused(answer, body)
        self._keep(message, version, body, uuid)
        return Accepted(uuid, version, body, accepted.get("workflow_id"))

    def _wait_for_our_turn(self) -> None:
        if not self._interval:
            return
        with _TURN:
            due = _LAST.get(self.host, 0.0) + self._interval
            time.sleep(max(0.0, due - time.monotonic()))
            _LAST[self.host] = time.monotonic()

    def _keep(self, message: OutboundMessage, version: str, body: Mapping[str, Any], uuid: str) -> None:
        if self._inbox is None:
            return
        text = message.content if message.kind == "text" and isinstance(message.content, str) else None
        try:
            self._inbox.sent(
                version,
                body,
                uuid,
                psid=message.recipient,
                page_id=message.sender,
                text=text,
                message_type=message.kind,
            )
        except InboxError as error:
            seen = f"message_uuid {one_line(uuid)}. {error.seen}"
            raise InboxError(
                "The message was sent, but the inbox could not store it.", seen, "Do not send it again."
            ) from None

    def close(self) -> None:
        """Close the kept connection."""
        self._session.close()

    def __repr__(self) -> str:
        return f"MessagesClient({self.host!r}, version={self.version!r})"


class _Bearer(AuthBase):
    # As `auth`, not as a header: otherwise a ~/.netrc entry for the host would replace the token unseen.
    def __init__(self, mint: Callable[[], str]) -> None:
        self._mint = mint

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = "Bearer " + self._mint()
        return request


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return answer.text


def _refused(answer: requests.Response, sent: Mapping[str, Any]) -> ApiError:
    body = _json(answer)
    problem = body if isinstance(body, dict) else {}
    # The host and path of `type` differ between documents and live samples: only the fragment is to be trusted.
    code = str(problem.get("type", "")).rpartition("#")[2]
    words = ": ".join(str(problem[name]) for name in ("title", "detail") if problem.get(name)) or answer.text
    seen = f"It answered {answer.status_code} “{one_line(words, 300) or answer.reason}”"
    named = problem.get("invalid_parameters") or problem.get("invalid_params")
    for parameter in named if isinstance(named, list) else []:
        if isinstance(parameter, dict):
            name = str(parameter.get("name"))
            seen += f"; {one_line(name)}: {one_line(str(parameter.get('reason')))}{_value_sent(sent, name)}"
    trace = answer.headers.get("x-nexmo-trace-id") or str(problem.get("instance") or "")
    seen = _without_credentials(seen + (f" (trace {one_line(trace)})." if trace else "."), answer)
    cure = cure_for("refusal", code) or cure_for("http", answer.status_code)
    following = cure.next if cure else "Read its words, mend the message and send again."
    wrong = apart(answer.headers.get("Date"), time.time()) or 0
    if answer.status_code == 401 and abs(wrong) > APART:
        seen += f" Beside the service's, this computer's clock is {apart_in_words(wrong)}."
        following = f"{SET_IT}, then send again. If that is not it: {following}"
    return ApiError(
        cure.what if cure else "The service did not take the message.",
        seen,
        following,
        status=answer.status_code,
        body=body,
        code=code,
        trace=trace,
    )


def _without_credentials(text: str, answer: requests.Response) -> str:
    # A gateway that repeats the request in its answer must not put the token on the learner's screen. Cut texts are
    # why every long enough beginning is looked for.
    secret = str(answer.request.headers.get("Authorization", "")).partition(" ")[2]
    for length in range(len(secret), 15, -1):
        text = text.replace(secret[:length], "••••")
    return text


def _value_sent(sent: Mapping[str, Any], name: str) -> str:
    value: Any = sent
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return " (it was not sent)"
        value = value[part]
    return f" (sent: {one_line(json.dumps(value, ensure_ascii=False))})"
