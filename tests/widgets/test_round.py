"""The round as a panel: it follows one message or the last minute, prints, and shows nothing that lets one in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.errors import InboxError
from tests.conftest import wait_until
from tests.support.labs import inside, lookers, printed, shut, written

pytestmark = pytest.mark.fast


@pytest.fixture
def panel(ready: Lab) -> Iterator[Any]:
    made = ready.panels.round()
    yield made
    made.close()


def words(panel: Any) -> list[str]:
    return [each["words"] for each in panel._diagram.arrows]


def test_it_draws_itself_while_a_message_comes_in(ready: Lab, panel: Any) -> None:
    written(ready, "Draw this")
    wait_until(lambda: words(panel)[-1:] and words(panel)[-1].startswith("inbox: the PSID is known ·"), 5)
    assert words(panel)[-4:-2] == ["“Draw this”", "passes it on"]
    assert words(panel)[-2].startswith("POST /webhooks/inbound → 200 ·")
    assert panel._diagram.choices[0] == ["all", "all of the last minute"]
    assert "came in: “Draw this”" in panel._diagram.choices[1][1]


def test_it_follows_one_message_by_event_or_by_uuid(ready: Lab) -> None:
    event = written(ready, "This one")
    other = written(ready, "Not this one")
    for given in (event, event.message_uuid):
        panel = ready.panels.round(given)
        wait_until(lambda panel=panel: len(words(panel)) == 4, 5)
        assert words(panel)[0] == "“This one”"
        assert panel._diagram.following == event.message_uuid
        panel.close()
    assert other.message_uuid != event.message_uuid


@pytest.mark.parametrize("given", [5, object(), b"u"])
def test_what_names_no_message_is_said(ready: Lab, given: Any) -> None:
    with pytest.raises(InboxError, match="This names no message"):
        ready.panels.round(given)


def test_what_is_followed_is_chosen_in_the_panel(ready: Lab, panel: Any) -> None:
    event = written(ready, "Choose me")
    panel._diagram._handle_custom_msg({"follow": event.message_uuid}, [])
    assert (panel._diagram.following, words(panel)[0]) == (event.message_uuid, "“Choose me”")
    panel._diagram._handle_custom_msg({"follow": 7}, [])
    assert panel._diagram.following == event.message_uuid
    panel._diagram._handle_custom_msg({"follow": "all"}, [])
    assert panel._diagram.following == "all"


def test_what_happens_without_reaching_the_inbox_appears_by_itself(ready: Lab, panel: Any) -> None:
    ready.simulator.fault("receiver-down", 1)
    ready.simulator.write(text="Nobody home", page=ready.facts["page_name"])
    wait_until(lambda: any("no answer" in each for each in words(panel)), 5, "the try that nobody answered")


def test_it_prints_as_a_text_diagram_and_as_mermaid(ready: Lab) -> None:
    event = written(ready, "In print")
    panel = ready.panels.round(event)
    wait_until(lambda: len(words(panel)) == 4, 5)
    text = printed(panel)
    assert text.startswith("The round, live (SIMULATOR)\n")
    assert "“In print”" in text and "|" in text
    assert panel.mermaid().startswith("sequenceDiagram\n  participant person as Ada")
    assert panel._diagram.mermaid == panel.mermaid()
    panel.close()


def opened(panel: Any, words_of_it: str) -> Any:
    """What comes when an arrow is opened."""
    heard: list[Any] = []
    panel._diagram.send = lambda content, buffers=None: heard.append(content)
    key = next(each["key"] for each in panel._diagram.arrows if words_of_it in each["words"])
    panel._diagram._handle_custom_msg({"open": key}, [])
    (message,) = heard
    assert message["opened"] == key
    return message["exchanged"]


def test_an_arrow_opens_its_request_and_its_answer_and_nothing_that_lets_one_in(ready: Lab) -> None:
    event = written(ready)
    reply = ready.reply("Hello")
    panel = ready.panels.round(reply.message_uuid)
    wait_until(lambda: any("202" in each for each in words(panel)), 5)
    shown = opened(panel, "202")
    states = json.dumps([widget.get_state() for widget in inside(panel)], default=str, ensure_ascii=False)
    assert "Bearer ••••" in json.dumps(shown, ensure_ascii=False)
    assert shown["line"] == "POST /v0.1/messages" and event.psid in shown["body"]
    for text in (states, json.dumps(shown)):
        assert "eyJ" not in text and ready.settings.api_secret not in text
    panel._diagram._handle_custom_msg({"follow": event.message_uuid}, [])
    wait_until(lambda: any("is known" in each for each in words(panel)), 5)
    assert opened(panel, "is known") is None, "there is no call of ours behind it"
    panel.close()


def test_on_a_projector_ids_and_addresses_are_masked_and_the_arrows_still_meet_their_lifelines(presented: Lab) -> None:
    event = written(presented, "Call me on 0123456789012")
    panel = presented.panels.round(event)
    wait_until(lambda: len(words(panel)) == 4, 5)
    states = json.dumps([widget.get_state() for widget in inside(panel)], default=str, ensure_ascii=False)
    shown = json.dumps(opened(panel, "POST"), ensure_ascii=False) + printed(panel) + states
    for secret in (event.psid, event.page_id, "127.0.0.1", "0123456789012"):
        assert secret not in shown.replace(event.message_uuid, "")
    keys = {key for key, _ in panel._diagram.lifelines}
    assert all({each["source"], each["target"]} <= keys for each in panel._diagram.arrows)
    panel.close()


def test_it_rests_while_nothing_changes(ready: Lab, panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    event = written(ready, "Quiet")
    panel._diagram._handle_custom_msg({"follow": event.message_uuid}, [])
    wait_until(lambda: len(words(panel)) == 4, 5)
    sent: list[Any] = []
    monkeypatch.setattr(panel._diagram, "send_state", lambda key=None: sent.append(key) if key else None)
    panel.refresh()
    panel.beat()
    assert sent == []


def test_when_the_simulator_is_gone_it_says_so_and_goes_on_looking(fresh: Lab) -> None:
    from tests.support.labs import says

    fresh.need("webhooks")
    panel = fresh.panels.round()
    shut(fresh, "simulator")
    fresh.note(anything=1)
    says(panel, "The simulator does not answer.", 5)
    assert lookers("RoundPanel")
    panel.close()
