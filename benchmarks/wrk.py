"""Loads a webhook address with Debian's `wrk`: signed webhooks, each another, over 32 connections."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import environment
from benchmarks.frame import CannotMeasure
from nbhelpers.auth.signatures import sign

__all__ = ["CONNECTIONS", "SECRET", "Answered", "load", "prepare"]

CONNECTIONS = 32
SECRET = "a signature secret of the benchmark's own"  # noqa: S105 - nobody else has it
_SCRIPT = """
local requests, at = {}, 0
function init(arguments)
  for line in io.lines(arguments[1]) do
    local tab = line:find("\\t", 1, true)
    wrk.headers["Authorization"] = line:sub(1, tab - 1)
    requests[#requests + 1] = wrk.format("POST", nil, wrk.headers, line:sub(tab + 1))
  end
  at = tonumber(arguments[2])
end
wrk.headers["Content-Type"] = "application/json"
function request()
  at = at % #requests + 1
  return requests[at]
end
"""
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Answered:
    """What a load found: webhooks answered a second and in all, and the seconds within which 99 of 100 were."""

    rate: float
    count: int
    slow: float


def prepare(folder: Path, count: int) -> Path:
    """Write so many signed webhooks, no two alike, for `load`; return the file."""
    lines = []
    for number in range(count):
        body = {
            "message_uuid": str(uuid.uuid4()),
            "timestamp": "2026-01-01T12:00:00.000Z",
            "channel": "messenger",
            "to": "107083064136738",
            "from": str(7_000_000_000_000_000 + number % 1000),
            "message_type": "text",
            "text": f"Do you have rye bread today? This is question {number}.",
        }
        raw = json.dumps(body, separators=(",", ":")).encode()
        lines.append(f"{sign(raw, SECRET, 'abcd1234')}\t{raw.decode()}\n")
    path = folder / "webhooks.txt"
    path.write_text("".join(lines), "utf-8")
    (folder / "webhooks.lua").write_text(_SCRIPT, "utf-8")
    return path


def load(url: str, webhooks: Path, seconds: float, begin: int = 0) -> Answered:
    """Send webhooks for so many seconds, from the `begin`-th on. Raises CannotMeasure without wrk or a clean answer."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise CannotMeasure("wrk is not installed: apt-get install wrk.")
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency"]
    command += ["-s", str(webhooks.with_suffix(".lua")), url, "--", str(webhooks), str(begin)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 120, env=environment(), check=False
    )
    words = done.stdout
    total, took = re.search(r"(\d+) requests in ([\d.]+)(\w+)", words), re.search(r"99%\s+([\d.]+)(us|ms|s)", words)
    if done.returncode or total is None or took is None or "Non-2xx" in words or "Socket errors" in words:
        raise CannotMeasure(f"wrk could not measure {url}: {(words + done.stderr).strip()[-300:]}")
    count = int(total[1])
    return Answered(count / (float(total[2]) * _UNITS.get(total[3], 60.0)), count, float(took[1]) * _UNITS[took[2]])
