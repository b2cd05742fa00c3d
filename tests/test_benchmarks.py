"""The benchmarks: the frame's arithmetic, generator and sink against real little servers. No speed is asserted."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import __main__ as command
from benchmarks import prism, simulator
from benchmarks.audit import Stored, audit, read_calls, read_store
from benchmarks.children import Child, environment, free_port
from benchmarks.frame import Bar, CannotMeasure, Row, alternate, as_json, as_table, judge, make_row, spread
from benchmarks.load import Load, Plan, Result, read_answer, request
from benchmarks.sink import Call, split, understood
from nbhelpers.auth.signatures import sign
from nbhelpers.messages.inbound import LONGEST_ID, TODAY
from nbhelpers.messages.outbound import CATEGORIES, LONGEST_REF, LONGEST_TEXT, LONGEST_URL
from tests.conftest import REPOSITORY, wait_until

SECRET = "the account's signature secret, of some length"


# The frame


def test_a_row_is_the_median_of_its_runs_and_says_how_far_they_lie_apart():
    row = make_row("sends", [90, 100, 130, 80, 110], "/s", peer="Prism", peer_values=[40, 60, 50], bar=">= 1.2")
    assert (row.value, row.peer_value, row.ratio, row.n, row.met) == (100, 50, 2, 5, True)
    assert row.spread == pytest.approx(0.5)


def test_spread_says_nothing_of_one_value_or_of_nothing():
    assert spread([]) is None
    assert spread([5]) is None
    assert spread([0, 0, 7]) is None


def test_a_ratio_says_how_many_times_as_good_as_the_peer_where_less_is_better_too():
    faster = make_row("seconds", [2], "s", better="lower", peer="x", peer_values=[6], bar=">= 3")
    slower = make_row("seconds", [6], "s", better="lower", peer="x", peer_values=[2], bar=">= 1.0")
    assert (faster.ratio, faster.met) == (3, True)
    assert slower.ratio == pytest.approx(1 / 3)
    assert slower.met is False
    with pytest.raises(ValueError, match="higher"):
        make_row("seconds", [2], "s", better="less")


@pytest.mark.parametrize(
    ("bar", "values", "unit", "met"),
    [
        ("< 100 MB", [99.9], "MB", True),
        ("< 100 MB", [100], "MB", False),
        ("<= 100 MB", [100], "MB", True),
        ("> 1", [1], "x", False),
        ("== 0", [0, 0], "lost", True),
        ("== 0", [0, 1, 1], "lost", False),
        ("== 0", [float("nan")], "lost", False),
        ("== 0", [], "lost", False),
    ],
)
def test_without_a_peer_a_bar_is_of_the_value(bar, values, unit, met):
    assert make_row("x", values, unit, bar=bar).met is met


def test_a_bar_with_a_unit_is_of_the_value_even_beside_a_peer():
    assert make_row("memory", [90], "MB", peer="x", peer_values=[1], bar="< 100 MB").met is True
    with pytest.raises(ValueError, match="another unit"):
        make_row("memory", [90], "MB", bar="< 100 s")


def test_a_ratio_that_could_not_be_had_does_not_meet_a_bar():
    assert make_row("sends", [100], "/s", peer="x", bar=">= 1.2").met is False
    assert make_row("sends", [], "/s", peer="x", peer_values=[1], bar=">= 1.2").met is False
    assert make_row("sends", [100], "/s", peer="x", peer_values=[0], bar=">= 1.2").met is False
    assert make_row("sends", [100], "/s", peer="x").met is None


def test_one_bad_run_is_not_hidden_by_a_median():
    assert make_row("lost", [0, 0, 3], "lost", take=sum, bar="== 0").met is False
    assert make_row("late", [0, 0, 3], "webhooks", take=max, bar="== 0").value == 3
    assert make_row("lost", [0, 0, 3], "lost", take=sum).spread is None


@pytest.mark.parametrize("text", ["", "1.2", "=> 1", "about 3", ">= x", "!= 1"])
def test_what_is_no_bar_is_refused(text):
    with pytest.raises(ValueError, match="no bar"):
        Bar.parse(text)


def test_runs_alternate_and_so_does_who_goes_first():
    turns: list[str] = []

    def one(name: str) -> Callable[[], float]:
        return lambda: turns.append(name) or len(turns)

    assert alternate(3, one("ours"), one("peer")) == ([1, 4, 5], [2, 3, 6])
    assert turns == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert alternate(2, lambda: 7) == ([7, 7], [])


def rows() -> list[Row]:
    common = {"machine": "two cores"}
    return [
        make_row(
            "sends", [1234, 1300], "/s", peer="P", peer_values=[1000], bar=">= 2", versions=common | {"how": "fast"}
        ),
        make_row("lost", [0], "lost", bar="== 0", versions=common),
        make_row("never measured", [], "MB", bar="< 1 MB", versions=common),
    ]


def test_the_table_has_a_line_for_each_row_and_says_once_what_all_share():
    lines = as_table(rows()).splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert lines[2].split()[1:] == ["sends", "1,267", "/s", "2", "5%", "1,000", "1.27", ">=", "2", "NO"]
    assert lines[3].endswith("== 0    yes")
    assert "not measured" in lines[4]
    assert lines[5:] == ["", "machine: two cores", "1. how: fast"]
    assert as_table([])


def test_the_json_is_a_list_of_objects_with_the_names_of_the_frame():
    parsed = json.loads(as_json(rows()))
    names = ["name", "value", "unit", "n", "spread", "peer", "peer_value", "ratio", "bar", "met", "versions"]
    assert [list(row) for row in parsed] == [names] * 3
    assert parsed[0]["value"] == statistics.median([1234, 1300])
    assert parsed[2]["value"] is None


def test_what_is_not_met_is_said_with_its_number():
    assert judge(rows()) == [
        "Not met: sends: ratio 1.27, bar >= 2.",
        "Not met: never measured: not measured, bar < 1 MB.",
    ]
    assert judge([make_row("memory", [120.5], "MB", bar="< 100 MB")]) == ["Not met: memory: 120.5 MB, bar < 100 MB."]


# The command


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Let the benchmark give these rows, or raise this."""

    def give(what: Any) -> None:
        def measure(_options: Any) -> list[Row]:
            if isinstance(what, list):
                return what
            raise what

        monkeypatch.setattr(simulator, "measure", measure)
        monkeypatch.setattr(command.signal, "signal", lambda *_: None)

    return give


@pytest.mark.parametrize(("chosen", "flags", "code"), [(2, [], 0), (2, ["--check"], 1), (1, ["--check"], 0)])
def test_check_makes_an_unmet_bar_the_exit_code_and_names_it(measured, capsys, chosen, flags, code):
    measured([rows()[0] if chosen == 2 else rows()[1]])
    assert command.main(["simulator", *flags]) == code
    said = capsys.readouterr()
    assert ("Not met: sends" in said.err) is (code == 1)
    assert said.out


def test_with_json_nothing_else_is_on_stdout(measured, capsys):
    measured(rows())
    assert command.main(["simulator", "--json", "--check"]) == 1
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_what_cannot_be_measured_is_one_sentence_and_exit_code_2(measured, capsys):
    measured(CannotMeasure("There is no npm."))
    assert command.main(["simulator", "--check"]) == 2
    assert capsys.readouterr().err == "There is no npm.\n"
    measured(KeyboardInterrupt())
    assert command.main(["simulator"]) == 130


@pytest.mark.parametrize("flags", [["--runs", "0"], ["--seconds", "0"], ["--seconds", "nan"], ["--messages", "0"]])
def test_nonsense_is_refused_before_anything_starts(measured, flags):
    measured(AssertionError("measured"))
    with pytest.raises(SystemExit):
        command.main(["simulator", *flags])


# The generator


@contextmanager
def serving(
    answer: Callable[[str, int], tuple[int, bytes]], **options: Any
) -> Iterator[tuple[int, list[str], set[Any]]]:
    """A real little server: its port, the tokens it saw, its clients' addresses."""
    tokens: list[str] = []
    clients: set[Any] = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert json.loads(body)
            tokens.append(self.headers["Authorization"])
            clients.add(self.client_address)
            status, said = answer(tokens[-1], len(tokens))
            self.send_response(status)
            if options.get("chunked"):
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(said)))
            if options.get("closes"):
                self.close_connection = True
            self.end_headers()
            if options.get("chunked"):
                said = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (said[:5], said[5:])) + b"0\r\n\r\n"
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], tokens, clients
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def new_message(_token: str, _number: int) -> tuple[int, bytes]:
    return 202, json.dumps({"message_uuid": str(uuid.uuid4())}).encode()


def loaded(port: int, connections: int = 2, seconds: float = 0.3, **more: Any) -> Result:
    requests_ = tuple(request(port, f"token{number}", b'{"text": "hello"}') for number in range(3))
    return asyncio.run(Load(Plan(port, requests_, connections, seconds, **more)).run())


@pytest.mark.parametrize("chunked", [False, True])
def test_every_answer_is_counted_once_and_connections_are_kept(chunked):
    with serving(new_message, chunked=chunked) as (port, tokens, clients):
        found = loaded(port, warm=0.1)
    assert len(found.accepted) == len(set(found.accepted)) == len(tokens) > 2
    assert 0 < found.counted <= len(found.accepted)
    assert found.rate == pytest.approx(found.counted / 0.3)
    assert len(clients) == 2
    assert (found.others, found.broken, found.unanswered) == (0, 0, 0)
    assert found.slow > 0
    assert found.ended <= time.monotonic()


def test_requests_go_in_rotation():
    with serving(new_message) as (port, tokens, _):
        loaded(port, connections=1)
    assert tokens[:4] == ["Bearer token0", "Bearer token1", "Bearer token2", "Bearer token0"]


def test_with_a_count_it_ends_when_so_many_were_accepted():
    with serving(new_message) as (port, tokens, _):
        found = loaded(port, seconds=20, count=25)
    assert 25 <= len(found.accepted) <= 26
    assert len(tokens) == len(found.accepted)
    assert found.seconds < 20


def test_a_refusal_is_no_accepted_send_and_its_words_are_kept():
    def second_is_refused(_token: str, number: int) -> tuple[int, bytes]:
        return (422, b'{"title": "Invalid"}') if number == 2 else new_message("", 0)

    with serving(second_is_refused) as (port, tokens, _):
        found = loaded(port, connections=1)
    assert found.others == 1
    assert found.refusal == '422 {"title": "Invalid"}'
    assert len(found.accepted) == len(tokens) - 1


def test_a_server_that_ends_its_connections_is_called_again_but_not_for_ever():
    with serving(new_message, closes=True) as (port, tokens, _):
        found = loaded(port, connections=1, seconds=20)
    assert found.broken > 50
    assert len(found.accepted) >= 50
    assert len(tokens) >= len(found.accepted)


def test_nobody_there_is_no_rate():
    found = loaded(free_port(), seconds=20)
    assert (found.accepted, found.rate) == ([], 0)
    assert "no connection" in found.refusal


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr("benchmarks.load._PATIENCE", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        found = loaded(silent.getsockname()[1], seconds=0.1)
    assert found.unanswered == 2


ANSWERS = [
    (b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}", 202, b"{}"),
    (b"HTTP/1.1 202 Accepted\r\nX: y\r\nContent-Length:0\r\nZ: 1\r\n\r\n", 202, b""),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na;x=1\r\n0123456789\r\n0\r\n\r\n",
        200,
        b"abc0123456789",
    ),
    (b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n", 204, b""),
]


@pytest.mark.parametrize(("data", "status", "body"), ANSWERS)
def test_an_answer_is_read_when_it_is_whole_and_ends_where_the_next_begins(data, status, body):
    assert [read_answer(data[:length]) for length in range(len(data))] == [None] * len(data)
    assert read_answer(data + b"HTTP/1.1 500") == (status, body, len(data))


@pytest.mark.parametrize("data", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nDate: now\r\n\r\n"])
def test_what_has_no_end_is_no_answer(data):
    with pytest.raises(ValueError, match=r"HTTP/1\.1|neither"):
        read_answer(data)


# The sink


def webhook(message_uuid: str, status: str, *, secret: str | None = SECRET) -> bytes:
    body = json.dumps({"message_uuid": message_uuid, "status": status}).encode()
    signature = f"Authorization: {sign(body, secret, 'key')}\r\n" if secret else ""
    head = f"POST /status HTTP/1.1\r\nHost: here\r\n{signature}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@given(st.lists(st.binary(max_size=30), max_size=5), st.integers(0, 400))
def test_requests_are_split_wherever_the_network_cuts_them(bodies, cut):
    whole = [b"POST / HTTP/1.1\r\ncontent-LENGTH: %d\r\nX: y\r\n\r\n%b" % (len(body), body) for body in bodies]
    data = b"".join(whole)
    first, rest = split(data[:cut])
    second, rest = split(rest + data[cut:])
    assert first + second == whole
    assert rest == b""


def test_what_is_kept_is_never_the_buffer_that_it_came_in():
    data = webhook("u", "submitted")
    ((kept,), rest) = split(data)
    assert (kept, rest) == (data, b"")
    assert kept is not data


def test_a_request_without_a_length_is_refused_and_a_get_needs_none():
    with pytest.raises(ValueError, match="length"):
        split(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert split(b"GET /x?y=1 HTTP/1.1\r\nHost: here\r\n\r\n")[0]


def test_a_request_is_read_with_its_signature():
    call = understood(1.5, webhook("u", "submitted"))
    assert (call.at, call.path) == (1.5, "/status")
    assert call.authorization is not None
    assert json.loads(call.body)["status"] == "submitted"


@contextmanager
def sink(folder: Path, *options: str) -> Iterator[tuple[Child, str]]:
    with Child.python("The sink", ["benchmarks.sink", *options], folder, talks=True) as child:
        yield child, child.line()["url"]


def test_the_sink_answers_counts_and_keeps_what_comes(tmp_path):
    with sink(tmp_path) as (child, url), requests.Session() as http:
        for status in ("submitted", "delivered", "delivered"):
            body = json.dumps({"message_uuid": "u", "status": status}).encode()
            answer = http.post(f"{url}/status", body, headers={"Authorization": sign(body, SECRET, "key")}, timeout=5)
            assert answer.status_code == 200
        assert child.ask("count")["count"] == 3
        assert child.ask("distinct")["distinct"] == 2
        child.ask(f"dump {tmp_path / 'calls.json'}")
        calls = read_calls(tmp_path / "calls.json")
    assert [json.loads(call.body)["status"] for call in calls] == ["submitted", "delivered", "delivered"]
    assert [call.at for call in calls] == sorted(call.at for call in calls)


def test_the_sink_takes_many_requests_on_one_connection_at_once(tmp_path):
    with sink(tmp_path, "--count-only") as (child, url):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(webhook("a", "submitted") * 20)
            answers = b""
            while answers.count(b"200 OK") < 20:
                answers += connection.recv(65_536)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 411")
        found = child.ask("count")
    assert (found["count"], found["unread"]) == (20, 1)


# What became of the messages


def call(message_uuid: str, status: str, at: float = 1.0, secret: str | None = SECRET) -> Call:
    return understood(at, webhook(message_uuid, status, secret=secret))


def stored(*messages: str, waiting: Any = ()) -> Stored:
    return Stored(frozenset(messages), frozenset(waiting))


def test_all_is_well_when_every_status_of_every_message_came():
    calls = [call(each, status) for each in "ab" for status in ("submitted", "delivered")]
    found = audit(["a", "b"], stored("a", "b"), calls, 5.0, 10.0, SECRET)
    assert (found.late, found.lost, found.again, found.unsigned, found.judged, found.during) == (0, 0, 0, 0, 4, 1.0)


def test_a_status_after_the_time_is_late_and_one_after_the_last_send_came_on_credit():
    calls = [call("a", "submitted", at=4.9), call("a", "delivered", at=6.0)]
    found = audit(["a"], stored("a"), calls, 5.0, 10.0, SECRET)
    assert (found.during, found.late, found.lost) == (0.5, 0, 0)
    assert audit(["a"], stored("a"), calls, 5.0, 0.5, SECRET).late == 1


def test_what_waits_in_the_file_is_late_and_what_is_nowhere_is_lost():
    waits = audit(["a"], stored("a", waiting=[("a", "delivered")]), [call("a", "submitted")], 5.0, 1.0, SECRET)
    assert (waits.late, waits.lost) == (1, 0)
    assert audit(["a"], stored("a"), [call("a", "submitted")], 5.0, 1.0, SECRET).lost == 1
    held = stored("a", waiting=[("a", "submitted"), ("a", "delivered")])
    assert audit(["a"], held).lost == 0
    assert audit(["a"], stored(waiting=held.waiting)).lost == 1
    assert audit(["a", "a"], held).lost == 1, "one uuid for two messages"


def test_duplicates_and_wrong_signatures_are_counted():
    calls = [
        call("a", "submitted"),
        call("a", "submitted"),
        call("a", "delivered", secret="another, not the account's"),
    ]
    found = audit(["a"], stored("a"), calls, 5.0, 1.0, SECRET)
    assert (found.again, found.unsigned) == (1, 1)
    assert audit(["a"], stored("a"), [call("a", "submitted", secret=None)], 5.0, 1.0, SECRET).unsigned == 1


def test_a_file_of_another_form_is_said_in_a_sentence(tmp_path):
    (tmp_path / "empty.sqlite3").touch()
    with pytest.raises(CannotMeasure, match="another form"):
        read_store(tmp_path / "empty.sqlite3")


# The processes, and the peer


def test_a_child_is_ended_with_what_it_started(tmp_path):
    script = (
        "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
    )
    with Child("A parent", [sys.executable, "-c", script], tmp_path, talks=True) as child:
        below = int(str(child.line()))
        assert child.memory() > 0
    assert child.has_ended
    wait_until(lambda: not psutil.pid_exists(below) or psutil.Process(below).status() == "zombie", what="its end")


def test_a_child_that_fails_is_quoted(tmp_path):
    with (
        Child("It", [sys.executable, "-c", "raise SystemExit('no room')"], tmp_path, talks=True) as child,
        pytest.raises(CannotMeasure, match="no room"),
    ):
        child.line(10)


def test_what_is_measured_sees_no_setting_of_ours(monkeypatch):
    monkeypatch.setenv("NBHELPERS_STATE", "/somewhere")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    made = environment()
    assert "NBHELPERS_STATE" not in made
    assert "PYTHONASYNCIODEBUG" not in made
    assert made["PYTHONPATH"] == str(REPOSITORY)


@pytest.mark.parametrize("there", [(), ("node",)])
def test_without_node_or_npm_the_peer_is_missed_in_one_sentence(monkeypatch, tmp_path, there):
    monkeypatch.setenv("NBHELPERS_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(prism.shutil, "which", lambda name: name if name in there else None)
    with pytest.raises(CannotMeasure, match="npm" if there else "Node") as error:
        prism.installed()
    assert str(error.value).count(". ") == 0


def test_an_installation_that_fails_is_one_sentence(monkeypatch, tmp_path, capsys):
    failed = subprocess.CompletedProcess([], 1, "", "npm warn old\nnpm error code ENOTFOUND\nnpm error more\n")
    monkeypatch.setenv("NBHELPERS_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(prism.shutil, "which", lambda name: name)
    monkeypatch.setattr(prism.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(CannotMeasure, match="ENOTFOUND"):
        prism.installed()
    assert "Installing" in capsys.readouterr().err


def test_the_description_that_the_peer_checks_has_the_documented_limits():
    described = yaml.safe_load(prism.DESCRIPTION.read_text("utf-8"))
    call = described["paths"]["/v1/messages"]["post"]
    fields = call["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert fields["to"]["maxLength"] == fields["from"]["maxLength"] == LONGEST_ID
    assert fields["text"]["maxLength"] == LONGEST_TEXT
    assert fields["client_ref"]["maxLength"] == LONGEST_REF[TODAY]
    assert fields["webhook_url"]["maxLength"] == LONGEST_URL
    assert fields["messenger"]["properties"]["category"]["enum"] == list(CATEGORIES)
    assert set(call["responses"]) == {"202", "401", "422"}
    assert call["security"] == [{"bearer": []}]


# All of it


def benchmark(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "simulator", "--no-peer", *flags],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_whole_benchmark_loses_nothing_and_says_so():
    with benchmark("--runs", "1", "--seconds", "0.5", "--messages", "200", "--json", "--check") as process:
        out, err = process.communicate(timeout=90)
    assert process.returncode == 1, err  # there is no peer, so no ratio
    found = {row["name"]: row for row in json.loads(out)}
    assert len(found) == 13
    zeros = [row for row in found.values() if row["bar"] == "== 0"]
    assert [row["met"] for row in zeros] == [True] * 3
    assert all(row["value"] > 0 for row in found.values() if row["name"].startswith("sends accepted"))
    assert err.count("Not met:") == 6


def test_ctrl_c_ends_every_process_that_was_started():
    process = benchmark("--seconds", "60")
    try:
        me = psutil.Process(process.pid)
        children = wait_until(
            lambda: found if len(found := me.children(recursive=True)) >= 3 else None, what="children"
        )
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 130, err
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
