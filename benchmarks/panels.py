"""From a webhook's first byte to a panel in the browser, beside a bare trait; and how 10,000 events open as a table."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.children import Child, free_port
from benchmarks.frame import CannotMeasure, Options, Row, make_row
from nbhelpers import __version__
from nbhelpers.config import settings as configuration
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher

__all__ = ["measure"]

_TOKEN = "bench"  # noqa: S105 - of a server of this run alone, on loopback
_COUNT, _EVERY = 50, 0.2  # webhooks of a run, and seconds between them
_FEW, _MANY = 100, 10_000  # events in the two inboxes that are opened as a table
_PANELS = ("psid", "reply", "webhooks", "conversation", "round", "inbox", "lessons")
_OPEN = "from nbhelpers import Lab\nlab = Lab(state={state!r}, mode='simulator')\nlab.need('webhooks')"
_BARE = """
import threading, time
import ipywidgets
label = ipywidgets.Label("bare")

def play(count, every):
    def run():
        for number in range(count):
            time.sleep(every)
            label.value = f"bench-{number} {time.time() * 1000}"
    threading.Thread(target=run).start()

label
"""
# The page's own clock, in milliseconds since 1970, when a number is seen first.
_WATCH = """
root => {
  window.seen = {};
  window.watcher?.disconnect();
  const look = () => {
    const now = performance.timeOrigin + performance.now();
    for (const [, number, sent] of root.textContent.matchAll(/bench-(\\d+)(?: ([\\d.]+))?/g))
      window.seen[number] ??= [now, Number(sent ?? 0)];
  };
  window.watcher = new MutationObserver(look);
  window.watcher.observe(root, { subtree: true, childList: true, characterData: true });
}
"""
_OPENED = """
() => new Promise((done, failed) => {
  const begun = performance.now();
  const before = new Set(document.querySelectorAll('.nbh-inbox'));
  const look = () => {
    for (const table of document.querySelectorAll('.nbh-inbox'))
      if (!before.has(table) && table.querySelectorAll('tbody tr').length >= 50) {
        watcher.disconnect();
        done(performance.now() - begun);
      }
  };
  const watcher = new MutationObserver(look);
  watcher.observe(document.body, { subtree: true, childList: true });
  setTimeout(() => failed(new Error('no table within 30 seconds')), 30000);
})
"""


def measure(options: Options) -> list[Row]:
    """Measure webhooks to the page and the bare trait in turn, then the two tables in turn."""
    with tempfile.TemporaryDirectory(prefix="nbhelpers-bench-") as name:
        folder = Path(name)
        _write(folder, "panels", _OPEN.format(state=str(folder / "lab")), *(f"lab.panels.{each}()" for each in _PANELS))
        _write(folder, "bare", _BARE, "''")
        for count in (_FEW, _MANY):
            _fill(folder / f"inbox-{count}", count)
        opened = [f"lab{count} = Lab(state={str(folder / f'inbox-{count}')!r}, mode='live')" for count in (_FEW, _MANY)]
        _write(folder, "table", "\n".join(["from nbhelpers import Lab", *opened]), "lab100.panels.inbox()", "''")
        with _jupyter(folder) as address, _browser() as (open_page, browser_version):
            ours, bare = _webhooks(folder, open_page, address, options)
            few, many = _tables(open_page, address, options.runs)
    versions = {"nbhelpers": __version__, "Python": platform.python_version(), "browser": browser_version}
    versions |= {each: importlib.metadata.version(each) for each in ("jupyterlab", "ipywidgets", "anywidget")}
    versions["panels"] = f"{', '.join(_PANELS)}: all of them open, and following"
    return [
        _row("a webhook's first byte to the page, median", ours, bare, statistics.median, 30.0, versions),
        _row("a webhook's first byte to the page, 95th percentile", ours, bare, _p95, 60.0, versions),
        make_row(
            f"the inbox as a table, {_MANY} events",
            many,
            "ms",
            better="lower",
            peer=f"the same with {_FEW} events",
            peer_values=few,
            bar=">= 0.67",  # 1.5 times its time at most
            versions=versions,
        ),
    ]


def _row(
    name: str,
    ours: list[float],
    bare: list[float],
    take: Callable[[Sequence[float]], float],
    limit: float,
    versions: dict[str, str],
) -> Row:
    # On a computer that is slower, or busy, six times what nothing but a trait takes.
    limit = max(limit, 6 * take(bare)) if bare else limit
    peer = "a bare trait, set from a thread" if bare else None
    bar = f"<= {limit:.1f} ms"
    return make_row(
        name, ours, "ms", take=take, better="lower", peer=peer, peer_values=bare, bar=bar, versions=versions
    )


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


# Webhooks


@dataclass(frozen=True)
class _Post:
    host: str
    port: int
    path: str

    def __call__(self, number: int) -> float:
        """Send a webhook; return the moment before its first byte, in milliseconds since 1970."""
        ends = {"from": {"type": "messenger", "id": "1000000000000001"}, "to": {"type": "messenger", "id": "200"}}
        message = {"content": {"type": "text", "text": f"bench-{number}"}}
        uuid = f"bench-{number}-{time.time()}"
        body = json.dumps({"message_uuid": uuid, "timestamp": "2020-01-01T14:00:00.000Z", "message": message, **ends})
        connection = HTTPConnection(self.host, self.port, timeout=10)
        connection.connect()
        sent = time.time() * 1000
        connection.request("POST", self.path, body.encode(), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise CannotMeasure(f"The receiver answered {answer.status}.")
        return sent


def _webhooks(folder: Path, open_page: Any, address: str, options: Options) -> tuple[list[float], list[float]]:
    page = open_page(f"{address}/lab/workspaces/panels/tree/panels.ipynb?token={_TOKEN}")
    _run_all(page)
    bare_page = open_page(f"{address}/lab/workspaces/bare/tree/bare.ipynb?token={_TOKEN}")
    _run_all(bare_page)
    settings = configuration.load("simulator", folder / "lab", environ={}, folder=folder)
    receiver = launcher.find("receiver", settings)
    if receiver is None:
        raise CannotMeasure("The receiver does not run.")
    url = urlsplit(receiver.ready["inbound_url"])
    post = _Post(url.hostname or "", url.port or 0, url.path)
    post(999)  # the person is pinned, and the bare label is there
    page.wait_for_function("document.body.textContent.includes('bench-999')", timeout=30_000)
    ours: list[float] = []
    bare: list[float] = []
    for run in range(options.runs):
        kinds = [_ours, _bare] if options.peer else [_ours]
        for kind in kinds if run % 2 == 0 else reversed(kinds):
            if kind is _ours:
                ours += _ours(page, post, run)
            else:
                bare += _bare(bare_page)
    return ours, bare


def _ours(page: Any, post: _Post, run: int) -> list[float]:
    page.bring_to_front()
    page.locator(".nbh-panel", has_text="Captured PSID").first.evaluate(_WATCH)
    sent = {}
    for number in range(run * 1000, run * 1000 + _COUNT):
        begun = time.monotonic()
        sent[number] = post(number)
        time.sleep(max(0.0, _EVERY - (time.monotonic() - begun)))
    # The last one shows what is still on its way, however late: on a busy computer that takes more than a moment.
    until = time.monotonic() + 15
    while str(number) not in (seen := page.evaluate("window.seen")) and time.monotonic() < until:
        page.wait_for_timeout(100)
    return [_seen(seen, number) - at for number, at in sent.items()]


def _bare(page: Any) -> list[float]:
    page.bring_to_front()
    page.locator(".jp-Notebook .widget-label").first.evaluate(_WATCH)
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Control+a")
    page.keyboard.type(f"play({_COUNT}, {_EVERY})")
    page.keyboard.press("Control+Enter")
    page.wait_for_function(f"Object.keys(window.seen).length >= {_COUNT}", timeout=60_000)
    seen = page.evaluate("window.seen")
    return [at - sent for at, sent in seen.values()]


def _seen(seen: dict[str, list[float]], number: int) -> float:
    """When a webhook was seen: the panel shows the newest, so one that was overtaken when the next one was."""
    since = [at for other, (at, _) in seen.items() if int(other) >= number]
    if not since:
        raise CannotMeasure(f"Webhook {number} was not seen in the page: that is a defect.")
    return min(since)


# The table


def _tables(open_page: Any, address: str, runs: int) -> tuple[list[float], list[float]]:
    page = open_page(f"{address}/lab/workspaces/table/tree/table.ipynb?token={_TOKEN}")
    _run_all(page)
    page.wait_for_selector(".nbh-inbox tbody tr", timeout=60_000)
    found: dict[int, list[float]] = {_FEW: [], _MANY: []}
    for run in range(2 * runs):
        for count in (_FEW, _MANY) if run % 2 == 0 else (_MANY, _FEW):
            page.locator(".jp-CodeCell .cm-content").nth(1).click()
            page.keyboard.press("Control+a")
            page.keyboard.type(f"lab{count}.panels.inbox()")
            page.keyboard.press("Escape")  # whatever completion has offered
            page.wait_for_timeout(300)
            page.locator(".jp-CodeCell .cm-content").nth(1).click()
            opened = page.evaluate_handle(f"() => ({{ opened: ({_OPENED})() }})")
            page.keyboard.press("Control+Enter")
            found[count].append(opened.evaluate("async each => await each.opened"))
    return found[_FEW], found[_MANY]


def _fill(state: Path, count: int) -> None:
    """Fill an inbox of live mode: of four events two came in, one is an answer and one its receipt."""
    inbox = Inbox(state / "live" / "lab.sqlite3")
    waiting = []
    for number in range(count // 4):
        person = f"{1_000_000_000_000_000 + number % 50}"
        ends = {"from": {"type": "messenger", "id": person}, "to": {"type": "messenger", "id": "200"}}
        for half in range(2):
            text = {"content": {"type": "text", "text": f"Do you have bread number {number}, and when?"}}
            body = json.dumps({"message_uuid": f"in-{number}-{half}", "message": text, **ends}).encode()
            waiting.append(inbox.record(Delivery("POST", "/webhooks/inbound", (), body, 200)))
        uuid = f"out-{number}"
        inbox.sent("v1", {"text": "Yes"}, uuid, psid=person, page_id="200", text="Yes", message_type="text")
        told = {"message_uuid": uuid, "status": "delivered", "to": ends["from"], "from": ends["to"]}
        waiting.append(inbox.record(Delivery("POST", "/webhooks/status", (), json.dumps(told).encode(), 200)))
    for each in waiting:
        each.result()
    inbox.close()


# JupyterLab and the browser


def _write(folder: Path, name: str, *cells: str) -> None:
    frame = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [frame | {"id": f"{name}-{at}", "source": source} for at, source in enumerate(cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


@contextlib.contextmanager
def _jupyter(folder: Path) -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings = Path(configuration.__file__).parent.parent / "jupyter"
    options = [
        f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={_TOKEN}",
        f"--LabApp.app_settings_dir={settings}",
        "--LabApp.news_url=None",
    ]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", *options]
    with Child("JupyterLab", command, folder):
        until = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(f"{address}/api?token={_TOKEN}", timeout=5):  # noqa: S310 - our own
                    break
            except OSError:
                if time.monotonic() > until:
                    raise CannotMeasure("JupyterLab did not start within 90 seconds.") from None
                time.sleep(0.2)
        try:
            yield address
        finally:
            for mode in ("lab", *(f"inbox-{count}" for count in (_FEW, _MANY))):
                launcher.stop(configuration.load("simulator", folder / mode, environ={}, folder=folder))


@contextlib.contextmanager
def _browser() -> Iterator[tuple[Callable[[str], Any], str]]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise CannotMeasure("There is no Chromium: install it with your system's package manager.")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise CannotMeasure("Playwright is not installed: it is among the development dependencies.") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1280, "height": 1000})

        def open_page(url: str) -> Any:
            page = context.new_page()
            page.goto(f"{url}&reset")
            page.locator(".jp-Notebook:visible").wait_for(timeout=90_000)
            page.get_by_text("| Idle").wait_for(timeout=90_000)
            return page

        yield open_page, f"Chromium {browser.version}"
        browser.close()


def _run_all(page: Any) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    done = "[...document.querySelectorAll('.jp-InputArea-prompt')].every(e => /\\[\\d+\\]/.test(e.textContent))"
    page.wait_for_function(done, timeout=120_000)
    page.wait_for_timeout(1500)
