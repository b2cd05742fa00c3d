"""The reply box: the IDs turned round, a person who stays, Send with its receipts, errors in a line, the request."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.messages.snippets import LANGUAGES, snippet
from nbhelpers.widgets.parts import Line
from tests.conftest import wait_until
from tests.support.labs import (
    CLOCK,
    SMS,
    WHATSAPP,
    arrive,
    inside,
    key_path,
    lookers,
    markup,
    message,
    printed,
    says,
    seen,
    sent_body,
    shut,
    written,
)

NOBODY = "Nobody has written yet, so there is nobody to answer. They write first."


@pytest.fixture
def box(ready: Lab) -> Iterator[Any]:
    made = ready.panels.reply()
    yield made
    made.close()


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: PrivateKey) -> Iterator[Lab]:
    monkeypatch.setenv("VONAGE_APPLICATION_ID", "my-application")
    monkeypatch.setenv("VONAGE_PRIVATE_KEY", key.pem())
    lab = Lab(state=tmp_path / "lab", mode="live")
    yield lab
    lab.stop()


def line(box: Any) -> Line:
    return next(widget for widget in inside(box) if isinstance(widget, Line))


def press(box: Any, **asked: str) -> list[Any]:
    heard: list[Any] = []
    line(box).send = lambda content, buffers=None: heard.append(content)
    line(box)._handle_custom_msg(asked, [])
    return heard


def send(box: Any, words: str) -> list[Any]:
    """What comes back when Send is pressed after this was typed: that the field is to be emptied, or nothing."""
    return press(box, ask="send", text=words)


def offers(box: Any, ask: str) -> bool:
    return ask in [name for name, *_ in line(box).others]


def languages(box: Any) -> ipywidgets.RadioButtons:
    return next(widget for widget in inside(box) if isinstance(widget, ipywidgets.RadioButtons))


def shown(widget: ipywidgets.Widget) -> bool:
    return widget.layout.display != "none"


def to(psid: str, name: str = "Ada") -> str:
    return f"To {psid} ({name}{', ' if name else ''}the person)"


# To whom


def test_before_anybody_wrote_there_is_nobody_to_answer(box: Any) -> None:
    assert seen(box).startswith(f"Reply SIMULATOR {NOBODY}")
    assert line(box).disabled
    assert printed(box) == f"Reply (SIMULATOR)\n{NOBODY}"


def test_the_ids_are_turned_round_as_soon_as_somebody_writes(ready: Lab, box: Any) -> None:
    psid, page_id = written(ready).psid, ready.facts["page_id"]
    assert f"From {page_id} (you, the Page) → {to(psid)}." in says(box, psid)
    assert not line(box).disabled
    assert printed(box).splitlines() == [
        "Reply (SIMULATOR)",
        f"From {page_id} (you, the Page) to {psid} (the person)",
        'Without panels: `lab.reply("…")`',
    ]


def test_the_person_stays_when_somebody_else_writes_and_gets_the_answer(ready: Lab, box: Any) -> None:
    ada = written(ready).psid
    says(box, ada)
    written(ready, person="Bob")
    assert to(ada) in says(box, "(1 newer person)")
    written(ready, person="Cleo")
    assert to(ada) in says(box, "(2 newer people)")
    assert "2 newer people" in printed(box)
    send(box, "For Ada")
    (reply,) = ready.inbox.events("reply")
    assert (reply.psid, reply.text) == (ada, "For Ada")


def test_the_newest_is_answered_only_when_that_is_asked_for(ready: Lab, box: Any) -> None:
    ada = written(ready).psid
    says(box, ada)
    assert not offers(box, "newest")
    bob = written(ready, person="Bob").psid
    wait_until(lambda: offers(box, "newest"), 1)
    send(box, "To Ada")
    press(box, ask="newest")
    assert to(bob, "Bob") in seen(box)
    assert ada not in seen(box)
    assert "Accepted" not in seen(box), "the receipts were those of the answer to Ada"
    assert not offers(box, "newest")
    send(box, "To Bob")
    assert [reply.psid for reply in ready.inbox.events("reply")] == [ada, bob]


def test_the_person_stays_even_when_they_are_forgotten(ready: Lab, box: Any) -> None:
    ada = written(ready).psid
    says(box, ada)
    bob = written(ready, person="Bob").psid
    says(box, "1 newer person")
    ready.inbox.forget(ada)
    says(box, f"{to(ada)}.")
    assert bob not in seen(box) + printed(box)


def test_it_answers_as_the_page_that_the_person_wrote_to(ready: Lab, box: Any) -> None:
    ready.simulator.create_page("Second Page")
    linked = ready.simulator.link(ready.token(), "Second Page")
    said = ready.user.write("Hello, second Page")
    says(box, said.psid)
    send(box, "From the second Page")
    (reply,) = ready.inbox.events("reply")
    assert reply.page_id == linked["page_id"]
    ready.inbox.wait_for_receipt(reply.message_uuid, "delivered", 5)


# The text


def test_the_field_says_how_long_an_answer_may_be(box: Any) -> None:
    assert (line(box).limit, line(box).label, line(box).go) == (640, "Your answer", "Send")
    assert "of ${limit}${over}" in str(Line._esm), "and counts in the browser, with every key"


@pytest.mark.parametrize(
    ("words", "reason"),
    [("", "There is nothing to send."), ("x" * 641, "The text is too long. It has 641 characters.")],
)
def test_what_cannot_be_sent_is_said_beside_the_button_and_kept(ready: Lab, box: Any, words: str, reason: str) -> None:
    says(box, written(ready).psid)
    assert send(box, words) == [], "the field keeps it"
    assert reason in seen(box)
    assert ready.inbox.events("reply") == []


# Send and its receipts


def test_what_is_sent_is_what_was_typed_and_its_receipts_follow_to_read(ready: Lab, box: Any) -> None:
    psid = written(ready).psid
    says(box, psid)
    assert send(box, "It's seven o'clock 🥐\nSee you") == [{"sent": True}]
    says(box, "✓ delivered")
    ready.simulator.read()
    assert re.search(
        rf"Accepted: “.*” ✓ accepted {CLOCK} ✓ submitted {CLOCK} ✓ delivered {CLOCK} ✓ read {CLOCK}$",
        says(box, "✓ read"),
    )
    (reply,) = ready.inbox.events("reply")
    assert sent_body(ready, reply.message_uuid)["message"]["content"]["text"] == "It's seven o'clock 🥐\nSee you"
    assert ready.check("reply").kind == "done"


def test_an_answer_that_the_person_may_not_get_says_why(ready: Lab, box: Any) -> None:
    says(box, written(ready).psid)
    send(box, "One")
    says(box, "delivered")
    ended = {"message_uuid": ready.inbox.events("reply")[0].message_uuid, "status": "rejected"}
    ends = {"to": message()["from"], "from": message()["to"]}
    arrive(
        ready, ended | ends | {"error": {"code": 1340, "reason": "Outside of the allowed window"}}, "/webhooks/status"
    )
    says(box, "1340 Outside of the allowed window")
    ready.inbox.forget("100")


def test_a_401_is_one_line_and_shows_no_token(ready: Lab, box: Any, other_key: PrivateKey) -> None:
    says(box, written(ready).psid)
    save_key(other_key, key_path(ready))
    assert send(box, "Hello?") == [], "the field keeps it"
    assert "The service did not accept this token. It answered 401 “Unauthorised: Invalid Token”" in seen(box)
    assert "eyJ" not in markup(box)
    assert "\n" not in box._said.words


def test_a_key_that_is_gone_is_one_line(ready: Lab, box: Any) -> None:
    says(box, written(ready).psid)
    key_path(ready).unlink()
    send(box, "Hello?")
    assert "The private key is missing. There is no file" in seen(box)


def test_a_simulator_that_is_gone_is_one_line_and_the_looking_goes_on(fresh: Lab) -> None:
    fresh.need("receive")
    box = fresh.panels.reply()
    shut(fresh, "simulator")
    send(box, "Hello?")
    assert "Nobody answers at this address." in seen(box)
    assert lookers("ReplyBox")
    arrive(fresh, message(psid="5", uuid="after"))
    says(box, "1 newer person")
    assert "Nobody answers at this address." in seen(box)
    box.close()


def test_what_went_wrong_stays_until_the_next_try_whatever_comes_in(
    ready: Lab, box: Any, other_key: PrivateKey
) -> None:
    says(box, written(ready).psid)
    send(box, "This one goes out")
    says(box, "✓ delivered")
    mine = key_path(ready).read_bytes()
    save_key(other_key, key_path(ready))
    send(box, "This one does not")
    written(ready, person="Bob")
    assert "It answered 401" in says(box, "1 newer person")
    assert "Accepted" not in seen(box)
    key_path(ready).write_bytes(mine)
    send(box, "This one does not")
    assert "It answered" not in says(box, "Accepted: “This one does not”")


# Other people's text


def test_ids_from_outside_are_escaped(ready: Lab, box: Any) -> None:
    arrive(ready, message(psid="<b>1</b>", page_id="<script>2</script>", uuid="strange"))
    says(box, "<b>1</b>")
    assert "<script>" not in markup(box)
    assert "<b>" not in markup(box)
    ready.inbox.forget("<b>1</b>")


def test_ids_that_cannot_be_ids_are_said_and_end_nothing(ready: Lab, box: Any) -> None:
    arrive(ready, message(psid="9" * 60, uuid="long"))
    says(box, "9" * 60)
    press(box, ask="request")
    assert "This cannot be the recipient (a PSID). It has 60 characters." in seen(box)
    send(box, "Hello?")
    assert "This cannot be the recipient (a PSID)." in seen(box)
    again = ready.panels.reply()
    says(again, "9" * 60)
    again.close()
    ready.inbox.forget("9" * 60)


def test_a_message_that_names_no_page_can_be_read_and_not_answered(ready: Lab, box: Any) -> None:
    arrive(ready, {"message_uuid": "no-page", "from": {"type": "messenger", "id": "77"}, "message": {}})
    says(box, "77")
    send(box, "Hello?")
    assert "There is nobody to answer." in seen(box)
    ready.inbox.forget("77")


# The request


def test_the_request_opens_and_closes_and_has_four_languages(ready: Lab, box: Any) -> None:
    event = written(ready)
    says(box, event.psid)
    assert not shown(box._request)
    press(box, ask="request")
    assert shown(box._request)
    assert tuple(languages(box).options) == LANGUAGES
    line(box).value = "It's <b>bold</b>"
    asked = OutboundMessage(event.page_id, event.psid, "It's <b>bold</b>")
    for language in LANGUAGES:
        languages(box).value = language
        code = snippet(language, ready.settings.host, "v0.1", asked)
        assert " ".join(code.split()) in seen(box)
    assert "<b>" not in markup(box)
    assert "eyJ" not in markup(box)
    press(box, ask="request")
    assert not shown(box._request)


def test_after_sending_the_request_is_the_one_that_was_sent(ready: Lab, box: Any) -> None:
    says(box, written(ready).psid)
    send(box, "Rye bread is ready")
    assert "Rye bread is ready" in box._code.value


# Re-run, live mode, threads


def test_run_again_the_box_before_stops_looking(ready: Lab, box: Any) -> None:
    again = ready.panels.reply()
    wait_until(lambda: len(lookers("ReplyBox")) == 1, 2, "the end of the first")
    psid = written(ready).psid
    says(again, psid)
    assert psid not in seen(box)
    again.close()
    wait_until(lambda: not lookers("ReplyBox"), 2, "the end of the second")


def test_in_live_mode_it_says_that_a_real_person_is_reached(live: Lab) -> None:
    arrive(live, message(psid="4711", page_id="42"))
    box = live.panels.reply()
    assert "LIVE" in seen(box)
    assert f"{to('4711', '')}. This reaches a real person." in seen(box)
    assert printed(box).startswith("Reply (LIVE)\nFrom 42 (you, the Page) to 4711 (the person)\n")
    assert "This reaches a real person." in printed(box)
    assert "https://api.nexmo.com/v0.1/messages" in box._code.value
    box.close()


def test_in_the_simulator_nobody_real_is_reached(ready: Lab, box: Any) -> None:
    assert "real person" not in says(box, written(ready).psid)
    assert "real person" not in printed(box)


def test_no_thread_prints_and_none_dies(
    ready: Lab, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    panels = [ready.panels.reply(), ready.panels.psid(), ready.panels.conversation(), ready.panels.webhooks()]
    for number in range(3):
        written(ready, f"Message {number}", person=f"Person {number}")
    arrive(ready, message(psid="9" * 60, uuid="long"))
    arrive(ready, {"message_uuid": "odd", "from": {"id": "8"}, "message": 5})
    ready.inbox.record(_garbage()).result()
    time.sleep(0.2)
    assert [len(lookers(type(panel).__name__)) for panel in panels] == [1, 1, 1, 1]
    for panel in panels:
        panel.close()
    wait_until(lambda: not any(lookers(type(panel).__name__) for panel in panels), 2, "their end")
    assert died == []
    assert capfd.readouterr() == ("", "")


def _garbage() -> Any:
    from nbhelpers.inbox.events import Delivery

    return Delivery("POST", "/webhooks/inbound", (), b'{"from": {"id": "\\ud800"}, "to": [], "message": null}', 200)


@pytest.mark.fast
def test_it_answers_on_messenger_alone_unless_it_is_asked(ready: Lab, box: Any) -> None:
    arrive(ready, WHATSAPP)
    arrive(ready, SMS)
    assert NOBODY in says(box, "Beside it")
    person = written(ready).psid
    assert f"To {person}" in " ".join(says(box, person or "").split())
    other = ready.panels.reply(channel="whatsapp")
    assert "From 14157386102 (you, on WhatsApp) to 447700900002 (the person)" in printed(other)
    send(other, "Hello!")
    assert "from.type: must be `messenger`" in says(other, "from.type")
    other.close()


@pytest.mark.parametrize("version", ["v0.1", "v1"])
def test_the_request_on_another_channel_names_it(version: str) -> None:
    body = OutboundMessage("14157386102", "447700900002", "x" * 1000, channel="whatsapp").body(version)
    if version == "v1":
        assert (body["channel"], body["to"], body["from"]) == ("whatsapp", "447700900002", "14157386102")
    else:
        assert body["to"] == {"type": "whatsapp", "number": "447700900002"}
    shown = snippet("SDK", "https://api.nexmo.com", version, OutboundMessage("1", "2", "x", channel="whatsapp"))
    assert "WhatsappText(" in shown
