"""The last hop: from the first byte of a webhook to whoever waits for it in a notebook, and what waiting costs."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import psutil
import requests

from benchmarks.frame import CannotMeasure, Options, Row, make_row
from benchmarks.labs import opened, versions
from nbhelpers import Lab

__all__ = ["measure"]

_APART = 0.2  # seconds between two webhooks
_IDLE = 10.0  # seconds in which an open panel is watched doing nothing


def measure(options: Options) -> list[Row]:
    """Send twenty webhooks a run, 200 ms apart, and note when each was seen; then look at an idle panel."""
    with opened() as lab:
        count = options.runs * 20
        waited = _seen_by_waiting(lab, count)
        called = _seen_by_function(lab, count)
        shown = _seen_in_panel(lab, count)
        idle = _idle(lab)
    known = versions("ipywidgets", "anywidget", "requests")
    return [
        make_row("until wait_for_message returns", waited, "ms", better="lower", bar="<= 8 ms", versions=known),
        make_row("until lab.on_message calls", called, "ms", better="lower", bar="<= 25 ms", versions=known),
        make_row("until a panel's trait is set", shown, "ms", better="lower", bar="<= 25 ms", versions=known),
        make_row("an open panel at rest, of a core", [idle], "%", better="lower", bar="<= 1 %", versions=known),
    ]


def _each(lab: Lab, count: int, seen: dict[str, float], wanted: list[str] | None = None) -> list[float]:
    """Send so many webhooks; return the milliseconds until `seen` had the text of each, `wanted` meanwhile."""
    url, found = lab.receiver.inbound_url, []
    with requests.Session() as session:
        for _ in range(count):
            text = str(uuid.uuid4())
            ends = {"message_uuid": text, "channel": "messenger", "from": "1", "to": "2"}
            request = requests.Request("POST", url, json=ends | {"message_type": "text", "text": text})
            prepared = session.prepare_request(request)
            if wanted is not None:
                wanted[:] = [text]
            began = time.perf_counter()  # some tens of microseconds before the first byte goes out
            if session.send(prepared, timeout=10).status_code != 200:
                raise CannotMeasure("The receiver did not take a webhook.")
            until = began + 10
            while text not in seen:
                if time.perf_counter() > until:
                    raise CannotMeasure("A webhook was never seen.")
                time.sleep(0.001)
            found.append((seen[text] - began) * 1000)
            time.sleep(_APART)
    return found


def _seen_by_waiting(lab: Lab, count: int) -> list[float]:
    seen: dict[str, float] = {}

    def wait() -> None:
        while len(seen) < count:
            event = lab.inbox.wait_for_message(timeout=60, new=True)
            seen[str(event.text)] = time.perf_counter()

    lab.user.write("The first.")
    lab.inbox.wait_for_message()
    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    time.sleep(0.2)
    found = _each(lab, count, seen)
    waiting.join(10)
    return found


def _seen_by_function(lab: Lab, count: int) -> list[float]:
    seen: dict[str, float] = {}

    def note(event: Any) -> None:
        seen[event.text] = time.perf_counter()

    handler = lab.on_message(note)
    try:
        return _each(lab, count, seen)
    finally:
        handler.stop()


def _seen_in_panel(lab: Lab, count: int) -> list[float]:
    seen: dict[str, float] = {}
    wanted: list[str] = []
    panel = lab.panels.psid()

    def note(change: Any) -> None:
        if wanted and wanted[0] in str(change["new"]):
            seen.setdefault(wanted[0], time.perf_counter())

    for widget in _inside(panel):
        if "value" in widget.traits():
            widget.observe(note, "value")
    try:
        return _each(lab, count, seen, wanted)
    finally:
        panel.close()


def _inside(widget: Any) -> list[Any]:
    found = [widget]
    for child in getattr(widget, "children", ()):
        found += _inside(child)
    return found


def _idle(lab: Lab) -> float:
    panel, process = lab.panels.psid(), psutil.Process()
    try:
        time.sleep(1)
        before, began = process.cpu_times(), time.perf_counter()
        time.sleep(_IDLE)
        after, passed = process.cpu_times(), time.perf_counter() - began
        return (after.user + after.system - before.user - before.system) / passed * 100
    finally:
        panel.close()
