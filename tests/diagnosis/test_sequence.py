"""A round as text and as Mermaid: names, directions, what was refused and what is only inferred."""

from __future__ import annotations

import json
import re

import pytest

from nbhelpers.diagnosis.sequence import Arrow, Exchanged, Round

pytestmark = pytest.mark.fast

LIFELINES = {
    "person": "Ada",
    "messenger": "Messenger",
    "api": "Messages API",
    "receiver": "receiver",
    "notebook": "your notebook",
}
WROTE = Arrow("1", 1.0, "person", "messenger", "“Rye bread?”")
CALLED = Arrow("2", 2.0, "api", "receiver", "POST /webhooks/inbound", "200", 6.4)
REFUSED = Arrow(
    "3", 3.0, "api", "messenger", "“Too late”", "rejected", state="refused", why="1340 Outside. Next: wait."
)
GUESSED = Arrow("4", 4.0, "messenger", "person", "lands on the phone", seen=False)
WAITS = Arrow("5", 5.0, "api", "receiver", "inbound", state="waiting", why="No webhook URL is set.")


def made(*arrows: Arrow) -> Round:
    return Round(LIFELINES, arrows, "A summary.")


@pytest.mark.parametrize(
    ("took", "words"),
    [
        (None, "POST /x → 200"),
        (0.4, "POST /x → 200 · under 1 ms"),
        (6.4, "POST /x → 200 · 6 ms"),
        (2500, "POST /x → 200 · 2.5 s"),
    ],
)
def test_an_arrow_says_what_it_was_its_answer_and_how_long_it_took(took: float | None, words: str) -> None:
    assert Arrow("k", 0.0, "api", "receiver", "POST /x", "200", took).words == words


def test_as_text_every_arrow_goes_from_its_lifeline_to_its_lifeline() -> None:
    lines = str(made(WROTE, CALLED, REFUSED)).splitlines()
    assert lines[0].split() == ["Ada", "Messenger", "Messages", "API", "receiver", "your", "notebook"]
    columns = [index for index, sign in enumerate(lines[1]) if sign == "|"]
    assert len(columns) == 5
    assert "“Rye bread?”" in lines[2]
    assert (lines[3][columns[0] + 1], lines[3][columns[1] - 1]) == ("-", ">")
    assert "POST /webhooks/inbound → 200 · 6 ms" in lines[4]
    assert lines[5][columns[2] + 1 : columns[3]] == "-" * 15 + ">"
    assert lines[7][columns[1] + 1 : columns[2]] == "x" + "-" * 15
    assert "1340 Outside. Next: wait." in lines[8]
    assert lines[-1] == "A summary."


def test_as_text_what_is_inferred_is_dotted_and_said_to_be_so() -> None:
    text = str(made(GUESSED))
    assert "<..............." in text
    assert text.endswith("Dotted: inferred. The kit did not see that hop.")
    assert "Dotted" not in str(made(WROTE))


def test_as_text_a_long_reason_is_wrapped() -> None:
    text = str(made(Arrow("1", 1.0, "notebook", "api", "POST", "401", state="refused", why="word " * 60)))
    assert text.count("word word") > 3
    assert max(len(line) for line in text.splitlines()) < 130


def test_mermaid_has_a_head_for_each_kind_of_arrow_and_a_note_for_each_refusal() -> None:
    lines = made(WROTE, CALLED, REFUSED, GUESSED, WAITS).mermaid().splitlines()
    assert lines[:3] == ["sequenceDiagram", "  participant person as Ada", "  participant messenger as Messenger"]
    assert "  person->>messenger: “Rye bread?”" in lines
    assert "  api->>receiver: POST /webhooks/inbound → 200 · 6 ms" in lines
    assert "  api-xmessenger: “Too late” → rejected" in lines
    assert "  Note over messenger: 1340 Outside. Next: wait." in lines
    assert "  messenger-->>person: lands on the phone" in lines
    assert "  api-)receiver: inbound" in lines


@pytest.mark.parametrize("hostile", ["a;b", "%% x", "<script>", "#quot;", "line\nend", "the end", "{x}", "`x`"])
def test_in_mermaid_a_text_cannot_end_its_line_or_begin_anything(hostile: str) -> None:
    lines = made(Arrow("1", 1.0, "person", "messenger", hostile)).mermaid().splitlines()
    assert len(lines) == 7
    told = lines[-1].partition(": ")[2]
    told = re.sub(r"#(\d+|lt|gt);", "", told)
    assert not set(told) & set(";#%<>{}`\n")
    assert not re.search(r"\bend\b", told)


def test_each_arrow_is_told_as_a_sentence() -> None:
    found = made()
    assert found.told(CALLED) == "Messages API to receiver: POST /webhooks/inbound → 200 · 6 ms."
    assert found.told(REFUSED) == "Messages API to Messenger: “Too late” → rejected. Refused. 1340 Outside. Next: wait."
    assert found.told(GUESSED) == "Messenger to Ada: lands on the phone. Inferred, not seen."
    assert found.told(WAITS) == "Messages API to receiver: inbound. Waiting. No webhook URL is set."


def test_for_a_page_it_is_plain_values() -> None:
    exchanged = Exchanged("POST /x", (("a", "b"),), "{}", "today's shape", "200", "Signature verified.", "curl")
    found = made(Arrow("1", 1.0, "api", "receiver", "POST /x", look=lambda: exchanged), WROTE)
    facts = json.loads(json.dumps(found.facts))
    assert facts["lifelines"][0] == ["person", "Ada"]
    assert found.opened("1")["headers"] == (("a", "b"),)
    assert found.opened("1")["verdict"] == "Signature verified."
    assert found.opened("no such arrow") is None
    assert set(facts["arrows"][0]) == {*("key", "at", "source", "target", "words", "state", "seen", "why", "told")}
