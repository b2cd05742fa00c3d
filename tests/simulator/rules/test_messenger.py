"""Facebook's rules as data: tags by date, codes, file types, addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbhelpers.simulator.rules import messenger
from nbhelpers.simulator.rules.messenger import (
    DAY,
    REFUSALS,
    is_out_of_reach,
    is_wrong_type,
    tag_on,
    tag_refusal,
    window_refusal,
)
from nbhelpers.simulator.storage.switches import DEFAULTS
from tests.support import readme_tables

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("tag", "day", "taken"),
    [
        ("TICKET_UPDATE", "2018-06-21", True),
        ("ticket_update", "2018-06-21", True),  # as the sample of the guide's time writes it
        ("TICKET_UPDATE", "2020-03-03", True),
        ("TICKET_UPDATE", "2020-03-04", False),
        ("CONFIRMED_EVENT_UPDATE", "2020-03-03", False),
        ("CONFIRMED_EVENT_UPDATE", "2020-03-04", True),
        ("CONFIRMED_EVENT_UPDATE", "2026-04-26", True),
        ("CONFIRMED_EVENT_UPDATE", "2026-04-27", False),
        ("HUMAN_AGENT", "2018-06-21", False),
        ("HUMAN_AGENT", "today", True),
        ("CONFIRMED_EVENT_UPDATE", "today", False),
        ("NEVER_HEARD_OF", "2018-06-21", False),
        ("", "today", False),
    ],
)
def test_a_tag_is_taken_on_the_days_that_it_was(tag: str, day: str, taken: bool) -> None:
    assert (tag_on(tag, day) is not None) is taken


def test_a_human_agent_has_a_week_and_the_tags_of_2018_no_limit() -> None:
    assert tag_on("HUMAN_AGENT", "today").seconds == 7 * DAY
    assert tag_on("TICKET_UPDATE", "2018-06-21").seconds is None


@pytest.mark.parametrize(
    ("hours", "tag", "code"),
    [
        (23, None, None),
        (25, None, "1340"),
        (25, "HUMAN_AGENT", None),
        (7 * 24 + 1, "HUMAN_AGENT", "1340"),
    ],
)
def test_the_window_is_a_day_and_a_human_agent_has_a_week(hours: int, tag: str | None, code: str | None) -> None:
    assert window_refusal(hours * 3600.0, tag, DEFAULTS) == code


def test_a_tag_without_a_limit_is_never_too_late() -> None:
    assert window_refusal(400 * DAY, "TICKET_UPDATE", DEFAULTS | {"tags_of": "2018-06-21"}) is None


def test_a_tag_that_never_was_and_one_that_was_given_up_have_their_codes() -> None:
    assert tag_refusal("NEVER_HEARD_OF", DEFAULTS) == "1021"
    assert tag_refusal("CONFIRMED_EVENT_UPDATE", DEFAULTS | {"retired_tag": "1340"}) == "1340"
    assert tag_refusal("HUMAN_AGENT", DEFAULTS) is None


@pytest.mark.parametrize("code", REFUSALS)
def test_every_code_is_a_number_with_a_text(code: str) -> None:
    assert code.isdecimal()
    assert len(code) == 4
    assert REFUSALS[code].text


def test_the_readme_has_the_codes_that_come_by_themselves() -> None:
    readme = (Path(messenger.__file__).parents[1] / "README.md").read_text()
    assert f"<!-- refusals -->\n{readme_tables.refusals()}\n<!-- end of refusals -->" in readme
    assert "| 1340 |" in readme_tables.refusals()
    assert "| 1381 |" not in readme_tables.refusals()


@pytest.mark.parametrize(
    ("kind", "address", "wrong"),
    [
        ("image", "https://example.com/a.jpg", False),
        ("image", "https://example.com/A.JPEG?x=.exe", False),
        ("image", "https://example.com/a.bmp", True),
        ("image", "https://example.com/a.png.exe", True),
        ("image", "https://cdn.example.com/12345", False),  # nothing can be said without an ending
        ("audio", "https://example.com/a.mp3", False),
        ("audio", "https://example.com/a.wav", True),
        ("video", "https://example.com/a.mp4", False),
        ("video", "https://example.com/a.mp3", True),
        ("file", "https://example.com/a.anything", False),
    ],
)
def test_a_file_is_of_the_wrong_type_by_its_ending(kind: str, address: str, wrong: bool) -> None:
    assert is_wrong_type(kind, address) is wrong


NUMBERS = ("127.0.0.1", "127.0.0.1:8710", "[::1]", "10.0.0.7", "192.168.1.1", "172.16.0.1", "169.254.1.1", "0.0.0.0")
NAMES = (
    "localhost",
    "LOCALHOST.",
    "app.localhost",
    "nas.local",
    "printer",
    "no.such.invalid",
    "shop.test",
    "db.internal",
)
ODD = ("127.1", "0x7f.0.0.1", "pics.example", "foo.home.arpa", "x.onion", ".com", "a..b.com")
PUBLIC = ("example.com", "8.8.8.8", "cdn.example.org.", "[2606:4700::1111]", "me:pw@example.com")


@pytest.mark.parametrize("host", NUMBERS + NAMES + ODD)
def test_facebook_cannot_reach_this_computer_or_a_private_network(host: str) -> None:
    assert is_out_of_reach(f"http://{host}/picture.jpg")


@pytest.mark.parametrize("host", PUBLIC)
def test_facebook_can_reach_what_has_a_public_name_or_number(host: str) -> None:
    assert not is_out_of_reach(f"http://{host}/picture.jpg")


@given(st.text(max_size=30), st.sampled_from(["image", "audio", "video", "file"]))
def test_no_path_is_too_odd_to_be_judged(path: str, kind: str) -> None:
    assert is_wrong_type(kind, f"https://example.com/{path}") in (True, False)
