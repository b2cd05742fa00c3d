"""A receiver whose system calls are watched: prints a line of JSON for each sync of a file and each answer, in order.

Run as `python -m tests.support.traced_receiver STATE`: the receiver's own ready line comes first. It is watched with
ptrace (see ptrace(2)), from its parent, which systems allow that forbid it to others. Linux alone has it in this form.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import struct
import subprocess
import sys
from pathlib import Path

__all__ = ["SUPPORTED"]

# The numbers of the calls that are told, by machine.
CALLS = {
    "x86_64": {1: "write", 44: "sendto", 46: "sendmsg", 74: "fsync", 75: "fdatasync"},
    "aarch64": {64: "write", 206: "sendto", 211: "sendmsg", 82: "fsync", 83: "fdatasync"},
}
SUPPORTED = sys.platform == "linux" and platform.machine() in CALLS
SEIZE, INTERRUPT, SYSCALL, SYSCALL_INFO = 0x4206, 0x4207, 24, 0x420E
GOOD, CLONES = 1, 8  # mark the stops at system calls; follow new threads
WALL = 0x40000000  # wait for threads too
ENTRY, EXIT = 1, 2


class Tracer:
    """Watches every thread of a process, and tells what it does."""

    def __init__(self, pid: int) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.restype = ctypes.c_long
        self._libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
        self._pid, self._names, self._entered = pid, CALLS[platform.machine()], dict[int, tuple[str, str]]()
        for task in Path(f"/proc/{pid}/task").iterdir():
            self._ptrace(SEIZE, int(task.name), 0, GOOD | CLONES)
            self._ptrace(INTERRUPT, int(task.name), 0, 0)

    def _ptrace(self, request: int, task: int, address: int, data: int) -> None:
        if self._libc.ptrace(request, task, address, data) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def watch(self) -> None:
        """Tell what it does until it has ended."""
        while True:
            task, status = os.waitpid(-1, WALL)
            if not os.WIFSTOPPED(status):
                if task == self._pid:
                    return
                continue
            number = os.WSTOPSIG(status)
            if number == signal.SIGTRAP | 0x80:
                self._tell(task)
                number = 0
            elif status >> 16:  # a new thread, or our own interruption
                number = 0
            try:
                self._ptrace(SYSCALL, task, 0, number)
            except ProcessLookupError:
                continue  # it was killed while it stood still

    def _tell(self, task: int) -> None:
        info = ctypes.create_string_buffer(88)
        self._ptrace(SYSCALL_INFO, task, len(info), ctypes.addressof(info))
        kind = info.raw[0]
        if kind == ENTRY:
            number, *arguments = struct.unpack_from("=7Q", info.raw, 24)
            name = self._names.get(number)
            if name is None:
                return
            if name.endswith("sync"):
                self._entered[task] = name, str(Path(f"/proc/{self._pid}/fd/{arguments[0]}").readlink())
                return
            begins = self._memory(*self._buffer(name, arguments))
            if begins.startswith(b"HTTP/1.1 "):
                say({"call": "answer", "status": int(begins[9:12])})
        elif kind == EXIT and task in self._entered:
            (result,) = struct.unpack_from("=q", info.raw, 24)
            name, path = self._entered.pop(task)
            say({"call": name, "path": path, "result": result})

    def _buffer(self, name: str, arguments: list[int]) -> tuple[int, int]:
        if name != "sendmsg":
            return arguments[1], arguments[2]
        (vector,) = struct.unpack("=Q", self._memory(arguments[1] + 16, 8, whole=True))
        address, length = struct.unpack("=2Q", self._memory(vector, 16, whole=True))
        return address, length

    def _memory(self, address: int, length: int, whole: bool = False) -> bytes:
        with Path(f"/proc/{self._pid}/mem").open("rb") as memory:
            memory.seek(address)
            return memory.read(length if whole else min(length, 12))


def say(line: dict[str, object]) -> None:
    """Print one thing that was seen."""
    os.write(1, (json.dumps(line) + "\n").encode())


def main(state: str) -> None:
    """Run a receiver, and tell what it does until it ends."""
    command = [sys.executable, "-m", "nbhelpers", "receiver", "--state", state, "--port", "0"]
    receiver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert receiver.stdout is not None
    # Not `terminate`: that asks first whether it has ended, and takes a stop that `watch` waits for as its end.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(receiver.pid, signal.SIGTERM))
    ready = receiver.stdout.readline()
    try:
        tracer = Tracer(receiver.pid)
    except OSError as error:
        receiver.kill()
        say({"forbidden": str(error)})
        return
    os.write(1, ready.encode())
    tracer.watch()


if __name__ == "__main__":
    main(sys.argv[1])
