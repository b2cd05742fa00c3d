"""Runs a command where there is no network but loopback: in a network namespace of its own, which Linux makes."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

__all__ = ["REASON", "possible", "without_network"]

REASON = "there is no namespace without a network to be had"
_SET_FLAGS, _UP = 0x8914, 0x1  # of Linux: SIOCSIFFLAGS, IFF_UP
_OUTSIDE = ("192.0.2.1", 443)  # an address that belongs to nobody (RFC 5737)


def without_network(*command: str | Path) -> list[str]:
    """The command that runs this one where only loopback is, as somebody who is root there and nowhere else."""
    # By a path and no name: what is run may not have this repository's packages.
    return ["unshare", "-rn", sys.executable, str(Path(__file__)), *map(str, command)]


def possible() -> bool:
    """Whether this system lets us make such a namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(without_network("true"), capture_output=True, timeout=20, check=False).returncode == 0


def _bring_up_loopback() -> None:
    import fcntl  # Windows has none, and reads this file too

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", _UP))


def _prove() -> None:
    with socket.socket() as outside:
        outside.settimeout(5)
        found = outside.connect_ex(_OUTSIDE)
    if found not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        sys.exit(f"There is a network here: {os.strerror(found)}.")


if __name__ == "__main__":
    _bring_up_loopback()
    _prove()
    os.execvp(sys.argv[1], sys.argv[1:])
