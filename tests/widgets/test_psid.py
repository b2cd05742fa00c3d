"""The panel of the captured PSID."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import ipywidgets
import pytest

from nbhelpers import Lab
from nbhelpers.inbox.events import Event
from nbhelpers.widgets.parts import Line
from nbhelpers.widgets.person import newer_words, pinned
from tests.conftest import wait_until
from tests.support.labs import (
    CLOCK,
    SMS,
    WHATSAPP,
    arrive,
    inside,
    lookers,
    markup,
    message,
    printed,
    says,
    seen,
    shut,
    written,
)

NOBODY = "Nobody has written yet. A PSID appears here with the first message."


HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(2)> & </p>'


@pytest.fixture
def panel(ready: Lab) -> Iterator[Any]:
    made = ready.panels.psid()
    yield made
    made.close()


def line(panel: Any) -> Line:
    return next(widget for widget in inside(panel) if isinstance(widget, Line))


def press(panel: Any, text: str) -> list[Any]:
    """What comes back when the button beside the line, or Enter in it, is pressed after this was typed."""
    heard: list[Any] = []
    line(panel).send = lambda content, buffers=None: heard.append(content)
    line(panel)._handle_custom_msg({"ask": "send", "text": text}, [])
    return heard


@pytest.mark.fast
def test_before_anybody_wrote_it_says_so(panel: Any) -> None:
    assert seen(panel) == f"Captured PSID SIMULATOR {NOBODY}"
    assert printed(panel) == f"Captured PSID (SIMULATOR)\n{NOBODY}"


@pytest.mark.fast
def test_a_psid_appears_by_itself_within_a_second(ready: Lab, panel: Any) -> None:
    said = ready.simulator.write(text="Hello from Facebook Messenger!", page="Corner Bakery")
    shown = says(panel, said["psid"], timeout=1)
    assert says(panel, "Ada, as your Page knows them", timeout=1)
    assert re.search(rf"“Hello from Facebook Messenger!” {CLOCK} · to Page {ready.facts['page_id']}: you$", shown)
    assert printed(panel).splitlines() == [
        "Captured PSID (SIMULATOR)",
        f"PSID {said['psid']}: the person. Page ID {ready.facts['page_id']}: you.",
        "“Hello from Facebook Messenger!”",
    ]


@pytest.mark.fast
def test_made_again_it_shows_what_came_while_nobody_looked(ready: Lab) -> None:
    psid = written(ready, "Nobody looked").psid
    panel = ready.panels.psid()
    assert psid in seen(panel)
    panel.close()


@pytest.mark.fast
def test_the_newest_message_of_the_person_is_shown(ready: Lab, panel: Any) -> None:
    written(ready, "First")
    written(ready, "Second")
    assert "“First”" not in says(panel, "“Second”")


@pytest.mark.fast
def test_the_person_stays_and_newcomers_are_counted(ready: Lab, panel: Any) -> None:
    ada = written(ready, "I am Ada").psid
    says(panel, ada)
    bob = written(ready, "I am Bob", person="Bob").psid
    shown = says(panel, "1 newer person")
    assert (ada in shown, bob in shown, "I am Ada" in shown) == (True, False, True)
    written(ready, "Me again", person="Bob")
    written(ready, "I am Cleo", person="Cleo")
    assert ada in says(panel, "2 newer people")
    assert printed(panel).endswith("\n2 newer people")
    written(ready, "Still here")
    assert "newer" not in says(panel, "“Still here”")


@pytest.mark.fast
def test_writing_in_the_line_is_writing_as_the_person(ready: Lab, panel: Any) -> None:
    assert press(panel, "Two rolls, please") == [{"sent": True}]
    assert "Written. Watch the PSID above." in says(panel, "“Two rolls, please”")
    assert ready.inbox.newest_message().text == "Two rolls, please"


@pytest.mark.fast
def test_what_was_typed_comes_with_the_press_and_not_by_and_by(ready: Lab, panel: Any) -> None:
    """While a cell runs, what is typed reaches the kernel later than the press of the button."""
    line(panel).value = "Two ro"
    press(panel, "Two rolls, please")
    says(panel, "“Two rolls, please”")
    assert len(ready.inbox.events("inbound")) == 1


@pytest.mark.fast
def test_a_press_that_is_not_known_writes_nothing(ready: Lab, panel: Any) -> None:
    for odd in ({}, {"ask": "something else"}, {"ask": "send"}, {"ask": "send", "text": 5}):
        line(panel)._handle_custom_msg(odd, [])
    assert ready.inbox.newest_message() is None


@pytest.mark.fast
def test_an_empty_line_writes_nothing_and_says_so(ready: Lab, panel: Any) -> None:
    assert press(panel, " ") == []
    assert seen(panel).endswith("There is nothing to write. Type something into the line first.")
    assert ready.inbox.newest_message() is None


@pytest.mark.fast
def test_what_could_not_be_written_is_not_lost(ready: Lab, panel: Any) -> None:
    ready.simulator.publish("Corner Bakery", False)
    assert press(panel, "Hello?") == [], "the line keeps what was typed"
    assert "Nobody can write to this Page. “Corner Bakery” is not published." in seen(panel)


@pytest.mark.fast
def test_it_writes_as_the_person_on_screen(ready: Lab, panel: Any) -> None:
    bob = written(ready, "I am Bob", person="Bob").psid
    says(panel, "Bob, as your Page knows them")
    assert line(panel).label == "Write as Bob"
    press(panel, "Still Bob")
    says(panel, "“Still Bob”")
    assert ready.inbox.newest_message().psid == bob


@pytest.mark.fast
def test_a_message_that_is_not_passed_on_says_so(ready: Lab, panel: Any) -> None:
    ready.simulator.unlink("Corner Bakery")
    press(panel, "Hello?")
    assert seen(panel).endswith("Written. It was not passed on: see step 4.")


def test_when_the_simulator_is_gone_the_line_says_so(fresh: Lab) -> None:
    fresh.need("webhooks")
    panel = fresh.panels.psid()
    shut(fresh, "simulator")
    press(panel, "Hello?")
    assert "The simulator does not answer." in seen(panel)
    assert lookers("PsidPanel")
    panel.close()


@pytest.mark.fast
def test_what_a_person_wrote_is_escaped(ready: Lab, panel: Any) -> None:
    written(ready, HOSTILE)
    assert HOSTILE in says(panel, "alert")
    assert "<script>" not in markup(panel)
    assert "<img" not in markup(panel)


@pytest.mark.fast
def test_ids_of_a_strange_sender_are_escaped(ready: Lab, panel: Any) -> None:
    arrive(ready, message(psid="<b>1</b>", page_id='"><i>2', text="x", uuid="strange"))
    says(panel, "<b>1</b>")
    assert "<b>" not in markup(panel)
    assert "<i>" not in markup(panel)
    ready.inbox.forget("<b>1</b>")


@pytest.mark.fast
def test_a_text_in_another_direction_does_not_turn_the_line_round(ready: Lab, panel: Any) -> None:
    written(ready, "שלום עולם")
    says(panel, "שלום עולם")
    assert "<bdi>“שלום עולם”</bdi>" in markup(panel)


@pytest.mark.fast
def test_a_picture_is_named(ready: Lab, panel: Any) -> None:
    ready.simulator.write(kind="image", page="Corner Bakery")
    says(panel, "image picture.jpg")


@pytest.mark.fast
def test_run_again_the_panel_before_stops_and_the_new_one_is_live(ready: Lab, panel: Any) -> None:
    again = ready.panels.psid()
    wait_until(lambda: len(lookers("PsidPanel")) == 1, 2, "the end of the first")
    psid = written(ready).psid
    says(again, psid)
    assert NOBODY in seen(panel)
    again.close()


@pytest.mark.fast
def test_in_live_mode_there_is_no_line_to_write_in(live: Lab) -> None:
    panel = live.panels.psid()
    assert seen(panel) == f"Captured PSID LIVE {NOBODY}"
    assert not [widget for widget in inside(panel) if isinstance(widget, Line | ipywidgets.Button)]
    arrive(live, message(psid="4711", text="From a phone"))
    says(panel, "“From a phone”")
    panel.close()


@pytest.mark.fast
def test_only_who_can_be_believed_is_counted(ready: Lab) -> None:
    import json

    from nbhelpers.inbox.events import Delivery

    body = json.dumps(message(psid="9999", uuid="forged")).encode()
    ready.inbox.record(Delivery("POST", "/webhooks/inbound", (), body, 401)).result()
    ready.inbox.record(Delivery("POST", "/webhooks/inbound", (), body[:-1] + b" }", 200, origin="replay")).result()
    assert pinned(ready._course, None) == (None, 0)
    ready.inbox.forget("9999")


@pytest.mark.fast
def test_a_person_who_was_forgotten_makes_room(ready: Lab) -> None:
    ada = written(ready).psid
    bob = written(ready, person="Bob").psid
    ready.inbox.forget(ada)
    event, newer = pinned(ready._course, ada)
    assert (event.psid, newer) == (bob, 0)


@pytest.mark.fast
@pytest.mark.parametrize(("count", "words"), [(0, ""), (1, "1 newer person"), (2, "2 newer people")])
def test_newcomers_in_words(count: int, words: str) -> None:
    assert newer_words(count) == words


def event(kind: str = "status", state: str | None = None, body: bytes = b"{}") -> Event:
    known = {"message_uuid": "u", "psid": "1", "page_id": "2", "text": None, "message_type": None, "shape": "v0.1"}
    rest = {"deliveries": 1, "trusted": True, "verdict": "", "why": "", "origin": "wire", "path": "", "revision": 1}
    return Event(id=1, kind=kind, status=state, received=datetime.now(UTC), body=body, **known, **rest)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (WHATSAPP, "a message on WhatsApp: “Hello on WhatsApp” from 447700900002."),
        (SMS, "an inbound SMS of the SMS API. Next: SMS and Messenger share this URL"),
    ],
)
def test_what_is_no_message_on_messenger_is_no_psid_and_is_shown_beside(
    ready: Lab, panel: Any, body: dict[str, Any], words: str
) -> None:
    arrive(ready, body)
    said = says(panel, words)
    assert NOBODY in said
    assert re.search(rf"Beside it: {CLOCK}, ", printed(panel))
    person = written(ready).psid
    says(panel, person or "")
    wait_until(lambda: not re.search("Beside it|4477009", seen(panel)), 5, "what came before the message is no news")


@pytest.mark.fast
def test_a_mistyped_url_is_spoken_of_until_it_is_saved_rightly(ready: Lab, panel: Any) -> None:
    ready.webhooks.save(inbound=f"{ready.receiver.inbound_url}x", method="POST")
    says(panel, "/webhooks/inbound is meant.")
    assert any("/webhooks/inbound is meant" in each for each in ready.doctor().beside)
    ready.webhooks.save(method="POST")
    wait_until(lambda: "is meant" not in seen(panel), 5, "what was mended is no news")
    assert "is meant" not in printed(panel)
    assert ready.doctor().beside == ()


@pytest.mark.fast
def test_asked_for_another_channel_it_shows_its_sender(ready: Lab) -> None:
    written(ready)
    panel = ready.panels.psid(channel="whatsapp")
    assert "Nobody has written on WhatsApp yet." in seen(panel)
    arrive(ready, WHATSAPP)
    assert "Sender on WhatsApp 447700900002 as the service knows them" in says(panel, "447700900002")
    assert "Sender on WhatsApp 447700900002: the person. Recipient 14157386102: you." in printed(panel)
    panel.close()
