"""api: against a real HTTP server on loopback that counts what it saw; sent once, told in words, no token shown."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from urllib3.util import Retry

from nbhelpers.api.messages import Accepted, MessagesClient
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.tokens import Minter
from nbhelpers.config.settings import spare_loopback
from nbhelpers.errors import ApiError, InboxError, KitError, MessageError, cure_for
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.outbound import OutboundMessage

pytestmark = pytest.mark.fast

PAGE, PSID = "0000000000000000", "1111111111111111"
UUID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
HELLO = OutboundMessage(PAGE, PSID, "Hello!")
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhcHBsaWNhdGlvbl9pZCI6ImEifQ.c2lnbmF0dXJlLXRoYXQtbXVzdC1uZXZlci1zaG93"
ACCEPTED = (202, {}, {"message_uuid": UUID})


class FarSide(ThreadingHTTPServer):
    """Plays the service: gives the `answers` in turn, the last one for ever, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Any] = [ACCEPTED]
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections: set[tuple[str, int]] = set()
        self.let_go = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def client(self, version: str = "v1", **more: Any) -> MessagesClient:
        return MessagesClient(self.url, more.pop("auth", lambda: TOKEN), version, **more)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that has given up is part of the test


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FarSide

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.connections.add(self.client_address)
        server.seen.append((self.command, self.path, dict(self.headers), body))
        answer = server.answers[min(len(server.seen), len(server.answers)) - 1]
        if callable(answer):
            answer(self)
            return
        status, headers, content = answer
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST  # noqa: N815 - the names of http.server

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def far() -> Iterator[FarSide]:
    server = FarSide()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.let_go.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between attempts are urllib3's; these tests are about what is said after the last."""
    monkeypatch.setattr(Retry, "sleep", lambda self, response=None: None)


def refused(client: MessagesClient, message: OutboundMessage = HELLO) -> ApiError:
    with pytest.raises(ApiError) as caught:
        client.send(message)
    error = caught.value
    assert error.what and error.seen and error.next
    told = f"{error} {error!r} {error._render_traceback_()} {error.__cause__}"
    assert not any(part in told for part in TOKEN.split("."))
    assert TOKEN not in told
    client.close()
    return error


# What is sent


@pytest.mark.parametrize("version", ["beta", "v0.1", "v1"])
def test_a_message_is_posted_to_its_version_and_202_gives_the_uuid(far: FarSide, version: str):
    client = far.client(version)
    accepted = client.send(HELLO)
    client.close()
    assert accepted == Accepted(UUID, version, HELLO.body(version))
    ((method, path, headers, body),) = far.seen
    assert (method, path) == ("POST", f"/{version}/messages")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert json.loads(body) == HELLO.body(version)
    assert UUID in repr(accepted) and PSID not in repr(accepted)


@pytest.mark.parametrize("given", ["hello", None, {"text": "hello"}])
def test_what_is_no_message_is_said_in_words_and_not_sent(far: FarSide, given: Any):
    with pytest.raises(MessageError, match=f"something of type {type(given).__name__}. `lab.reply") as refused:
        far.client().send(given)
    assert refused.value.what == "This is no message."
    assert far.seen == []


def test_the_version_of_one_message_may_differ(far: FarSide):
    client = far.client("v0.1")
    assert client.send(HELLO, "v1").version == "v1"
    client.close()
    assert far.seen[0][1] == "/v1/messages"


def test_a_slash_at_the_end_of_the_host_does_no_harm(far: FarSide):
    client = MessagesClient(far.url + "/", lambda: TOKEN)
    client.send(HELLO)
    client.close()
    assert far.seen[0][1] == "/v0.1/messages"


def test_every_request_has_a_token_of_its_own_and_they_share_a_connection(far: FarSide, key: PrivateKey):
    client = far.client(auth=Minter("application", key))
    for _ in range(3):
        client.send(HELLO)
    client.close()
    assert len({headers["Authorization"] for _, _, headers, _ in far.seen}) == 3
    assert len(far.connections) == 1


def test_a_key_and_a_secret_go_as_basic(far: FarSide):
    client = far.client(auth=("abcd1234", "the-secret"))
    client.send(HELLO)
    client.close()
    assert far.seen[0][2]["Authorization"] == "Basic " + base64.b64encode(b"abcd1234:the-secret").decode()


@pytest.mark.parametrize("many", ["one client", "two clients"])
def test_where_there_is_an_interval_two_messages_keep_it_whoever_sends_them(far: FarSide, many: str):
    """The hosted sandbox takes one message a second."""
    interval, times = 0.1, list[float]()

    def take(handler: Handler) -> None:
        times.append(time.monotonic())
        data = json.dumps({"message_uuid": UUID}).encode()
        handler.send_response(202)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    far.answers = [take]
    first = far.client(interval=interval)
    second = far.client(interval=interval) if many == "two clients" else first
    begun = time.monotonic()
    threads = [threading.Thread(target=client.send, args=(HELLO,)) for client in (first, second) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first.close()
    second.close()
    assert len(times) == 4
    # Not the gaps between them: a message that takes its time on the way shortens the next one.
    assert all(at - begun >= number * interval for number, at in enumerate(sorted(times)))


def test_a_refused_message_counts_and_one_that_cannot_be_sent_does_not(far: FarSide):
    far.answers = [(422, {}, {"title": "No"}), ACCEPTED]
    client = far.client(interval=0.5)
    begun = time.monotonic()
    with pytest.raises(MessageError):
        client.send(OutboundMessage(PAGE, PSID, {"not": "JSON", "a": float("nan")}, kind="custom"))
    with pytest.raises(ApiError):
        client.send(HELLO)
    assert time.monotonic() - begun < 0.5
    client.send(HELLO)
    client.close()
    assert time.monotonic() - begun >= 0.5


def test_another_host_and_a_client_without_an_interval_are_kept_from_nothing(far: FarSide, free_port: int):
    slow = far.client(interval=5)
    slow.send(HELLO)
    begun = time.monotonic()
    quick = far.client()
    for _ in range(3):
        quick.send(HELLO)
    elsewhere = MessagesClient(far.url.replace("127.0.0.1", "localhost"), lambda: TOKEN, "v1", interval=5)
    elsewhere.send(HELLO)
    assert time.monotonic() - begun < 1
    for client in (slow, quick, elsewhere):
        client.close()


def test_a_workflow_id_is_given_where_there_is_one(far: FarSide):
    far.answers = [(202, {}, {"message_uuid": UUID, "workflow_id": "3TcNj"})]
    client = far.client()
    assert client.send(HELLO).workflow_id == "3TcNj"
    client.close()


def test_what_no_version_can_carry_is_not_sent(far: FarSide):
    client = far.client("v1")
    with pytest.raises(MessageError):
        client.send(OutboundMessage(PAGE, PSID, {"a": 1}, kind="sticker"))
    client.close()
    assert far.seen == []


@pytest.mark.parametrize("wrong", [float("nan"), {1, 2}, object(), b"bytes"])
def test_what_json_cannot_hold_is_not_sent(far: FarSide, wrong: Any):
    client = far.client("v0.1")
    with pytest.raises(MessageError, match="JSON"):
        client.send(OutboundMessage(PAGE, PSID, {"a": wrong}, kind="custom"))
    client.close()
    assert far.seen == []


def test_any_text_arrives_as_it_was_written(far: FarSide):
    client = far.client("v1")
    for text in ("Zoë 👋", "a\nb", '"', "\ud800"):
        client.send(OutboundMessage(PAGE, PSID, text))
        assert json.loads(far.seen[-1][3])["text"] == text
    client.close()


def test_many_threads_may_send_at_once(far: FarSide):
    client = far.client()
    threads = [threading.Thread(target=client.send, args=(OutboundMessage(PAGE, PSID, str(n)),)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert sorted(int(json.loads(body)["text"]) for *_, body in far.seen) == list(range(20))


# What is kept


def test_an_accepted_reply_is_kept_in_the_inbox_and_a_refused_one_is_not(far: FarSide, tmp_path: Path):
    far.answers = [ACCEPTED, (422, {}, {"title": "No"})]
    inbox = Inbox(tmp_path / "lab.sqlite3")
    client = far.client(inbox=inbox)
    client.send(HELLO)
    refused(client)
    (event,) = inbox.events()
    assert (event.kind, event.message_uuid, event.psid, event.page_id) == ("reply", UUID, PSID, PAGE)
    assert (event.text, event.json) == ("Hello!", HELLO.body("v1"))
    inbox.close()


def test_a_reply_that_went_out_but_could_not_be_kept_is_not_to_be_sent_again(far: FarSide, tmp_path: Path):
    inbox = Inbox(tmp_path / "lab.sqlite3")
    inbox.close()
    client = far.client(inbox=inbox)
    with pytest.raises(InboxError, match="was sent") as caught:
        client.send(HELLO)
    client.close()
    assert UUID in caught.value.seen
    assert "not send it again" in caught.value.next
    assert len(far.seen) == 1


# What the service refuses

V1 = "https://developer.vonage.com/api-errors/messages"
REFUSALS: list[tuple[int, Any, str]] = [
    (400, {"type": "https://www.nexmo.com/messages/Errors#InvalidParams", "title": "Your request"}, "InvalidParams"),
    (400, {"type": "https://developer.vonage.com/api-errors#low-balance", "title": "Bad Request"}, "low-balance"),
    (401, {"title": "Unauthorised", "detail": "Invalid Token", "instance": "f" * 32}, ""),
    (401, {"type": "https://developer.vonage.com/api-errors/#unprovisioned", "title": "x"}, "unprovisioned"),
    (402, {"type": "https://developer.vonage.com/api-errors/#low-balance", "title": "Low balance"}, "low-balance"),
    (403, b"no such verb here", ""),
    (404, b"<html>nothing</html>", ""),
    (409, {"type": "https://www.nexmo.com/messages/Errors#Conflict", "title": "Application conflict"}, "Conflict"),
    (413, b"", ""),
    *[(422, {"type": f"{V1}#{code}", "title": "t"}, str(code)) for code in (1100, 1110, 1120, 110, 1140, 1150, 1060)],
    (422, {"type": "https://developer.nexmo.com/api-errors#invalid-json", "title": "t"}, "invalid-json"),
    (422, {"type": "https://elsewhere.example/entirely#1120", "title": "t"}, "1120"),
    (500, {"type": f"{V1}#1000", "title": "Internal error"}, "1000"),
    (503, b"try later", ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "code"), REFUSALS)
def test_every_refusal_is_told_with_its_status_its_body_and_a_cure(far: FarSide, status: int, body: Any, code: str):
    far.answers = [(status, {}, body)]
    error = refused(far.client())
    assert error.status == status
    assert error.body == (body.decode() if isinstance(body, bytes) else body)
    assert error.code == code
    assert str(status) in error.seen
    cure = cure_for("refusal", code) or cure_for("http", status)
    assert cure is not None
    assert (error.what, error.next) == (cure.what, cure.next)
    assert len(far.seen) == 1


def test_the_services_own_words_and_trace_are_told(far: FarSide):
    body = {"title": "Invalid sender", "detail": "The `from` parameter is invalid.", "instance": "not this"}
    far.answers = [(422, {"x-nexmo-trace-id": "0123456789abcdef"}, body)]
    error = refused(far.client())
    assert "Invalid sender: The `from` parameter is invalid." in error.seen
    assert error.trace == "0123456789abcdef" and error.trace in error.seen


@pytest.mark.parametrize("name", ["invalid_parameters", "invalid_params"])
def test_a_named_field_is_told_with_what_was_sent_in_it(far: FarSide, name: str):
    parameters = [
        {"name": "messenger.category", "reason": "Must be one of"},
        {"name": "image.url", "reason": "is required."},
        "rubbish",
    ]
    far.answers = [(422, {}, {"title": "t", name: parameters})]
    error = refused(far.client(), OutboundMessage(PAGE, PSID, "Hello!", category="update"))
    assert 'messenger.category: Must be one of (sent: "update")' in error.seen
    assert "image.url: is required. (it was not sent)" in error.seen


@pytest.mark.parametrize("status", [200, 201, 202, 204, 300, 418])
def test_any_other_answer_raises_with_its_status(far: FarSide, status: int):
    far.answers = [(status, {}, b"" if status == 204 else b"fine")]
    error = refused(far.client())
    assert error.status == status
    assert len(far.seen) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"message_uuid": 5}', b"{}", b"\xff\xfe", b"[" * 100_000])
def test_a_202_without_a_uuid_is_no_success(far: FarSide, body: bytes):
    far.answers = [(202, {}, body)]
    assert refused(far.client()).status == 202


def test_terminal_codes_in_an_answer_do_not_reach_the_terminal(far: FarSide):
    far.answers = [(422, {}, {"title": "a\x1b[2Jb\nc", "detail": "x" * 2000})]
    error = refused(far.client())
    assert "\x1b" not in str(error) and "\n" not in str(error)
    assert len(str(error)) < 800


def repeat_the_request(handler: Handler) -> None:
    said = json.dumps({"title": "Refused", "detail": handler.headers["Authorization"] * 3}).encode()
    handler.send_response(401)
    handler.send_header("Content-Length", str(len(said)))
    handler.send_header("x-nexmo-trace-id", handler.headers["Authorization"])
    handler.end_headers()
    handler.wfile.write(said)


def test_a_service_that_repeats_the_token_does_not_bring_it_into_the_error(far: FarSide, key: PrivateKey):
    far.answers = [repeat_the_request]
    assert "••••" in refused(far.client()).seen
    mint = Minter("11111111-2222-3333-4444-555555555555", key)
    client = far.client(auth=mint)
    with pytest.raises(ApiError) as caught:
        client.send(HELLO)
    client.close()
    sent = far.seen[-1][2]["Authorization"].removeprefix("Bearer ")
    assert not any(sent[at : at + 40] in str(caught.value) for at in range(len(sent) - 39))


# What is repeated, and what is not


@pytest.mark.usefixtures("no_pauses")
def test_nobody_there_is_told_as_such(free_port: int):
    error = refused(MessagesClient(f"http://127.0.0.1:{free_port}", lambda: TOKEN))
    assert (error.status, error.code) == (None, "refused")
    assert "Nobody answers" in error.what


def test_a_refused_connection_is_tried_again_and_the_message_arrives_once(free_port: int):
    client = MessagesClient(f"http://127.0.0.1:{free_port}", lambda: TOKEN, "v1")
    sent: list[Any] = []
    sending = threading.Thread(target=lambda: sent.append(client.send(HELLO)))
    sending.start()
    time.sleep(0.1)  # the first attempts meet nobody
    server = FarSide.__new__(FarSide)
    ThreadingHTTPServer.__init__(server, ("127.0.0.1", free_port), Handler)
    server.answers, server.seen, server.connections = [ACCEPTED], [], set()
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    sending.join(10)
    client.close()
    server.shutdown()
    serving.join()
    server.server_close()
    assert [accepted.message_uuid for accepted in sent] == [UUID]
    assert len(server.seen) == 1


def test_a_429_is_tried_again_and_taken_then(far: FarSide):
    far.answers = [(429, {"Retry-After": "3600"}, {"title": "Rate Limit Hit"}), ACCEPTED]
    began = time.monotonic()
    client = far.client()
    assert client.send(HELLO).message_uuid == UUID
    client.close()
    assert len(far.seen) == 2
    assert time.monotonic() - began < 3  # an hour is not waited for


def test_a_429_that_stays_is_told_after_two_repeats(far: FarSide):
    far.answers = [(429, {}, {"title": "Rate Limit Hit"})]
    error = refused(far.client())
    assert (error.status, len(far.seen)) == (429, 3)
    assert "faster" in error.what


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_fault_of_the_service_is_never_repeated(far: FarSide, status: int):
    far.answers = [(status, {"Retry-After": "0"}, {"title": "Internal error"}), ACCEPTED]
    assert refused(far.client()).status == status
    assert len(far.seen) == 1


def wait_too_long(handler: Handler) -> None:
    handler.server.let_go.wait(5)
    handler.close_connection = True


def test_an_answer_that_does_not_come_in_time_is_never_asked_for_again(far: FarSide):
    far.answers = [wait_too_long]
    error = refused(far.client(timeout=(1, 0.2)))
    assert (error.status, error.code) == (None, "timeout")
    assert "receipt" in error.next
    assert len(far.seen) == 1


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


def half_an_answer(handler: Handler) -> None:
    handler.wfile.write(b'HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{"message_uuid')
    handler.close_connection = True


def rubbish(handler: Handler) -> None:
    handler.wfile.write(b"what is this\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("way", "code"), [(reset, "reset"), (hang_up, "reset"), (half_an_answer, "cut"), (rubbish, "other")]
)
def test_a_connection_that_breaks_after_the_request_is_never_tried_again(
    far: FarSide, way: Callable[[Handler], None], code: str
):
    far.answers = [way]
    error = refused(far.client())
    assert (error.status, error.code) == (None, code)
    assert "receipt" in error.next
    assert len(far.seen) == 1


def answer_and_hang_up(handler: Handler) -> None:
    said = json.dumps({"message_uuid": UUID}).encode()
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
    handler.close_connection = True  # without having said so


def test_a_kept_connection_that_the_service_has_closed_meanwhile_does_no_harm(far: FarSide):
    far.answers = [answer_and_hang_up]
    client = far.client()
    client.send(HELLO)
    time.sleep(0.05)  # for the end of the connection to arrive
    client.send(HELLO)
    client.close()
    assert len(far.seen) == len(far.connections) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_not_followed(far: FarSide, status: int):
    far.answers = [(status, {"Location": far.url + "/elsewhere"}, b""), ACCEPTED]
    assert refused(far.client()).status == status
    assert [path for _, path, _, _ in far.seen] == ["/v1/messages"]


@pytest.mark.usefixtures("no_pauses")
def test_a_name_that_does_not_exist_is_told_as_such():
    assert refused(MessagesClient("http://no-such-host.invalid", lambda: TOKEN)).code == "name"


def test_a_server_that_speaks_no_tls_is_told_as_such(far: FarSide):
    assert refused(MessagesClient(far.url.replace("http:", "https:"), lambda: TOKEN)).code == "tls-not"


# What the machine around may not change


def test_a_netrc_entry_does_not_replace_the_token(far: FarSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client = far.client()
    client.send(HELLO)
    client.close()
    assert far.seen[0][2]["Authorization"] == f"Bearer {TOKEN}"


def test_a_proxy_does_not_matter_for_loopback(far: FarSide, free_port: int, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "intranet.example")
    spare_loopback()  # as `Lab()` and the command do
    client = far.client()
    client.send(HELLO)
    client.close()
    assert len(far.seen) == 1


@pytest.mark.usefixtures("no_pauses")
def test_a_proxy_that_is_not_there_is_told_as_such(free_port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port}")
    assert refused(MessagesClient("http://api.invalid", lambda: TOKEN)).code == "proxy"


def test_what_the_minter_cannot_do_is_told_by_the_minter(far: FarSide):
    def broken() -> str:
        raise KitError("No token.")

    client = far.client(auth=broken)
    with pytest.raises(KitError, match="No token"):
        client.send(HELLO)
    client.close()
    assert far.seen == []


def test_a_client_shows_its_host_and_no_credentials(far: FarSide):
    client = far.client(auth=("abcd1234", "the-secret"))
    assert repr(client) == f"MessagesClient({far.url!r}, version='v1')"
    client.close()
