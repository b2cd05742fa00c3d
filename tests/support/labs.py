"""Labs for tests: opened with ports of their own, put back as they were, and panels read as a person reads them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import html
import json
import os
import re
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ipywidgets
import pytest

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.course.context import CourseContext
from nbhelpers.inbox import words
from nbhelpers.inbox.events import Delivery, Event
from nbhelpers.services import launcher
from nbhelpers.services.record import Record, is_alive
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import CodeBlock, CopyField, Head, Note
from nbhelpers.widgets.psid import Newcomers
from nbhelpers.widgets.talk import Talk
from tests.conftest import wait_until

CLOCK = r"\d\d:\d\d:\d\d"
PRIVATE = (
    "NBHELPERS_",
    "VONAGE_",
    "NEXMO_",
    "MESSENGER_",
    "NGROK_",
    "MESSAGES_API",
    "JPY_",
    "JUPYTERHUB_",
    "PUBLIC_URL",
)


@contextmanager
def opened(state: Path) -> Iterator[Lab]:
    """A lab whose simulator and receiver take any free port; both end with it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(PRIVATE):
                patch.delenv(name)
        patch.setenv("NBHELPERS_SIMULATOR_PORT", "0")
        patch.setenv("NBHELPERS_RECEIVER_PORT", "0")
        lab = Lab(state=state)
        try:
            yield lab
        finally:
            lab.stop()


class Shared:
    """A lab with steps 1 to 5 filled in, which is put back so before each test that uses it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.need("webhooks")
        self._facts = lab.inbox.facts()
        self._key = key_path(lab).read_bytes()
        self._form = lab.simulator.settings()

    def as_it_was(self) -> Lab:
        """Nobody has written, nothing was answered, and every step before is as `need` left it."""
        lab = self.lab
        lab.simulator.read()  # nothing is left unread for the next test
        wait_until(lambda: not waiting(lab), 5, "the webhooks of the test before")
        _drop_refused(lab)
        # All of it: an event that names nobody, such as a stray call, belongs to the test before as well.
        lab.inbox.database.write(_empty).result()
        lab.inbox.note(**dict.fromkeys(lab.inbox.facts()) | self._facts)
        file = key_path(lab)
        if not file.exists() or file.read_bytes() != self._key:  # one that is written anew is parsed anew: 40 ms
            file.write_bytes(self._key)
        lab.simulator.publish(self._facts["page_name"], True)
        lab.simulator.link(lab.token(), self._facts["page_name"])  # made now: a run may take longer than a token lives
        lab.simulator.change_settings(**self._form)
        return lab


def _empty(connection: sqlite3.Connection) -> None:
    words.clear(connection)
    for table in ("events", "deliveries", "sent"):
        connection.execute(f"DELETE FROM {table}")


def key_path(lab: Lab) -> Path:
    """Where the private key of the course is."""
    return lab.settings.folder / "private.key"


def own_key(lab: Lab) -> PrivateKey:
    """The private key of the course, parsed once for all tests: that takes longer than most of them."""
    return _parsed(key_path(lab).read_text())


@functools.cache
def _parsed(pem: str) -> PrivateKey:
    return load_key(pem)


def _drop_refused(lab: Lab) -> None:
    # What was refused is tried again in five seconds, in the midst of another test.
    with contextlib.closing(sqlite3.connect(lab.settings.folder / "simulator.sqlite3")) as connection, connection:
        connection.execute("UPDATE webhooks SET outcome = 'dropped' WHERE outcome IS NULL")


def waiting(lab: Lab) -> list[Any]:
    """The webhooks that are due for the first time and not yet delivered; one that was refused may wait for ever."""
    return [row for row in lab.simulator.webhooks() if row["outcome"] is None and not row["attempts"]]


def course_of(lab: Lab, **settings: Any) -> CourseContext:
    """The course of a lab with some of its settings replaced."""
    return CourseContext(
        dataclasses.replace(lab.settings, **settings), lab.inbox, launcher.find("simulator", lab.settings)
    )


def shut(lab: Lab, name: str) -> Record:
    """Kill one service of a lab, as a crash does; return what it was."""
    running = launcher.find(name, lab.settings)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(running.pid, running.created), 5, f"the end of the {name}")
    # A killed process may keep its socket until the last of its threads has gone.
    wait_until(lambda: _refuses(running.url), 5, f"the end of the {name}'s socket")
    return running


def _refuses(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as caller:
        return caller.connect_ex((parts.hostname, parts.port)) != 0


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody else sits on this port."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A killed process may keep its socket until the last of its threads has gone.
        wait_until(lambda: _binds(other, port), 5, f"port {port}")
        other.listen()
        yield


def _binds(other: socket.socket, port: int) -> bool:
    try:
        other.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def message(psid: str = "100", page_id: str = "200", text: str = "Hello", uuid: str = "uuid-1") -> dict[str, Any]:
    """An inbound webhook in the guide's shape."""
    return {
        "message_uuid": uuid,
        "from": {"type": "messenger", "id": psid},
        "to": {"type": "messenger", "id": page_id},
        "timestamp": "2020-01-01T14:00:00.000Z",
        "message": {"content": {"type": "text", "text": text}},
    }


SMS = {"msisdn": "447700900001", "to": "447700900000", "messageId": "0A", "text": "Hello by SMS"}
WHATSAPP = {"channel": "whatsapp", "message_uuid": "w-1", "from": "447700900002", "to": "14157386102"}
WHATSAPP |= {"timestamp": "2020-01-01T14:00:00.000Z", "message_type": "text", "text": "Hello on WhatsApp"}


def arrive(lab: Lab, body: dict[str, Any], path: str = "/webhooks/inbound") -> None:
    """Put a webhook into the inbox as the receiver does."""
    lab.inbox.record(Delivery("POST", path, (), json.dumps(body).encode(), 200)).result()


def written(lab: Lab, text: str = "Hello!", person: str | None = None) -> Event:
    """Let a person write over HTTP, and wait until it has come through the receiver."""
    before = {event.id for event in lab.inbox.events("inbound")}
    lab.simulator.write(text=text, person=person, page=lab.facts["page_name"])
    return wait_until(
        lambda: next((event for event in lab.inbox.events("inbound") if event.id not in before), None), 10, text
    )


def sent_body(lab: Lab, message_uuid: str) -> dict[str, Any]:
    """What the service took under this uuid, byte for byte as it came."""
    with contextlib.closing(sqlite3.connect(lab.settings.folder / "simulator.sqlite3")) as connection:
        (body,) = connection.execute("SELECT body FROM messages WHERE uuid = ?", (message_uuid,)).fetchone()
    return json.loads(body)


# Panels, read as a person reads them


def inside(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """A widget and everything in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def markup(panel: Panel) -> str:
    """All that the panel puts on the page, as HTML, hidden parts left out."""
    return "\n".join(filter(None, (_markup(widget) for widget in _shown(panel))))


def _shown(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """A widget and everything in it that is not hidden."""
    if widget.layout.display == "none":
        return
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _shown(child)


def _markup(widget: ipywidgets.Widget) -> str:
    """What a part shows: its script puts on the page what stands in its traits, as text."""
    if isinstance(widget, ipywidgets.HTML):
        return widget.value
    if isinstance(widget, Head):
        stopped = f"<p>{html.escape(widget.stopped)}</p>" if widget.stopped else ""
        return f"<h3>{html.escape(widget.heading)}</h3><small>{html.escape(widget.mode)}</small>{stopped}"
    if isinstance(widget, Note):
        role = "alert" if widget.urgent else "status"
        return f'<p role="{role}">{html.escape(widget.words)}</p>' if widget.words else ""
    if isinstance(widget, CopyField):
        return "".join(f"<span>{html.escape(each)}</span>" for each in (widget.label, widget.value, widget.after))
    if isinstance(widget, CodeBlock):
        return f"<pre>{html.escape(widget.value)}</pre>"
    if isinstance(widget, Talk):
        said = "".join(map(_bubble, widget.bubbles)) or html.escape(widget.empty)
        return f"<h4>{html.escape(widget.name)}</h4>{said}"
    return f"<p>{html.escape(widget.words)}</p>" if isinstance(widget, Newcomers) and widget.words else ""


def _bubble(bubble: dict[str, Any]) -> str:
    who, text, below = (html.escape(bubble[name]) for name in ("who", "text", "below"))
    choices = "".join(f"<button>{html.escape(each)}</button>" for each in bubble["choices"])
    kind = "own" if bubble["own"] else "other"
    return f'<li class="{kind}"><span>{who}</span> <div>{text}</div>{choices} {below}</li>'


def seen(panel: Panel) -> str:
    """What a person reads in it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup(panel))).split())


def printed(panel: Panel) -> str:
    """What is shown where no panels are."""
    return panel._repr_mimebundle_()["text/plain"]


def button(panel: Panel, words: str) -> ipywidgets.Button:
    """The button with this description."""
    return next(
        widget for widget in inside(panel) if isinstance(widget, ipywidgets.Button) and widget.description == words
    )


def says(panel: Panel, words: str, timeout: float = 5.0) -> str:
    """Wait until the panel says this by itself; return all it says."""
    wait_until(lambda: words in seen(panel), timeout, f"“{words}” in: {seen(panel)}")
    return seen(panel)


def lookers(name: str) -> list[threading.Thread]:
    """The threads that look at the inbox for panels of this class."""
    return [thread for thread in threading.enumerate() if thread.name == f"{name} looks"]
