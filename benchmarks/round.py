"""The round: a person writes, the PSID is known, the reply is accepted, `delivered` is stored, with no pause played.

Beside it the same number of POSTs to a server that does nothing, one after the other, by the same client.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path

import requests

from benchmarks.children import Child, free_port
from benchmarks.frame import Options, Row, make_row
from benchmarks.labs import opened, versions
from nbhelpers import Lab

__all__ = ["measure"]

_REQUESTS = 5  # the person's message, its webhook, the reply, and the two webhooks of its receipts
_BODY = {"message_type": "text", "text": "Do you have rye bread today?", "channel": "messenger", "to": "1", "from": "2"}


def measure(options: Options) -> list[Row]:
    """Go round ten times a run, ours and the bare requests in turn."""
    ours: list[float] = []
    bare: list[float] = []
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(opened(receipts="at once"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbhelpers-bench-")))
        server = Child.python("The bare server", ["benchmarks.receivers", "bare", str(free_port())], folder, talks=True)
        url = stack.enter_context(server).line()["url"]
        session = stack.enter_context(requests.Session())
        _go_round(lab)
        for _ in range(options.runs * 10):
            ours.append(_go_round(lab))
            bare.append(_bare(session, url))
    return [
        make_row(
            "the round, the phone's pauses set to nothing",
            ours,
            "ms",
            better="lower",
            peer=f"{_REQUESTS} bare POSTs by requests to a server that does nothing",
            peer_values=bare,
            bar=">= 0.333",  # three times the bare requests at most
            versions=versions("requests", "uvicorn", "aiohttp"),
        )
    ]


def _go_round(lab: Lab) -> float:
    began = time.perf_counter()
    lab.inbox.wait_for_message(lab.user.write("Do you have rye bread today?"))
    lab.inbox.wait_for_receipt(lab.reply("Baked this morning."))
    return (time.perf_counter() - began) * 1000


def _bare(session: requests.Session, url: str) -> float:
    began = time.perf_counter()
    for _ in range(_REQUESTS):
        session.post(url, json=_BODY, timeout=10).raise_for_status()
    return (time.perf_counter() - began) * 1000
