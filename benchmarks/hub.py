"""A room on a JupyterHub: twelve learners at once, what each takes, and webhooks for all by one address.

The hub, its proxy, servers and kernels are real; the simulator stands in the service's place. Some five minutes.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import importlib.metadata
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests

from benchmarks.frame import CannotMeasure, Options, Row, make_row
from nbhelpers import __version__
from nbhelpers.auth.private_key import generate_key
from nbhelpers.config import settings as configuration
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from nbhelpers.services.record import read_record
from nbhelpers.simulator.control.client import ControlClient
from tests.conftest import REPOSITORY
from tests.support import hub as hubs
from tests.support.hub import Hub, Learner
from tests.support.live_rooms import Live, Service, go_live
from tests.support.remote_kernels import kernel, run_notebook

__all__ = ["measure"]

T = TypeVar("T")

_PEOPLE = 12
_RATE = 200  # webhooks a second
_WEBHOOKS = 5000
_UNDISTURBED = 2000  # of these, before anything is killed: their times are counted
_PATIENCE = 180.0  # seconds for what was refused to come again
_NOTEBOOKS = ("00_start_here", "01_facebook_page", "02_application", "03_jwt")
_NOTEBOOKS += ("04_link_page", "05_webhooks", "06_receive", "07_reply")
_KINDS = ("server", "kernel", "simulator", "receiver")


def measure(_options: Options) -> list[Row]:
    """Measure one room; nothing is repeated. Raises CannotMeasure without the hub's proxy."""
    if hubs.PROXY is None:
        raise CannotMeasure(f"The hub needs its proxy: {hubs.HUB_PROXY.commands['apt-get']}.")
    versions = {name: importlib.metadata.version(name) for name in ("jupyterhub", "jupyterlab", "tornado")}
    proxy = subprocess.run([hubs.PROXY, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    versions = {"nbhelpers": __version__, "Python": platform.python_version(), "proxy": proxy} | versions
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbhelpers-room-")))
        room = stack.enter_context(hubs.hub(folder / "hub"))
        learners = [room.login(f"learner-{number:02}") for number in range(1, _PEOPLE + 1)]
        began = time.monotonic()
        for learner in learners:
            shutil.copytree(REPOSITORY / "notebooks", learner.home / "course")
        room.start(*learners)
        started = time.monotonic() - began
        rows = [make_row(f"{_PEOPLE} servers start together", [started], "s", versions=versions)]
        rows += _course(learners, versions)
        with ExitStack() as kernels:
            rows += _memory(kernels, room, learners, versions)
        service, key = _service(stack, folder / "service"), generate_key()
        lives = _each(learners, lambda who: go_live(room, who, service, key))
        rows += _webhooks(room, lives, versions)
        return rows


def _each(people: Sequence[Any], work: Callable[[Any], T]) -> list[T]:
    with concurrent.futures.ThreadPoolExecutor(len(people)) as threads:
        return list(threads.map(work, people))


def _course(learners: list[Learner], versions: dict[str, str]) -> list[Row]:
    """Run 00 to 07 for all at the same time."""

    def walk(learner: Learner) -> float:
        began = time.monotonic()
        for name in _NOTEBOOKS:
            run_notebook(learner, "course", name)
        return time.monotonic() - began

    seconds = _each(learners, walk)
    told = [requests.get(f"{who.url}nbhelpers/progress", headers=who.headers, timeout=30).json() for who in learners]
    done = sum(progress["step"] is None for progress in told)
    people = [_psids(learner) for learner in learners]
    shared = sum(len(found) for found in people) - len(set().union(*people))
    return [
        make_row("00 to 07, all at the same time", [max(seconds)], "s", versions=versions),
        make_row("done with all seven steps", [done], "learners", bar=f"== {_PEOPLE} learners", versions=versions),
        make_row("PSIDs that two have", [shared], "", bar="== 0", versions=versions),
    ]


def _psids(learner: Learner) -> set[str]:
    inbox = Inbox(learner.home / ".lab" / "simulator" / "lab.sqlite3")
    found = {event.psid for event in inbox.events("inbound") if event.psid}
    inbox.close()
    return found


def _memory(kernels: ExitStack, room: Hub, learners: list[Learner], versions: dict[str, str]) -> list[Row]:
    """Read what each process of a learner takes with one notebook open; shared pages are shared out (PSS)."""
    for learner in learners:
        running = kernels.enter_context(kernel(learner, "course/07_reply.ipynb"))
        running.run("from nbhelpers import Lab; lab = Lab(); lab.need('reply'); lab.panels.reply()")
    time.sleep(2)
    found: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for learner in learners:
        server = room.process_of(learner)
        (one,) = (child for child in server.children() if "ipykernel_launcher" in child.cmdline())
        for kind, process in zip(_KINDS, (server, one, *_services(learner)), strict=True):
            found[kind].append(process.memory_full_info().pss / 1e6)
    both = [simulator + receiver for simulator, receiver in zip(found["simulator"], found["receiver"], strict=True)]
    whole = [sum(values) for values in zip(*found.values(), strict=True)]
    note = versions | {"memory": "PSS: what processes share is shared out among them"}
    rows = [make_row(f"memory of a {kind}", values, "MB", versions=note) for kind, values in found.items()]
    rows.append(make_row("simulator and receiver together", both, "MB", bar="<= 80 MB", versions=note))
    rows.append(make_row("a learner with one notebook open", whole, "MB", versions=note))
    core = [process.memory_full_info().pss / 1e6 for process in _core(room)]
    return [*rows, make_row("hub and proxy", [sum(core)], "MB", versions=note)]


def _services(learner: Learner) -> list[psutil.Process]:
    folder = learner.home / ".lab" / "simulator"
    records = [read_record(folder, name) for name in ("simulator", "receiver")]
    return [psutil.Process(record.pid) for record in records if record]


def _core(room: Hub) -> list[psutil.Process]:
    proxies = [child for child in psutil.Process(room.process.pid).children() if "node" in child.name()]
    return [psutil.Process(room.process.pid), *proxies]


# Webhooks by the one address


def _service(stack: ExitStack, folder: Path) -> Service:
    """Start the simulator that stands for the service, in a process of its own."""
    settings = configuration.load("simulator", folder, environ={}, folder=folder.parent)
    settings = dataclasses.replace(settings, simulator_port=0)
    running = launcher.start("simulator", settings)
    stack.callback(launcher.stop, settings)
    control = ControlClient(running.url, running.control)
    stack.callback(control.close)
    return Service(control, (running.ready["api_key"], running.ready["api_secret"]), running.ready["signature_secret"])


def _webhooks(room: Hub, lives: list[Live], versions: dict[str, str]) -> list[Row]:
    """Let people write at a steady rate; kill a server and the receiver of another on the way."""
    order = [lives[number % len(lives)] for number in range(_WEBHOOKS)]
    random.Random(16).shuffle(order)  # the same mixture every time
    written: dict[str, tuple[str, float]] = {}  # text: whose it is, and when it was written
    lock = threading.Lock()
    begun = time.monotonic() + 0.5

    def write(number: int) -> None:
        time.sleep(max(0.0, begun + number / _RATE - time.monotonic()))
        whose, text, moment = order[number], f"webhook {number}", time.time()
        with lock:
            written[text] = whose.learner.name, moment
        whose.write(text)

    killer = threading.Thread(target=_kill_and_start, args=(room, lives[0], lives[1], begun + _UNDISTURBED / _RATE))
    killer.start()
    with concurrent.futures.ThreadPoolExecutor(16) as writers:
        list(writers.map(write, range(_WEBHOOKS)))
    writing = time.monotonic() - begun
    killer.join()
    until = time.monotonic() + _PATIENCE
    while len(came := _came(lives)) < _WEBHOOKS and time.monotonic() < until:
        time.sleep(1)
    waited = time.monotonic() - begun
    wrong = sum(name != written[text][0] for text, (name, _) in came.items())
    early = {f"webhook {number}" for number in range(_UNDISTURBED)} & set(came)
    times = sorted(1000 * (came[text][1] - written[text][1]) for text in early)
    note = versions | {"webhooks": f"{_WEBHOOKS} from the simulator, signed; from the person's writing to the disk"}
    return [
        make_row("webhooks a second", [_WEBHOOKS / writing], "1/s", versions=note),
        make_row("half of them on the disk after", [statistics.median(times)], "ms", versions=note),
        make_row("99 of 100 on the disk after", [times[int(len(times) * 0.99)]], "ms", bar="<= 250 ms", versions=note),
        make_row("the last one came after", [waited], "s", versions=note),
        make_row("lost", [_WEBHOOKS - len(came)], "webhooks", bar="== 0 webhooks", versions=note),
        make_row("at a wrong learner", [wrong], "webhooks", bar="== 0 webhooks", versions=note),
    ]


def _kill_and_start(room: Hub, one: Live, other: Live, when: float) -> None:
    """Kill a server and the receiver of another learner, and let both open their lab again, as a learner would."""
    time.sleep(max(0.0, when - time.monotonic()))
    os.kill(room.process_of(one.learner).pid, signal.SIGKILL)
    record = read_record(other.learner.home / ".lab" / "live", "receiver")
    if record is None:
        raise CannotMeasure(f"The receiver of {other.learner.name} does not run.")
    os.kill(record.pid, signal.SIGKILL)
    while room.running(one.learner):
        time.sleep(0.5)
    room.start(one.learner)
    for each in (one, other):
        each.open_again()


def _came(lives: list[Live]) -> dict[str, tuple[str, float]]:
    """Return each text that came: to whom, and when it was on the disk."""
    found: dict[str, tuple[str, float]] = {}
    for each in lives:
        inbox = Inbox(each.learner.home / ".lab" / "live" / "lab.sqlite3")
        for event in inbox.events("inbound"):
            if event.text and event.text.startswith("webhook "):
                found[event.text] = each.learner.name, event.received.timestamp()
        inbox.close()
    return found
