"""What goes wrong with a computer, for tests: its clock is set, its processes stand still."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Clock", "standing_still"]

# Run by every Python that is started with the folder on its path, before anything else. When processes were created
# is shifted too, as on Linux, which tells the time of its own start by the clock.
_CODE = '''"""A clock that a test can set."""

import datetime
import time

import psutil
import psutil._pslinux


def _ahead():
    with open({file!r}) as file:
        return float(file.read() or 0)


_time, _time_ns, _boot = time.time, time.time_ns, psutil._pslinux.boot_time
time.time = lambda: _time() + _ahead()
time.time_ns = lambda: _time_ns() + int(_ahead() * 1e9)
psutil._pslinux.boot_time = lambda: _boot() + _ahead()


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)


datetime.datetime = _Datetime
'''


class Clock:
    """The clock of every Python process that is started with `environment`; `set` moves it for those that run too."""

    def __init__(self, folder: Path) -> None:
        self._file, place = folder / "ahead", folder / "clock"
        place.mkdir()
        self.set(0)
        (place / "sitecustomize.py").write_text(_CODE.format(file=str(self._file)), encoding="utf-8")
        path = os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH"))))
        self.environment = {"PYTHONPATH": path}

    def set(self, ahead: float) -> None:
        """Let the clock be so many seconds ahead, or behind when it is less than nothing."""
        whole = self._file.with_suffix(".new")
        whole.write_text(str(ahead), encoding="ascii")
        whole.replace(self._file)


@contextmanager
def standing_still(*pids: int) -> Iterator[None]:
    """Stop these processes with SIGSTOP, as a computer that sleeps does, and let them go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(0.1)  # the signal reaches every thread
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
