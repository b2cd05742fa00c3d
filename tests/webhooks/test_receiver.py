"""The receiver: what it takes, what it refuses, and that nothing it has answered 200 is ever lost."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import gzip
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil
import pytest
import requests
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.auth.signatures import sign
from nbhelpers.config import settings as configuration
from nbhelpers.config.private_files import write_private
from nbhelpers.config.settings import Settings
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from nbhelpers.services.record import Record
from nbhelpers.storage.damage import what_was_set_aside
from nbhelpers.webhooks.receiver import _judge_of
from tests.conftest import REPOSITORY, wait_until
from tests.support import traced_receiver

GUIDE = Path(__file__).parents[1] / "data" / "guide_inbound.json"


@pytest.fixture
def receiver(settings: Settings) -> Record:
    return launcher.start("receiver", settings)


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Inbox]:
    made = Inbox(settings.folder / "lab.sqlite3")
    yield made
    made.close()


def inbound(number: int = 0) -> dict[str, Any]:
    return {
        "message_uuid": f"00000000-0000-0000-0000-{number:012d}",
        "to": {"type": "messenger", "id": "220385903556922"},
        "from": {"type": "messenger", "id": "5643442791834631"},
        "timestamp": "2020-01-01T14:00:00.000Z",
        "message": {"content": {"type": "text", "text": f"message {number}"}},
    }


@pytest.mark.fast
def test_the_guides_own_event_tells_psid_and_page_id_once_however_often_it_comes(
    receiver: Record, inbox: Inbox
) -> None:
    for _ in range(5):
        answer = requests.post(
            receiver.ready["inbound_url"],
            data=GUIDE.read_bytes(),
            headers={"Content-Type": "application/json"},
            timeout=5,
        )
        assert (answer.status_code, answer.content) == (200, b"")

    (event,) = inbox.events()
    assert (event.psid, event.page_id, event.deliveries) == ("1111111111111111", "0000000000000000", 5)
    assert event.body == GUIDE.read_bytes()
    assert inbox.newest_message() == event


@pytest.mark.fast
def test_a_get_is_405_and_says_that_the_method_must_be_post(receiver: Record, inbox: Inbox) -> None:
    answer = requests.get(receiver.ready["inbound_url"], params={"message_uuid": "a"}, timeout=5)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "Set the HTTP method" in answer.json()["next"]
    assert inbox.deliveries()[-1].path == "/webhooks/inbound?message_uuid=a"
    assert [event.status for event in inbox.events()] == ["wrong-method"]
    assert inbox.newest_message() is None


@pytest.mark.fast
def test_another_path_is_404_and_names_the_two_that_are_here(receiver: Record, inbox: Inbox) -> None:
    answer = requests.post(f"{receiver.url}/webhooks/inbond", json=inbound(), timeout=5)

    assert answer.status_code == 404
    assert "/webhooks/inbound" in answer.json()["next"]
    assert [(kept.path, kept.answer) for kept in inbox.deliveries()] == [("/webhooks/inbond", 404)]


SMS = {"msisdn": "447700900001", "to": "447700900000", "messageId": "0A", "text": "Hi", "type": "text"}
RECEIPT = {"msisdn": "447700900001", "to": "AcmeInc", "messageId": "0A", "status": "delivered", "err-code": "0"}
ANSWER = {"from": "447700900001", "to": "447700900000", "uuid": "aaaa", "conversation_uuid": "CON-bbbb"}
FACEBOOK = {"object": "page", "entry": [{"id": "1", "time": 1, "messaging": [{"sender": {"id": "9"}}]}]}


@pytest.mark.parametrize(
    ("name", "method", "options", "next_action"),
    [
        ("inbound-sms", "POST", {"json": SMS}, "Messaging API type"),
        ("inbound-sms", "POST", {"data": SMS}, "Messaging API type"),
        ("inbound-sms", "GET", {"params": SMS}, "Messaging API type"),
        ("sms-receipt", "POST", {"json": RECEIPT}, "receipts of SMS"),
        ("sms-receipt", "POST", {"data": RECEIPT}, "receipts of SMS"),
        ("voice-answer", "GET", {"params": ANSWER}, "Answer URL of its own"),
        ("voice-answer", "POST", {"json": ANSWER}, "Answer URL of its own"),
        (
            "voice-event",
            "POST",
            {"json": ANSWER | {"status": "ringing", "direction": "inbound"}},
            "Event URL of its own",
        ),
        ("facebook-webhook", "POST", {"json": FACEBOOK}, "the Page is linked at Vonage"),
        ("facebook-verification", "GET", {"params": {"hub.mode": "subscribe", "hub.challenge": "515"}}, "not here"),
        ("event-list", "POST", {"json": [inbound()]}, "pass each call on"),
        ("form", "POST", {"data": {"message_uuid": "u", "from": "1", "to": "2", "text": "Hi"}}, "choose POST-JSON"),
    ],
)
def test_a_known_caller_is_answered_200_stored_whole_and_named(
    receiver: Record, inbox: Inbox, name: str, method: str, options: dict[str, Any], next_action: str
) -> None:
    answer = requests.request(method, receiver.ready["inbound_url"], timeout=5, **options)

    assert answer.status_code == 200
    assert next_action in answer.json()["next"]
    assert "515" not in answer.text, "Facebook must not take this address for one of its own"
    (event,) = inbox.events()
    assert (event.kind, event.status, event.trusted) == ("call", name, True)
    assert next_action in event.line
    (kept,) = inbox.deliveries()
    sent = answer.request.body or b""
    assert kept.body == (sent.encode() if isinstance(sent, str) else sent)
    assert inbox.newest_message() is None


@pytest.mark.parametrize(
    ("headers", "encode", "note"),
    [
        ({"Content-Encoding": "gzip"}, gzip.compress, "compressed with gzip"),
        ({}, gzip.compress, "compressed with gzip"),
        ({"Content-Encoding": "deflate"}, zlib.compress, "compressed with deflate"),
        ({"Content-Type": "application/json; charset=iso-8859-1"}, None, "in ISO-8859-1"),
        ({}, None, "in Windows-1252"),
        ({}, lambda body: body.decode("latin-1").encode("utf-16"), "in UTF-16"),
    ],
)
def test_a_compressed_body_and_one_in_another_charset_are_read_and_said_so(
    receiver: Record, inbox: Inbox, headers: dict[str, str], encode: Any, note: str
) -> None:
    latin = json.dumps(inbound() | {"greeting": "Grüße"}, ensure_ascii=False).encode("latin-1")
    body = encode(latin) if encode else latin
    assert requests.post(receiver.ready["inbound_url"], data=body, headers=headers, timeout=5).status_code == 200

    event = inbox.newest_message()
    assert (event.text, event.json["greeting"]) == ("message 0", "Grüße")
    assert note in event.line
    assert inbox.delivery(event).body == body


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({"Content-Encoding": "br"}, b"\x0b", "compressed with “br”, and gzip and deflate alone are read"),
        (
            {"Content-Encoding": "gzip"},
            gzip.compress(b"{}" * 99, mtime=0)[:-9],
            "said to be compressed with gzip, and is not, or not whole",
        ),
        ({"Content-Encoding": "gzip"}, gzip.compress(b" " * (2 << 20)), "unpacked it has more than 1048576 bytes"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=b", "it is a form"),
    ],
)
def test_what_cannot_be_read_is_400_and_says_why(
    receiver: Record, inbox: Inbox, headers: dict[str, str], body: bytes, words: str
) -> None:
    answer = requests.post(receiver.ready["inbound_url"], data=body, headers=headers, timeout=5)

    assert answer.status_code == 400
    assert words in answer.json()["seen"]
    assert [event.kind for event in inbox.events()] == ["call"]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/webhooks/inbound/", "/webhooks/inbound"),
        ("/Webhooks/Inbound", "/webhooks/inbound"),
        ("//webhooks//inbound", "/webhooks/inbound"),
        ("/webhooks/inbound-message", "/webhooks/inbound"),
        ("/webhooks/message-status", "/webhooks/status"),
        ("/webhooks/delivery-receipt", "/webhooks/status"),
        ("/webhook/inbond", "/webhooks/inbound"),
        ("/", "/webhooks/inbound"),
    ],
)
def test_a_near_miss_of_the_path_is_404_and_names_the_address_that_was_meant(
    receiver: Record, inbox: Inbox, path: str, meant: str
) -> None:
    body = inbound()
    if meant.endswith("status"):
        del body["message"]
        body["status"] = "delivered"
    answer = requests.post(receiver.url + path, json=body, timeout=5)

    assert answer.status_code == 404
    assert answer.json()["next"] == f"Did you mean {meant}? POST to {meant}."
    (event,) = inbox.events()
    assert f"{meant} is meant" in event.line
    assert "Next: Correct the URL" in event.line
    assert inbox.newest_message() is None


def test_no_body_header_set_or_path_makes_it_answer_5xx_or_lose_what_it_answered_200(
    receiver: Record, inbox: Inbox
) -> None:
    parts = urlsplit(receiver.url)

    def call(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> int | None:
        lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: 127.0.0.1", b"Connection: close"]
        lines += [b"%s: %s" % header for header in headers] + [b"Content-Length: %d" % len(body)]
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as caller:
            caller.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            answer = b""
            while part := caller.recv(65536):
                answer += part
        return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else None

    visible = st.binary(max_size=40).map(lambda data: bytes(each for each in data if each > 32 and each != 127))
    paths = st.sampled_from(
        [b"/webhooks/inbound", b"/webhooks/status", b"/webhooks/inbound/", b"//webhooks/status", b"/"]
    )
    queries = st.sampled_from([b"", b"?hub.challenge=1", b"?msisdn=1&messageId=2&text=%ff", b"?message_uuid=%00"])
    targets = st.tuples(paths | visible.map(lambda data: b"/" + data), queries).map(b"".join)
    names = st.sampled_from(
        [b"content-type", b"content-encoding", b"authorization", b"x-nbhelpers-origin", b"origin", b"x"]
    )
    told = st.sampled_from(
        [b"gzip", b"deflate, gzip", b"application/x-www-form-urlencoded", b"a/b; charset=utf-16", b"replay"]
    )
    known = st.sampled_from(
        [inbound(), SMS, RECEIPT, ANSWER, FACEBOOK, [inbound()], {}, {"message_uuid": "\ud800"}, None]
    )
    texts = (
        known.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=300) | st.just(urlencode(SMS).encode())
    )
    bodies = texts | texts.map(gzip.compress) | texts.map(lambda data: data + b"\xe9" * 5000)

    @hypothesis_settings(max_examples=250, deadline=None)
    @given(
        st.sampled_from([b"POST", b"GET", b"PUT", b"HEAD"]),
        targets,
        st.lists(st.tuples(names, told | visible), max_size=2),
        bodies,
    )
    def holds(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        status = call(method, target, headers, body)
        assert status is None or status < 500, (method, target, headers, body)
        if status == 200:
            (kept,) = inbox.deliveries(limit=1)
            assert (kept.body, kept.method, kept.answer) == (body, method.decode(), 200)
            told = inbox.event(kept)
            assert told is None or told.deliveries >= 1

    holds()
    before = len(inbox.events())
    assert inbox.rebuild() == before, "every event that was answered stands on a delivery that is kept"


def test_an_unsigned_sms_is_taken_where_an_unsigned_message_is_not(settings: Settings) -> None:
    live = dataclasses.replace(settings, mode="live", signature_secret="a secret", receiver_port=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VONAGE_SIGNATURE_SECRET", "a secret")
        url = launcher.start("receiver", live).ready["inbound_url"]
    assert requests.post(url, json=SMS, timeout=5).status_code == 200
    assert requests.post(url, json=inbound(), timeout=5).status_code == 503


def test_a_compressed_webhook_is_signed_whichever_bytes_were_hashed(settings: Settings, inbox: Inbox) -> None:
    simulator = launcher.start("simulator", settings)
    url = launcher.start("receiver", settings).ready["inbound_url"]
    for number in range(2):
        body = body_of(number)
        packed = gzip.compress(body, mtime=0)
        token = sign(packed if number else body, simulator.ready["signature_secret"], "abcd1234")
        headers = {"Content-Encoding": "gzip", "Authorization": token}
        assert requests.post(url, data=packed, headers=headers, timeout=5).status_code == 200
    assert [event.verdict for event in inbox.events()] == ["signed", "signed"]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[1]", b'"text"', b"{", b"[" * 50_000])
def test_a_body_that_is_no_json_object_is_400_and_kept(receiver: Record, inbox: Inbox, body: bytes) -> None:
    answer = requests.post(receiver.ready["inbound_url"], data=body, timeout=5)

    assert answer.status_code == 400
    assert "cannot be read" in answer.json()["seen"]
    (kept,) = inbox.deliveries()
    assert kept.body == body[:4096]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_foreign_host_or_origin_is_refused_beside_the_webhooks(receiver: Record, headers: dict[str, str]) -> None:
    assert requests.get(f"{receiver.url}/", headers=headers, timeout=5).status_code == 400


def test_a_webhook_through_a_tunnel_has_a_foreign_host_and_is_taken(receiver: Record) -> None:
    headers = {"Host": "abc.ngrok-free.dev"}
    assert requests.post(receiver.ready["status_url"], json=inbound(), headers=headers, timeout=5).status_code == 200


def test_a_web_page_elsewhere_cannot_forge_a_webhook(receiver: Record, inbox: Inbox) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = requests.post(receiver.ready["inbound_url"], json=inbound(), headers=headers, timeout=5)

    assert answer.status_code == 400
    assert inbox.newest_message() is None


def test_healthz_knows_only_its_own_nonce(receiver: Record, settings: Settings) -> None:
    nonce = json.loads((settings.folder / "receiver.json").read_text())["nonce"]

    assert requests.get(f"{receiver.url}/healthz?nonce={nonce}", timeout=5).status_code == 200
    for query in ("?nonce=other", f"?announce={nonce}", f"?nonce=other&nonce={nonce}"):
        assert requests.get(f"{receiver.url}/healthz{query}", timeout=5).status_code == 404
    assert requests.get(f"{receiver.url}/healthz?a=b&nonce={nonce}&c=d", timeout=5).status_code == 200
    assert requests.get(f"{receiver.url}/healthz", timeout=5).status_code == 404


def test_a_body_of_one_mebibyte_is_taken_and_one_byte_more_is_413(receiver: Record, inbox: Inbox) -> None:
    frame = json.dumps(inbound() | {"more": ""}).encode()
    exact = frame.replace(b'"more": ""', b'"more": "' + b"x" * ((1 << 20) - len(frame)) + b'"')
    assert len(exact) == 1 << 20

    assert requests.post(receiver.ready["inbound_url"], data=exact, timeout=10).status_code == 200
    assert requests.post(receiver.ready["inbound_url"], data=exact + b" ", timeout=10).status_code == 413
    assert inbox.newest_message().body == exact


def test_simulator_mode_judges_signatures_and_refuses_none(settings: Settings, inbox: Inbox) -> None:
    simulator = launcher.start("simulator", settings)
    receiver = launcher.start("receiver", settings)
    secret = simulator.ready["signature_secret"]
    for number, authorization in enumerate(
        (None, sign_of(number=1, secret=secret), sign_of(number=2, secret="x" * 40))
    ):
        headers = {"Authorization": authorization} if authorization else {}
        data = body_of(number)
        assert requests.post(receiver.ready["inbound_url"], data=data, headers=headers, timeout=5).status_code == 200

    assert [event.verdict for event in inbox.events()] == ["unsigned", "signed", "wrong"]


def body_of(number: int) -> bytes:
    return json.dumps(inbound(number)).encode()


def sign_of(number: int, secret: str) -> str:
    return sign(body_of(number), secret, "abcd1234")


def test_with_a_signature_secret_of_ones_own_unsigned_is_503_and_wrong_is_401(settings: Settings) -> None:
    live = dataclasses.replace(settings, mode="live")
    secret = "a short one"
    process = subprocess.Popen(
        [sys.executable, "-m", "nbhelpers", "receiver", "--state", str(live.state), "--mode", "live", "--port", "0"],
        env=os.environ | {"VONAGE_SIGNATURE_SECRET": secret},
        stdout=subprocess.PIPE,
    )
    try:
        url = json.loads(process.stdout.readline())["inbound_url"]
        answers = {
            number: requests.post(url, data=body_of(number), headers=headers, timeout=5).status_code
            for number, headers in enumerate(
                ({}, {"Authorization": sign_of(1, secret)}, {"Authorization": sign_of(2, "another")})
            )
        }
        assert answers == {0: 503, 1: 200, 2: 401}
        store = Inbox(live.folder / "lab.sqlite3")
        assert store.newest_message().message_uuid == inbound(1)["message_uuid"]
        assert len(store.events()) == 3, "what was refused is kept all the same"
        # The service sends it again, signed this time: now it counts.
        headers = {"Authorization": sign_of(0, secret)}
        assert requests.post(url, data=body_of(0), headers=headers, timeout=5).status_code == 200
        assert store.newest_message().message_uuid == inbound(0)["message_uuid"]
        store.close()
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_a_signature_secret_that_is_written_while_the_receiver_is_open_counts_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    live = configuration.load("live", tmp_path / "lab", environ={}, folder=tmp_path)
    try:
        url = launcher.start("receiver", dataclasses.replace(live, receiver_port=0)).ready["inbound_url"]
        assert requests.post(url, data=body_of(0), timeout=5).status_code == 200
        (tmp_path / ".env").write_text("VONAGE_SIGNATURE_SECRET=written-later\n")
        assert requests.post(url, data=body_of(1), timeout=5).status_code == 503
        headers = {"Authorization": sign_of(1, "written-later")}
        assert requests.post(url, data=body_of(1), headers=headers, timeout=5).status_code == 200
        (tmp_path / ".env").write_bytes(b"\xc3\x28")  # no text at all: what was known stays known
        assert requests.post(url, data=body_of(2), timeout=5).status_code == 503
    finally:
        launcher.stop(live)


@pytest.mark.fast
def test_a_secret_that_changes_within_one_tick_of_the_clock_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".env"
    path.write_text("VONAGE_SIGNATURE_SECRET=the-first\n")
    first = path.stat()
    judge = _judge_of(configuration.load("live", tmp_path / "lab", environ={}, folder=tmp_path))
    assert judge(sign_of(1, "the-first"), body_of(1))[0].kind == "signed"
    # As long as the first and of another inode, then in the same file and shorter; both with the first one's time.
    for secret, write in (("the-other", write_private), ("third", Path.write_bytes)):
        write(path, f"VONAGE_SIGNATURE_SECRET={secret}\n".encode())
        os.utime(path, ns=(first.st_atime_ns, first.st_mtime_ns))
        assert [judge(sign_of(1, each), body_of(1))[0].kind for each in (secret, "the-first")] == ["signed", "wrong"]


def test_a_store_that_is_locked_gives_503_to_all_who_wait_and_none_hangs(receiver: Record, settings: Settings) -> None:
    blocker = sqlite3.connect(settings.folder / "lab.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            began = time.monotonic()
            answers = list(
                pool.map(
                    lambda number: requests.post(receiver.ready["inbound_url"], json=inbound(number), timeout=30),
                    range(20),
                )
            )
        took = time.monotonic() - began
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()

    assert {answer.status_code for answer in answers} == {503}
    assert "could not store" in answers[0].json()["error"]
    assert took < 20
    assert requests.post(receiver.ready["inbound_url"], json=inbound(), timeout=5).status_code == 200


@contextlib.contextmanager
def limited_files(receiver: Record, size: int) -> Iterator[None]:
    """No file of the receiver may grow beyond this size, as if the disk were full."""
    resource.prlimit(receiver.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(receiver.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def stored_texts(folder: Path) -> list[str | None]:
    store = Inbox(folder / "lab.sqlite3")
    try:
        return [event.text for event in store.events()]
    finally:
        store.close()


def test_a_full_disk_gives_503_and_what_was_stored_is_still_there(receiver: Record, settings: Settings) -> None:
    url = receiver.ready["inbound_url"]
    assert requests.post(url, json=inbound(1), timeout=5).status_code == 200
    large = inbound(2) | {"more": "x" * 100_000}
    with limited_files(receiver, 8192):
        answers = [requests.post(url, json=large, timeout=30) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503] * 3
    said = answers[0].json()
    assert said["error"] == "The inbox could not store this."
    assert said["seen"] in ("disk I/O error", "database or disk is full")
    assert "Send again" in said["next"]
    assert requests.post(url, json=inbound(3), timeout=5).status_code == 200
    assert requests.post(url, json=large, timeout=5).status_code == 200
    assert stored_texts(settings.folder) == ["message 1", "message 3", "message 2"]


def test_on_a_disk_that_fills_up_under_load_200_means_stored_and_the_rest_is_stored_when_it_comes_again(
    receiver: Record, settings: Settings
) -> None:
    url = receiver.ready["inbound_url"]

    def send(number: int) -> int:
        return requests.post(url, json=inbound(number) | {"more": "x" * 3000}, timeout=30).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        with limited_files(receiver, 600_000):
            first = list(pool.map(send, range(400)))
        assert set(first) == {200, 503}
        stored = {int(text.split()[1]) for text in stored_texts(settings.folder)}
        assert {number for number, status in enumerate(first) if status == 200} == stored
        refused = [number for number, status in enumerate(first) if status == 503]
        assert set(pool.map(send, refused)) == {200}
    assert sorted(int(text.split()[1]) for text in stored_texts(settings.folder)) == list(range(400))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which can be filled and made read-only; it takes the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_and_then_read_only_gives_503_each_time_and_loses_nothing(small_disk: Path) -> None:
    settings = dataclasses.replace(
        configuration.load(state=small_disk / "lab", environ={}, folder=small_disk), receiver_port=0
    )
    try:
        url = launcher.start("receiver", settings).ready["inbound_url"]
        assert requests.post(url, json=inbound(1), timeout=5).status_code == 200
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        full = [requests.post(url, json=inbound(2) | {"more": "x" * 50_000}, timeout=30) for _ in range(2)]
        assert [answer.status_code for answer in full] == [503, 503]
        assert "full" in full[0].json()["seen"]
        filler.unlink()
        assert requests.post(url, json=inbound(2), timeout=5).status_code == 200
        # The same files, as root may still write where only their modes forbid it: `mount` makes all of it read-only.
        os.kill(launcher.find("receiver", settings).pid, signal.SIGKILL)
        read_only = ["mount", "-o", "remount,ro", str(small_disk)]
        wait_until(lambda: subprocess.run(read_only, capture_output=True, check=False).returncode == 0, what="its end")
        command = [sys.executable, "-m", "nbhelpers", "receiver", "--state", str(settings.state), "--port", "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "ead-only" in done.stderr or "readonly" in done.stderr
        assert str(settings.state) in done.stderr
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        url = launcher.start("receiver", settings).ready["inbound_url"]
        assert requests.post(url, json=inbound(3), timeout=5).status_code == 200
        assert stored_texts(settings.folder) == ["message 1", "message 2", "message 3"]
    finally:
        launcher.stop(settings)


def test_a_damaged_inbox_is_set_aside_at_start_and_said_and_webhooks_are_taken(settings: Settings) -> None:
    settings.folder.mkdir(parents=True)
    path = settings.folder / "lab.sqlite3"
    Inbox(path).close()
    damaged = path.read_bytes()[:20_000] + b"x" * 30_000
    path.write_bytes(damaged)
    receiver = launcher.start("receiver", settings)
    assert requests.post(receiver.ready["inbound_url"], json=inbound(1), timeout=5).status_code == 200
    kept = what_was_set_aside(settings.folder)[0].kept
    assert kept.read_bytes() == damaged
    said = (settings.folder / "logs" / "receiver.log").read_text().splitlines()[0]
    assert said.startswith("lab.sqlite3 was damaged. SQLite said: “")
    assert str(kept) in said
    assert said.endswith("`nbhelpers doctor` says how to go on.")
    assert stored_texts(settings.folder) == ["message 1"]


def test_ten_thousand_requests_leak_no_descriptor(receiver: Record) -> None:
    process = psutil.Process(receiver.pid)
    local = threading.local()

    def call(number: int) -> int:
        if not hasattr(local, "session") or number % 100 == 0:
            local.session = requests.Session()
        return local.session.post(receiver.ready["inbound_url"], json=inbound(number), timeout=30).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, range(1000))) == {200}
        before = process.num_fds()
        assert set(pool.map(call, range(1000, 11_000))) == {200}
        after = process.num_fds()

    assert after <= before + 20, f"{before} descriptors before 10,000 requests, {after} after"


@pytest.mark.timeout(300)
def test_no_webhook_that_was_answered_200_is_lost_when_the_receiver_is_killed_twenty_times(settings: Settings) -> None:
    """The sender does what the service does: it tries again until it is answered 200."""
    total, kills = 2000, 20
    running = [launcher.start("receiver", settings)]
    answered: set[int] = set()
    lock = threading.Lock()
    missing: list[tuple[int, int]] = []

    def deliver(number: int) -> None:
        while True:
            try:
                answer = requests.post(running[0].ready["inbound_url"], json=inbound(number), timeout=5)
            except requests.RequestException:
                time.sleep(0.01)
                continue
            if answer.status_code == 200:
                with lock:
                    answered.add(number)
                return

    def stored() -> list[str]:
        store = sqlite3.connect(settings.folder / "lab.sqlite3")
        try:
            return [row[0] for row in store.execute("SELECT message_uuid FROM events")]
        finally:
            store.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        deliveries = [pool.submit(deliver, number) for number in range(total)]
        for kill in range(kills):
            wanted = total * kill // kills + random.Random(kill).randrange(total // kills)
            wait_until(lambda wanted=wanted: len(answered) > wanted, 60, f"answer {wanted}")
            os.kill(running[0].pid, signal.SIGKILL)
            with lock:
                known = set(answered)
            there = {int(uuid[-12:]) for uuid in stored()}
            missing += [(kill, number) for number in known - there]
            running[0] = launcher.start("receiver", settings)
        for delivery in deliveries:
            delivery.result(timeout=120)

    assert missing == []
    uuids = stored()
    assert len(uuids) == len(set(uuids)) == total
    assert {int(uuid[-12:]) for uuid in uuids} == answered == set(range(total))


@pytest.mark.skipif(not traced_receiver.SUPPORTED, reason="system calls are watched on Linux, x86_64 and aarch64")
def test_the_log_is_synced_before_each_200_goes_out(tmp_path: Path) -> None:
    """Seen from outside: the system calls of a real receiver, in the order in which it makes them."""
    command = [sys.executable, "-m", "tests.support.traced_receiver", str(tmp_path / "lab")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    with process:
        ready = json.loads(process.stdout.readline())
        if "forbidden" in ready:
            pytest.skip(f"this system forbids a parent to watch its child: {ready['forbidden']}")
        for number in range(20):
            assert requests.post(ready["inbound_url"], json=inbound(number), timeout=10).status_code == 200
        assert requests.get(ready["inbound_url"], timeout=10).status_code == 405
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            statuses = pool.map(
                lambda number: requests.post(ready["inbound_url"], json=inbound(number), timeout=10).status_code,
                range(20, 40),
            )
            assert set(statuses) == {200}
        process.terminate()
        seen = [json.loads(line) for line in process.stdout]
    synced, since = [], 0
    for each in seen:
        if each["call"] == "answer":
            synced.append((each["status"], since))
            since = 0
        elif each["path"].endswith("lab.sqlite3-wal"):
            assert each["result"] == 0
            since += 1
    assert [status for status, _ in synced] == [200] * 20 + [405] + [200] * 20
    # One after the other, each webhook has a sync of its own between the answer before and its own.
    assert all(count >= 1 for _, count in synced[:20])
    # At once, several share one, and none goes out before the first.
    assert synced[21][1] >= 1


def test_the_inbox_is_written_with_synchronous_full(receiver: Record, settings: Settings) -> None:
    from nbhelpers.inbox.tables import SCHEMA, VERSION
    from nbhelpers.storage.sqlite import Database

    database = Database(settings.folder / "lab.sqlite3", SCHEMA, VERSION)
    try:
        assert database.write(lambda connection: connection.execute("PRAGMA synchronous").fetchone()[0]).result() == 2
        assert (
            database.write(lambda connection: connection.execute("PRAGMA journal_mode").fetchone()[0]).result() == "wal"
        )
    finally:
        database.close()
