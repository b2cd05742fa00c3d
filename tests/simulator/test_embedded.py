"""The simulator inside a process that is not its own: starts at once, disturbs nothing, leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from nbhelpers.auth.private_key import load_key
from nbhelpers.errors import ServiceError
from nbhelpers.simulator.app import Options
from nbhelpers.simulator.control.client import ControlClient
from nbhelpers.simulator.embedded import Embedded
from tests.conftest import wait_until
from tests.support.simulation import Program, flat, target


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    with Embedded(tmp_path / "simulator") as made:
        yield made


def ping(it: Embedded) -> int:
    with requests.Session() as http:
        http.trust_env = False
        return http.get(f"{it.base_url}/v1/messages/ping", timeout=10).status_code


def sockets() -> set[tuple[object, ...]]:
    return {(each.fd, each.laddr, each.status) for each in psutil.Process().net_connections("inet")}


def test_it_answers_as_soon_as_it_has_started_and_says_how_long_that_took(tmp_path: Path) -> None:
    begun = time.perf_counter()
    with Embedded(tmp_path / "simulator") as it:
        assert ping(it) == 200
        answered = time.perf_counter()
    print(f"first answer after {answered - begun:.3f} s, end after {time.perf_counter() - answered:.3f} s")


def test_with_demo_a_message_goes_round_as_with_the_command(tmp_path: Path) -> None:
    with target() as hook, Embedded(tmp_path, Options(demo=True, inbound=hook.url, status=hook.url)) as it:
        ready = it.ready
        assert list(ready) == [
            *("base_url", "api_key", "api_secret", "signature_secret"),
            *("application_id", "private_key", "page_id", "psid", "api_version"),
        ]
        hook.wait()
        program = Program(ready["application_id"], load_key(ready["private_key"]))
        with requests.Session() as http:
            answer = http.post(
                f"{it.base_url}/v1/messages",
                json=flat(ready["page_id"], ready["psid"]),
                headers=program.headers,
                timeout=10,
            )
        assert answer.status_code == 202
        assert hook.statuses(answer.json()["message_uuid"], 2) == ["submitted", "delivered"]
        wait_until(lambda: not it.undelivered(), what="the last answer to be noted")
        assert [row["uuid"] for row in it.sent()] == [answer.json()["message_uuid"]]


def test_its_answers_have_the_headers_that_the_service_gives(embedded: Embedded) -> None:
    with requests.Session() as http:
        answer = http.post(f"{embedded.base_url}/v1/messages", timeout=10)
    assert answer.status_code == 401
    assert "server" not in answer.headers and "x-nexmo-trace-id" in answer.headers


def test_two_at_once_are_two(tmp_path: Path) -> None:
    with Embedded(tmp_path / "one") as one, Embedded(tmp_path / "two") as two:
        assert one.base_url != two.base_url
        assert one.ready["api_key"] != two.ready["api_key"]
        control = ControlClient(one.base_url, two.control)
        with pytest.raises(ServiceError):
            control.pages()
        control.close()


def test_it_listens_on_this_computer_alone(embedded: Embedded) -> None:
    port = int(embedded.base_url.rpartition(":")[2])
    listening = [each.laddr.ip for each in psutil.Process().net_connections("inet") if each.laddr.port == port]
    assert set(listening) == {"127.0.0.1"}


def test_it_may_be_started_again_over_the_same_folder_and_goes_on(tmp_path: Path) -> None:
    it = Embedded(tmp_path / "simulator").start()
    account = it.ready["api_key"]
    it.stop()
    it.stop()  # nothing more to do
    with it:
        assert it.ready["api_key"] == account
        assert ping(it) == 200


def test_a_second_start_is_refused_in_words(embedded: Embedded) -> None:
    with pytest.raises(ServiceError, match=r"runs already\. It is at http://127\.0\.0\.1:\d+\. Use that one"):
        embedded.start()
    assert ping(embedded) == 200


def test_one_that_does_not_run_says_so(tmp_path: Path) -> None:
    it = Embedded(tmp_path)
    assert repr(it) == "Embedded simulator, not running"
    with pytest.raises(ServiceError, match="does not run"):
        it.undelivered()


def test_a_broken_store_is_named_in_words_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "simulator.sqlite3").write_bytes(b"no database" * 500)
    before = set(threading.enumerate())
    with pytest.raises(ServiceError, match="cannot open its store"):
        Embedded(tmp_path).start()
    assert set(threading.enumerate()) == before


def test_a_folder_that_cannot_be_made_is_named_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match=r"cannot start\. .*file"):
        Embedded(tmp_path / "file" / "simulator").start()


def test_it_starts_inside_a_coroutine_too(tmp_path: Path) -> None:
    async def inside() -> int:
        with Embedded(tmp_path, Options(demo=True)) as it:
            return await asyncio.to_thread(ping, it)

    assert asyncio.run(inside()) == 200


def test_it_leaves_no_thread_no_socket_and_no_file_but_its_store(tmp_path: Path) -> None:
    threads, opened = set(threading.enumerate()), sockets()
    with Embedded(tmp_path / "simulator") as it:
        control = ControlClient(it.base_url, it.control)
        control.create_page("Page")
        control.write(text="hi")
        assert len(it.undelivered()) == 0  # the Page is linked to nobody
        control.close()
    assert set(threading.enumerate()) == threads
    assert sockets() <= opened
    assert [path.name for path in (tmp_path / "simulator").iterdir()] == ["simulator.sqlite3"]


def test_signals_and_logging_of_the_process_stay_as_they_are(tmp_path: Path) -> None:
    def seen() -> list[object]:
        loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")]
        logs = [(each.level, each.propagate, list(each.handlers)) for each in loggers]
        return [*logs, *(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))]

    before = seen()
    with Embedded(tmp_path) as it:
        assert ping(it) == 200
        assert seen() == before
    assert seen() == before


def test_calls_are_not_logged_whatever_level_is_asked_for(embedded: Embedded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert ping(embedded) == 200
    assert "ping" not in caplog.text


def connected(it: Embedded, data: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", int(it.base_url.rpartition(":")[2])), timeout=10)
    client.sendall(data)
    return client


REQUESTS = {
    "idle": b"",
    "half a head": b"POST /v1/messages HTTP/1.1\r\nHost: 127",
    "half a body": b"POST /_simulator/link HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{",
    "kept alive": b"GET /v1/messages/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.mark.parametrize("data", REQUESTS.values(), ids=list(REQUESTS))
def test_it_ends_in_time_whatever_its_callers_do(tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    before = set(threading.enumerate())
    it = Embedded(tmp_path).start()
    with connected(it, data):
        assert ping(it) == 200
        begun = time.monotonic()
        it.stop()
        assert time.monotonic() - begun < 2
        assert set(threading.enumerate()) == before
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


def test_it_ends_in_time_while_a_slow_handler_has_a_webhook_and_delivers_it_next_time(tmp_path: Path) -> None:
    release = threading.Event()
    with target(lambda call: release.wait(20) and 200) as slow:
        it = Embedded(tmp_path, Options(demo=True, inbound=slow.url)).start()
        slow.wait()
        begun = time.monotonic()
        it.stop()
        assert time.monotonic() - begun < 2
        release.set()
    with target() as hook, Embedded(tmp_path, Options(inbound=hook.url)):
        assert hook.wait()[0].json["message_uuid"] == slow.calls[0].json["message_uuid"]


def test_it_has_the_patience_of_the_service(embedded: Embedded) -> None:
    with connected(embedded, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n") as client:
        assert client.recv(100).startswith(b"HTTP/1.1 431 ")


def test_a_fault_of_ours_is_told_at_the_start_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbhelpers.simulator import embedded as room

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of cake")

    with monkeypatch.context() as patch:
        patch.setattr(room, "assemble", broken)
        with pytest.raises(ServiceError, match=r"cannot start\. RuntimeError: out of cake\."):
            Embedded(tmp_path).start()
    it = Embedded(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(room._Server, "shutdown", broken)
        it.start()
        with pytest.raises(ServiceError, match=r"broke while it ran\. RuntimeError: out of cake\."):
            it.stop()


def test_whoever_forgets_to_stop_it_can_still_end(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nbhelpers.simulator.embedded import Embedded\n"
        "print(Embedded(Path(sys.argv[1])).start().base_url)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=os.environ, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("http://127.0.0.1:")
