"""Who is at which step: asked of each running server, twenty at a time, and a silent one is grey and no error."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from nbhelpers.course.standing import KEYS, standing
from nbhelpers.jupyter.room import STUCK, Learner, Room, shown

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SERVICE = {"Authorization": "token of the service"}


def told(reached: int, since: datetime = NOW - timedelta(minutes=2)) -> dict[str, Any]:
    """What a server says whose learner has reached so many steps, the last of them then."""
    moments = {key: since.isoformat() for key in KEYS[:reached]}
    return standing({"reached": moments}) | {"mode": "simulator", "kernel_alive": True, "last_activity": "x"}


def learner(**given: Any) -> Learner:
    return Learner(
        **{"name": "ada", "started": NOW - timedelta(minutes=5), "answers": True, "progress": told(3)} | given
    )


# What is shown of one


@pytest.mark.fast
@pytest.mark.parametrize(
    ("given", "kind", "at", "seconds"),
    [
        ({}, "working", 4, 120),
        ({"progress": told(7)}, "done", None, 120),
        ({"progress": told(3, NOW - timedelta(seconds=STUCK)), "started": NOW - timedelta(hours=1)}, "stuck", 4, STUCK),
        ({"progress": told(7, NOW - timedelta(hours=1)), "started": NOW - timedelta(hours=2)}, "done", None, 3600),
        ({"progress": told(0)}, "working", 1, 300),
        ({"progress": {}}, "working", 1, 300),
        ({"progress": told(0), "started": NOW - timedelta(hours=1)}, "stuck", 1, 3600),
        ({"answers": False}, "silent", 4, 120),
        ({"answers": False, "running": False}, "stopped", 4, 120),
        # Back after a weekend: not stuck since Friday.
        ({"progress": told(3, NOW - timedelta(days=3))}, "working", 4, 300),
        ({"started": NOW + timedelta(minutes=1)}, "working", 4, 0),
    ],
)
def test_a_learner_is_at_a_step_for_so_long(given: dict[str, Any], kind: str, at: int | None, seconds: int) -> None:
    seen = shown(learner(**given), NOW)
    assert (seen["kind"], seen["at"], seen["seconds"]) == (kind, at, seconds)


@pytest.mark.fast
@pytest.mark.parametrize(
    "progress",
    [
        {"steps": ["x", 3, None, {}, {"number": "1", "state": "done"}, {"number": 1, "state": "<b>"}]},
        {
            "steps": [{"number": 1, "state": "open", "since": "yesterday"}] * 500,
            "mode": "m" * 5000,
            "kernel_alive": "x",
        },
        {"steps": [{"number": 2, "state": "done", "since": 5}, {"number": 3, "state": "done", "since": "2026-01-01"}]},
    ],
)
def test_what_a_server_says_is_taken_with_care(progress: dict[str, Any]) -> None:
    seen = shown(learner(progress=progress), NOW)
    assert len(seen["steps"]) <= 7 and set(seen["steps"]) <= {"done", "filled in", "open"}
    assert len(seen["mode"]) <= 20 and isinstance(seen["kernel"], bool) and seen["exercises"] == 0


@pytest.mark.fast
def test_the_exercises_are_counted() -> None:
    assert shown(learner(progress=told(3) | {"exercises": ["1.1", "3.2"]}), NOW)["exercises"] == 2


# The hub and the servers


class World:
    """A hub's API and the servers behind its proxy; what each is asked is kept."""

    def __init__(self) -> None:
        self.users: list[dict[str, Any]] = []
        self.says: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.at_once = self.most = 0
        self.slow = 0.0
        self.down = False
        self.lock = threading.Lock()

    def join(self, name: str, progress: Any, server: str = "") -> None:
        path = f"/user/{name}/{server}/".replace("//", "/")
        model = {"name": server, "url": path, "started": "2026-05-04T11:55:00.000000Z", "ready": True}
        self.users.append({"name": name, "servers": {server: model}})
        self.says[path] = progress

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked = urlsplit(path)
        if self.down:
            return 500, {}, b""
        if asked.path == "/hub/api/users":
            query = {name: int(value[0]) for name, value in parse_qs(asked.query).items() if name != "state"}
            offset, limit = query["offset"], query["limit"]
            following = {"offset": offset + limit} if offset + limit < len(self.users) else None
            page = {"items": self.users[offset : offset + limit], "_pagination": {"next": following}}
            return 200, {}, json.dumps(page).encode()
        progress = self.says[asked.path.removesuffix("nbhelpers/progress")]
        if isinstance(progress, tuple):
            return progress
        body = json.dumps(progress).encode()
        etag = f'"{hash(body)}"'
        return (304, {}, b"") if headers.get("If-None-Match") == etag else (200, {"Etag": etag}, body)

    def servers_asked(self) -> list[dict[str, str]]:
        return [headers for path, headers in self.asked if "progress" in path]


@contextmanager
def playing(world: World) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server = "progress" in self.path
            with world.lock:
                world.asked.append((self.path, dict(self.headers)))
                world.at_once += server
                world.most = max(world.most, world.at_once)
            time.sleep(world.slow if server else 0)
            status, headers, body = world.answer(self.path, dict(self.headers))
            with world.lock:
                world.at_once -= server
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 500

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def asked(url: str, times: int = 1) -> Room:
    room = Room(f"{url}/hub/api", url, "of the service")

    async def ask() -> None:
        for _ in range(times):
            await room.ask()

    asyncio.run(ask())
    return room


def kinds(room: Room) -> dict[str, str]:
    return {each["name"]: each["kind"] for each in room.look()["learners"]}


def test_three_hundred_are_asked_twenty_at_a_time_with_the_services_own_token() -> None:
    world = World()
    for number in range(300):
        world.join(f"learner-{number:03}", told(number % 8))
    world.slow = 0.01
    with playing(world) as url:
        room = asked(url)
    seen = room.look()
    assert seen["asked"] and not seen["trouble"]
    assert [each["name"] for each in seen["learners"]] == [f"learner-{number:03}" for number in range(300)]
    assert sum(each["kind"] == "done" for each in seen["learners"]) == 37
    assert 2 <= world.most <= 20
    assert len(world.servers_asked()) == 300
    assert {headers["Authorization"] for _, headers in world.asked} == {SERVICE["Authorization"]}


@pytest.mark.parametrize(
    "answer",
    [(503, {}, b""), (403, {}, b""), (302, {"Location": "/hub/login"}, b""), (200, {}, b"<html>"), (200, {}, b"[]")],
)
def test_a_server_that_does_not_answer_as_it_should_is_silent_and_no_error(
    answer: tuple[int, dict[str, str], bytes],
) -> None:
    world = World()
    world.join("ada", told(2))
    world.join("bob", answer)
    with playing(world) as url:
        room = asked(url)
        assert kinds(room) == {"ada": "stuck", "bob": "silent"}
        assert not room.look()["trouble"]


def test_what_has_not_changed_is_not_sent_again() -> None:
    world = World()
    world.join("ada", told(2))
    with playing(world) as url:
        room = asked(url, times=3)
    first, *later = world.servers_asked()
    assert "If-None-Match" not in first
    assert len(later) == 2 and all(headers["If-None-Match"] for headers in later)
    assert room.look()["learners"][0]["at"] == 3


def test_who_has_left_is_shown_as_stopped_and_comes_back() -> None:
    world = World()
    world.join("ada", told(2))
    world.join("bob", told(7))
    with playing(world) as url:
        room = Room(f"{url}/hub/api", url, "of the service")

        async def walk() -> None:
            await room.ask()
            gone = world.users.pop()
            await room.ask()
            assert kinds(room)["bob"] == "stopped"
            world.users.append(gone)
            await room.ask()

        asyncio.run(walk())
        assert kinds(room)["bob"] == "done"


def test_each_of_two_servers_of_one_person_has_its_name() -> None:
    world = World()
    world.join("ada", told(2))
    world.join("ada", told(7), server="second")
    with playing(world) as url:
        assert list(kinds(asked(url))) == ["ada", "ada/second"]


def test_when_the_hub_does_not_answer_what_was_before_stays_and_it_is_said() -> None:
    world = World()
    world.join("ada", told(7))
    with playing(world) as url:
        room = Room(f"{url}/hub/api", url, "of the service")

        async def walk() -> None:
            await room.ask()
            world.down = True
            await room.ask()
            assert "The hub does not say who has a server (HTTP 500" in room.look()["trouble"]
            assert kinds(room) == {"ada": "done"}
            world.down = False
            await room.ask()

        asyncio.run(walk())
        assert room.look()["trouble"] == ""


def test_nobody_is_asked_unless_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbhelpers.jupyter.room._EVERY", 0.05)
    monkeypatch.setattr("nbhelpers.jupyter.room._LOOKED_AT", 0.3)
    world = World()
    world.join("ada", told(2))
    with playing(world) as url:
        room = Room(f"{url}/hub/api", url, "of the service")

        async def walk() -> None:
            running = asyncio.create_task(room.run())
            await asyncio.sleep(0.3)
            assert not world.asked
            room.look()
            await asyncio.sleep(0.25)
            assert len(world.servers_asked()) >= 2
            await asyncio.sleep(0.5)
            before = len(world.asked)
            await asyncio.sleep(0.4)
            assert len(world.asked) == before, "it went on asking for nobody"
            room.look()
            await asyncio.sleep(0.25)
            assert len(world.asked) > before
            running.cancel()

        asyncio.run(walk())
