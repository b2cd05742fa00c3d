"""A day in five minutes: people write, are answered, services are killed and sleep; what is held must not grow."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path

import psutil

from benchmarks.frame import CannotMeasure, Options, Row, make_row
from benchmarks.labs import versions
from nbhelpers import Lab
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.errors import KitError
from nbhelpers.services import launcher

__all__ = ["measure"]

_RUN = 30  # the day lasts so many times `--seconds`: five minutes by default
_HOURS, _SHORTEST = 24, 2.5  # and its hours so many seconds at least: to age what is there takes up to one
_QUARTERS = 4
_SERVICES = ("receiver", "simulator")
_ASLEEP = 5  # of a day's parts the one in which the services stand still
_PEOPLE = ("Ada", "Bela", "Cato", "Dora", "Emil", "Fina", "Gero", "Hana", "Ivo", "Jana", "Kira", "Levi")
_DRAIN = 90.0  # seconds until everything that waits must have been delivered: a retry comes after 5, 10, 20 …
_KEPT = 10.0  # seconds: nobody here keeps a connection longer that nobody uses
_MB = 1_000_000


@dataclass(frozen=True)
class _Held:
    """What a process, or the state directory, holds at the end of a quarter; `bar`: how much more a quarter may add."""

    what: str
    unit: str
    amount: float
    bar: str


class _Day:
    """A lab that is opened again when its simulator is another one, and the work that is done in it."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.random = settings, random.Random(seed)
        self.questions = self.answers = self.kills = self.reopened = 0
        self.lab = self._open()

    def _open(self) -> Lab:
        lab = Lab(state=self.settings.state, mode=self.settings.mode)
        lab.need("webhooks")
        return lab

    def work(self, until: float) -> None:
        """Let people write and be answered until then (monotonic)."""
        while time.monotonic() < until:
            try:
                self._round()
            except KitError:  # the simulator was killed: what its notebook says then is `lab = Lab()`
                self.reopen()

    def _round(self) -> None:
        self.questions += 1
        page = self.lab.inbox.facts()["page_name"]
        said = self.lab.simulator.write(
            text=f"Question {self.questions}", person=self.random.choice(_PEOPLE), page=page
        )
        self.lab.inbox.wait_for_message(said, timeout=20)
        self.answers += 1
        self.lab.reply(f"Answer {self.answers}")
        if self.questions % 10 == 0:
            self.lab.simulator.read(page=page)

    def reopen(self) -> None:
        """Open the lab again, once its services are back."""
        self.lab.inbox.close()
        self.lab = self._open()
        self.reopened += 1

    def age(self, hours: float) -> None:
        """Let hours pass for what is there."""
        try:
            self.lab.simulator.advance(hours=hours)
        except KitError:
            self.reopen()
            self.lab.simulator.advance(hours=hours)

    @contextmanager
    def killing(self, seconds: float) -> Iterator[None]:
        """Kill one of the services at some moment within so many seconds, and start it again."""
        timer = threading.Timer(self.random.random() * seconds, self._kill, [self.random.choice(_SERVICES)])
        timer.start()
        try:
            yield
        finally:
            timer.join()

    def _kill(self, name: str) -> None:
        record = launcher.find(name, self.settings)
        if record is not None:
            os.kill(record.pid, signal.SIGKILL)
            self.kills += 1
        launcher.start(name, self.settings)

    def sleep(self, seconds: float) -> None:
        """Let people write, then let the services stand still for so long, as on a computer that sleeps."""
        pids = [record.pid for name in _SERVICES if (record := launcher.find(name, self.settings)) is not None]
        for person in _PEOPLE:
            self.questions += 1
            self.lab.simulator.write(text=f"Question {self.questions}", person=person)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def drain(self) -> None:
        """Wait until nothing waits in the simulator's queue. Raises CannotMeasure when that does not happen."""
        until = time.monotonic() + _DRAIN
        while self._asked("SELECT count(*) FROM webhooks WHERE outcome IS NULL")[0][0]:
            if time.monotonic() > until:
                raise CannotMeasure(f"After {_DRAIN:g} s webhooks still wait to be delivered.")
            time.sleep(0.1)

    def held(self) -> list[_Held]:
        """Say what each process and the state directory hold now."""
        found = []
        for name in _SERVICES:
            record = launcher.find(name, self.settings)
            if record is None:
                raise CannotMeasure(f"The {name} has ended by itself.")
            process = psutil.Process(record.pid)
            _rest(process)
            found += _of(name, process)
        gc.collect()
        found += _of("notebook's process", psutil.Process())
        folder = self.settings.folder
        kept = [path for path in folder.rglob("*") if path.suffix not in (".sqlite3-wal", ".sqlite3-shm")]
        wal = sum(path.stat().st_size for path in folder.glob("*-wal"))
        found.append(_Held("state directory", "files", len(kept), "== 0 files"))
        # SQLite begins each of the two from its front again when it has four megabytes.
        return [*found, _Held("write-ahead logs", "MB", wal / _MB, "<= 8 MB")]

    def missing(self) -> tuple[int, int, int]:
        """Count what never came, what came or went twice, and answers without their last receipt."""
        written = {uuid for (uuid,) in self._asked("SELECT uuid FROM messages WHERE way = 'in'")}
        accepted = {uuid for (uuid,) in self._asked("SELECT uuid FROM messages WHERE way = 'out'")}
        events = self.lab.inbox.events()
        came = {event.message_uuid for event in events if event.kind == "inbound"}
        texts = [event.text for event in events if event.kind in ("inbound", "reply")]
        ended = {event.message_uuid for event in events if event.status in ("delivered", "rejected", "undeliverable")}
        return len(written - came), len(texts) - len(set(texts)), len(accepted - ended)

    def _asked(self, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.settings.folder / "simulator.sqlite3", timeout=10)) as file:
            return file.execute(sql).fetchall()


def measure(options: Options) -> list[Row]:
    """Let a day of 24 hours pass in thirty times `--seconds`.

    In its first half services are killed, at noon they stand still for a fifth of it: a minute, when it lasts five.
    """
    seconds = options.seconds * _RUN
    hours = max(_QUARTERS, min(_HOURS, int(seconds / _SHORTEST)) // _QUARTERS * _QUARTERS)
    with tempfile.TemporaryDirectory(prefix="nbhelpers-bench-") as folder:
        settings = configuration.load("simulator", folder, environ={}, folder=Path(folder))
        settings = changed(settings, simulator_port=0, receiver_port=0)
        try:
            for name in _SERVICES:
                launcher.start(name, settings)
            day, quarters = _Day(settings, seed=14), []
            for hour in range(hours):
                if hour == hours // 2:
                    day.sleep(seconds / _ASLEEP)
                length = seconds * (1 - 1 / _ASLEEP) / hours
                with day.killing(length) if hour < hours / 2 else contextlib.nullcontext():
                    day.work(time.monotonic() + length)
                day.age(_HOURS / hours)
                if (hour + 1) % (hours // _QUARTERS) == 0:
                    day.drain()
                    quarters.append(day.held())
            missing = day.missing()
            day.lab.inbox.close()
        finally:
            launcher.stop(settings)
    known = versions("uvicorn", "aiohttp") | {
        "a day": f"24 hours in {seconds:g} s: {day.questions} questions, {day.answers} answers,"
        f" {day.kills} kills in the first half, {seconds / _ASLEEP:g} s asleep at noon,"
        f" the lab opened again {day.reopened} times",
        "flat": "what is held at the end of the last quarter, less what was at the end of the third",
    }
    return [*_flat(quarters, known), *_whole(missing, known)]


def _flat(quarters: Sequence[Sequence[_Held]], known: dict[str, str]) -> list[Row]:
    rows = []
    for each in zip(*quarters, strict=True):
        what, unit = each[0].what, each[0].unit
        amounts = [held.amount for held in each]
        told = ", ".join(f"{amount:.1f}" if unit == "MB" else f"{amount:.0f}" for amount in amounts)
        rows.append(
            make_row(
                f"{what}: {unit} more after the last quarter",
                [amounts[-1] - amounts[-2]],
                unit,
                better="lower",
                bar=each[0].bar,
                versions=known | {"at the quarters": f"{told} {unit}"},
            )
        )
    return rows


def _whole(missing: Sequence[int], known: dict[str, str]) -> list[Row]:
    names = (
        ("messages that never came", "lost"),
        ("messages and answers twice", "twice"),
        ("answers without end", "open"),
    )
    return [
        make_row(name, [count], unit, take=max, better="lower", bar=f"== 0 {unit}", versions=known)
        for (name, unit), count in zip(names, missing, strict=True)
    ]


def _rest(process: psutil.Process) -> None:
    """Wait until the connections are gone that it keeps open for the next request: how many there are is chance."""
    until = time.monotonic() + _KEPT
    while time.monotonic() < until:
        if all(each.status != psutil.CONN_ESTABLISHED for each in process.net_connections("tcp")):
            return
        time.sleep(0.1)


def _of(name: str, process: psutil.Process) -> list[_Held]:
    # What is its own: pages that it shares come and go with others.
    memory = process.memory_full_info().uss / _MB
    return [
        _Held(name, "MB", memory, "<= 3 MB"),
        _Held(name, "descriptors", process.num_fds(), "<= 4 descriptors"),
    ]
