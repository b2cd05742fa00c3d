"""Kills the processes of a live course one after the other while webhooks and replies go round, and counts both."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import websocket

from nbhelpers import Lab
from nbhelpers.auth.private_key import generate_key, save_key
from nbhelpers.auth.signatures import sign
from nbhelpers.errors import KitError
from nbhelpers.services import launcher
from tests.conftest import REPOSITORY, wait_until
from tests.support import replying
from tests.support.simulation import Detached, webhooks
from tests.support.tunnels import agents, configure

__all__ = ["VICTIMS", "Outcome", "Size", "kill_and_count"]

VICTIMS = ("receiver", "simulator", "tunnel", "kernel", "lab")
PACE = 40.0  # seconds of waiting for the next try of a webhook that pass in one
LOOK, PATIENCE = 0.01, 90.0  # seconds
SENDERS = 4


@dataclass(frozen=True)
class Size:
    """How much goes round: webhooks of our own, messages that a person writes, replies; and how often to kill each."""

    posted: int
    written: int
    replies: int
    kills: int

    @property
    def webhooks(self) -> int:
        """All webhooks: each reply has two receipts."""
        return self.posted + self.written + 2 * self.replies


@dataclass
class Outcome:
    """What came of it. Every list is of what must not be, and empty when all is well."""

    size: Size
    kills: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)  # answered 200, and not there right after a kill or at the end
    missing: list[str] = field(default_factory=list)  # sent, written or said by a receipt, and not there at the end
    twice: list[str] = field(default_factory=list)  # events that are there more than once, replies that went twice
    stored: int = 0  # events of webhooks
    repeated: int = 0  # deliveries of what was there already: the answer to the first had been lost
    doubtful: int = 0  # replies of which nobody knew for a while whether they went
    resent: int = 0  # of these, that had not gone and were sent at the end
    seconds: float = 0.0
    back: dict[str, list[float]] = field(default_factory=dict)  # seconds from each kill until all runs again


class Server:
    """The Jupyter server of a learner's JupyterLab, with one kernel, in which a cell replies."""

    def __init__(self, folder: Path, cell: str) -> None:
        self._folder, self._cell, self._token = folder, cell, uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None
        self.kernel, self.failed = 0, folder / "failed-cell"

    def start(self) -> None:
        """Start the server, on a free port, and a kernel in it."""
        own = {f"JUPYTER_{which}_DIR": str(self._folder / "jupyter" / which) for which in ("CONFIG", "DATA", "RUNTIME")}
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0"]
        command.append("--ServerApp.jpserver_extensions={}")  # it starts in half the time, and owns kernels alike
        runtime = Path(own["JUPYTER_RUNTIME_DIR"])
        with (self._folder / "jupyter.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, f"--IdentityProvider.token={self._token}"],
                cwd=self._folder,
                env=os.environ | own | {"PYTHONPATH": str(REPOSITORY), "HOME": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        file = runtime / f"jpserver-{self._process.pid}.json"
        wait_until(lambda: file.exists() and file.read_text().endswith("}"), PATIENCE, "the Jupyter server")
        self._url = json.loads(file.read_text())["url"]
        wait_until(self._answers, PATIENCE, "the Jupyter server's answer")
        self.open_kernel()

    def _answers(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return self._api("GET", "api").status_code == 200
        return False

    def _api(self, method: str, path: str) -> requests.Response:
        return requests.request(method, self._url + path, headers={"Authorization": f"token {self._token}"}, timeout=30)

    def open_kernel(self) -> None:
        """Take a new kernel in place of the one before, and run the cell in it."""
        for left in self._api("GET", "api/kernels").json():
            self._api("DELETE", f"api/kernels/{left['id']}")
        made = self._api("POST", "api/kernels").json()["id"]
        pid = self._folder / "kernel.pid"
        pid.unlink(missing_ok=True)
        address = f"{self._url.replace('http', 'ws', 1)}api/kernels/{made}/channels?token={self._token}"
        channel = websocket.create_connection(address, timeout=PATIENCE)
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s"}
        begin = f"import os, pathlib\npathlib.Path({str(pid)!r}).write_text(f'{{os.getpid()}}\\n')\n"
        told = f"pathlib.Path({str(self.failed)!r}).write_text(traceback.format_exc())"
        cell = self._cell.replace("\n", "\n    ")
        code = f"{begin}import traceback\ntry:\n    {cell}\nexcept Exception:\n    {told}\n    raise"
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        whole = {"header": header | {"version": "5.3"}, "parent_header": {}, "metadata": {}, "content": content}
        channel.send(json.dumps(whole | {"channel": "shell", "buffers": []}))
        wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"), PATIENCE, "the kernel")
        channel.close()
        self.kernel = int(pid.read_text())

    def kill(self) -> None:
        """Kill the server; its kernel ends by itself when it finds that it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        wait_until(lambda: not _runs(self.kernel), PATIENCE, "the end of the orphaned kernel")

    def kill_kernel(self) -> None:
        """Kill the kernel."""
        os.kill(self.kernel, signal.SIGKILL)
        wait_until(lambda: not _runs(self.kernel), PATIENCE, "the end of the kernel")

    def close(self) -> None:
        """End both."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


def _runs(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


class Course:
    """A live course here: the simulator as the service, the stand-in ngrok, receiver, JupyterLab and kernel."""

    def __init__(self, folder: Path, size: Size, seed: int, say: Callable[[str], object]) -> None:
        self.say = say
        self.size, self.folder, self.chance = size, folder, random.Random(seed)
        self.outcome, self.over = Outcome(size), threading.Event()
        self.allowed = 0.0  # the part of everything that may have been sent by now
        self.answered: set[int] = set()  # numbers of our own webhooks that were answered 200
        self._ends = contextlib.ExitStack()

    def start(self, patch: pytest.MonkeyPatch) -> None:
        """Start all of it, but let nothing go round yet."""
        key = generate_key()
        path = save_key(key.pem(), self.folder / "private.key")
        self.world = Detached(self.folder / "service")
        self._ends.callback(self.world.close)
        self.world.control.pace(PACE)
        program = self.program = self.world.application(key, messages=webhooks())
        self.page = self.world.page(program)
        environment = {
            "NBHELPERS_API_HOST": self.world.base_url,
            "VONAGE_API_KEY": self.world.basic[0],
            "VONAGE_API_SECRET": self.world.basic[1],
            "VONAGE_APPLICATION_ID": program.id,
            "VONAGE_PRIVATE_KEY": str(path),
            "VONAGE_SIGNATURE_SECRET": self.world.secret,
            "MESSENGER_SENDER_ID": self.page,
            "NBHELPERS_STATE": str(self.folder / "lab"),
        }
        configure(patch, self.folder, **environment)
        self._ends.callback(wait_until, lambda: not agents(self.folder), PATIENCE, "the end of the agents")
        self.lab = Lab()
        self._ends.callback(self.lab.stop)
        self.public = ""
        self.open_way()
        self.gate = self.folder / "allowed"
        self.gate.write_text("0")
        cell = (
            "from pathlib import Path\nfrom nbhelpers import Lab\nfrom tests.support.replying import reply_to_all\n"
            f"reply_to_all(Lab(), {self.size.replies}, Path({str(self.gate)!r}))"
        )
        self.server = Server(self.folder, cell)
        self._ends.callback(self.server.close)
        self.server.start()

    def open_way(self) -> None:
        """Open receiver and tunnel as `lab.tunnel` does, and tell the service if their address is another."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                public = str(self.lab.tunnel.public_url)
                break
            except KitError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        if public != self.public:
            urls = webhooks(f"{public}/webhooks/inbound", f"{public}/webhooks/status")
            form = {"name": "a program", "capabilities": {"messages": urls}}
            place = f"{self.world.base_url}/v2/applications/{self.program.id}"
            self.world.http.put(place, json=form, auth=self.world.basic, timeout=10).raise_for_status()
            self.public = public

    # What goes round

    def allow(self, part: float) -> None:
        """Let so much of everything be sent from now on."""
        self.allowed = part
        half = self.gate.with_name("allowed.half")
        half.write_text(str(round(part * self.size.replies)))
        half.replace(self.gate)

    def post(self, first: int) -> None:
        """Send every so manieth webhook of our own as the service does: again, until it is answered 200."""
        for number in range(first, self.size.posted, SENDERS):
            body = json.dumps(self._inbound(number), separators=(",", ":")).encode()
            while number > self.allowed * self.size.posted and not self.over.is_set():
                time.sleep(LOOK)
            while not self.over.is_set():
                signed = sign(body, self.world.secret, self.world.basic[0])
                headers = {"Content-Type": "application/json", "Authorization": signed}
                with contextlib.suppress(requests.RequestException):
                    url = f"{self.public}/webhooks/inbound"
                    if requests.post(url, data=body, headers=headers, timeout=20).status_code == 200:
                        self.answered.add(number)
                        break
                time.sleep(LOOK)

    def _inbound(self, number: int) -> dict[str, Any]:
        return {
            "message_uuid": own_uuid(number),
            "timestamp": "2026-01-01T12:00:00.000Z",
            "channel": "messenger",
            "to": self.page,
            "from": "7000000000000005",
            "message_type": "text",
            "text": f"webhook {number}",
        }

    def write(self) -> None:
        """Let a person write until the simulator has as many messages as there shall be."""
        while not self.over.is_set():
            there = self.count("way = 'in'")
            if there >= self.size.written:
                return
            if there >= self.allowed * self.size.written:
                time.sleep(LOOK)
                continue
            # What the simulator had committed when it was killed counts, whether it could still say so or not.
            with contextlib.suppress(KitError, requests.RequestException):
                self.world.control.write(page=self.page, person="Ada", text=f"I write {there}.")

    def count(self, condition: str) -> int:
        """How many messages the simulator's own file has."""
        return int(self.world.table(f"SELECT count(*) FROM messages WHERE {condition}")[0][0])

    # The kills

    def kill(self, victim: str) -> None:
        """Kill one process, and bring back what went with it."""
        if victim == "receiver":
            record = launcher.find("receiver", self.lab.settings)
            assert record is not None
            answered = set(self.answered)
            os.kill(record.pid, signal.SIGKILL)
            self._look_for_lost(answered)
            self.open_way()
        elif victim == "simulator":
            was = self.world.base_url
            self.world.kill()
            self.world.restart()
            assert self.world.base_url == was
        elif victim == "tunnel":
            record = launcher.find("tunnel", self.lab.settings)
            assert record is not None
            os.kill(record.pid, signal.SIGKILL)
            wait_until(lambda: not agents(self.folder), PATIENCE, "the end of the agent")
            self.open_way()
        elif victim == "kernel":
            self.server.kill_kernel()
            self.server.open_kernel()
        else:
            self.server.kill()
            self.server.start()

    def _look_for_lost(self, answered: set[int]) -> None:
        there = set(self.inbox("SELECT message_uuid FROM events WHERE kind = 'inbound'"))
        self.outcome.lost += [own_uuid(number) for number in answered if (own_uuid(number),) not in there]

    def inbox(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the inbox's own file."""
        with contextlib.closing(sqlite3.connect(self.lab.inbox.path, timeout=10)) as file:
            return file.execute(sql).fetchall()

    def goes_on(self, victim: str, part: float) -> bool:
        """Say whether so much is done. That the cell has failed ends the wait."""
        assert not self.server.failed.exists(), self.server.failed.read_text()
        return self.progress(victim) >= part

    def progress(self, victim: str) -> float:
        """The part that is done of what the victim has a hand in."""
        if victim in ("kernel", "lab"):
            return self.count("way = 'out'") / self.size.replies
        if victim == "simulator":
            return self.count("way = 'in'") / self.size.written
        return len(self.answered) / self.size.posted

    def kill_all(self) -> None:
        """Kill each so often, in an order that the seed says, each at a moment within its own share of the load."""
        order = [victim for victim in VICTIMS for _ in range(self.size.kills)]
        self.chance.shuffle(order)
        for number, victim in enumerate(order):
            self.allow((number + 1) / (len(order) + 1))
            when = (number + self.chance.uniform(0.1, 0.6)) / (len(order) + 1)
            what = f"{when:.3f} before kill {number}, of the {victim}"
            wait_until(lambda v=victim, w=when: self.goes_on(v, w), PATIENCE, what)
            begun = time.monotonic()
            self.kill(victim)
            self.outcome.kills[victim] += 1
            if (number + 1) % 10 == 0:
                self.say(f"{number + 1} of {len(order)} kills")
            self.outcome.back.setdefault(victim, []).append(time.monotonic() - begun)
        self.allow(1.0)

    # The end

    def settle(self) -> None:
        """Wait until nothing is on its way any more, then send what is known never to have gone."""
        self._drain()
        wait_until(lambda: self.lab.facts.get("tried", -1) == self.size.replies - 1, PATIENCE, "the last reply")
        self.server.close()
        self._drain()
        tried = self.size.replies - 1
        doubtful = self.lab.facts.get("doubtful", [])
        if replying.name_of(tried) not in replying.told(self.lab.inbox, "reply"):
            doubtful = sorted({*doubtful, tried})
            self.lab.note(doubtful=doubtful)
        self.outcome.doubtful = len(doubtful)
        self.outcome.resent = replying.send_what_never_went(self.lab)
        self._drain()

    def _drain(self) -> None:
        open_ones = "SELECT count(*) FROM webhooks WHERE outcome IS NULL"
        wait_until(lambda: self.world.table(open_ones) == [(0,)], PATIENCE, "the end of the queue")

    def judge(self) -> None:
        """Compare what is there with what each side says that it sent."""
        out, world = self.outcome, self.world
        events = self.inbox("SELECT kind, message_uuid, ifnull(status, '') FROM events WHERE kind != 'call'")
        there = Counter(events)
        out.stored = sum(kind != "reply" for kind, _, _ in events)
        out.repeated = self.inbox("SELECT count(*) FROM deliveries WHERE answer = 200 AND psid IS NOT NULL")[0][0]
        out.repeated -= out.stored
        out.twice += [str(each) for each, times in there.items() if times > 1]
        out.lost += [own_uuid(n) for n in self.answered if ("inbound", own_uuid(n), "") not in there]
        said = world.table("SELECT uuid, kind, outcome FROM webhooks")
        taken = {(row[0], row[1]) for row in said if row[2] == "delivered"}
        known = {(u, "inbound") if kind == "inbound" else (u, status) for kind, u, status in events}
        out.lost += [str(each) for each in taken - known]
        out.missing += [str(row) for row in said if row[2] != "delivered"]
        out.missing += [own_uuid(n) for n in range(self.size.posted) if ("inbound", own_uuid(n), "") not in there]
        sent = Counter(row[0] for row in world.table("SELECT client_ref FROM messages WHERE way = 'out'"))
        out.twice += [str(name) for name, times in sent.items() if times > 1]
        wanted = {replying.name_of(number) for number in range(self.size.replies)}
        out.missing += sorted(wanted - set(sent))
        receipts = Counter(replying.told(self.lab.inbox, "status"))
        out.missing += [f"receipts of {name}" for name in wanted if receipts[name] != 2]

    def close(self) -> None:
        """End everything, whatever happened."""
        self.over.set()
        self._ends.close()


def own_uuid(number: int) -> str:
    """The message_uuid of a webhook of our own."""
    return f"00000000-0000-4000-8000-{number:012d}"


@contextlib.contextmanager
def _course(folder: Path, size: Size, seed: int, say: Callable[[str], object]) -> Iterator[Course]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBHELPERS_SIMULATOR_PORT", "0")
        course = Course(folder, size, seed, say)
        try:
            course.start(patch)
            yield course
        finally:
            course.close()


def kill_and_count(folder: Path, size: Size, seed: int, say: Callable[[str], object] = lambda _: None) -> Outcome:
    """Run the whole of it in a folder, and return what came of it. Every process that it starts is ended."""
    with _course(folder, size, seed, say) as course, ThreadPoolExecutor(SENDERS + 1) as pool:
        begun = time.monotonic()
        try:
            sending = [pool.submit(course.post, first) for first in range(SENDERS)] + [pool.submit(course.write)]
            course.kill_all()
            for each in sending:
                each.result(PATIENCE)
            course.settle()
            course.judge()
        finally:
            course.over.set()
        course.outcome.seconds = time.monotonic() - begun
        return course.outcome
