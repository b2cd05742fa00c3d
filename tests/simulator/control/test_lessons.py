"""Switches, faults, refusals, time and the queue: shown, set, taken back, and refused in words."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from nbhelpers.errors import ServiceError
from nbhelpers.services.record import read_record
from nbhelpers.simulator.storage.faults import FAULTS
from nbhelpers.simulator.storage.switches import DEFAULTS, SWITCHES
from tests.support.simulation import Detached

pytestmark = pytest.mark.fast


def test_the_table_of_switches_is_shown_with_what_each_is_set_to(world: Detached) -> None:
    shown = world.control.switches()
    assert [each["name"] for each in shown] == list(SWITCHES)
    assert all(each["value"] == each["choices"][0] == DEFAULTS[each["name"]] for each in shown)
    assert {"says", "source", "sure"} <= set(shown[0])


@pytest.mark.thorough
def test_a_switch_is_kept_over_a_kill_and_can_be_set_back(world: Detached) -> None:
    assert world.control.switch(window="24+1", tags_of="2018-06-21")["window"] == "24+1"
    world.kill()
    world.restart()
    assert {each["name"]: each["value"] for each in world.control.switches()} == DEFAULTS | {
        "window": "24+1",
        "tags_of": "2018-06-21",
    }
    assert world.control.switch(**DEFAULTS) == DEFAULTS


def test_one_wrong_switch_changes_none(world: Detached) -> None:
    with pytest.raises(ServiceError, match="There is no such switch"):
        world.control.switch(window="24+1", wndow="24")
    with pytest.raises(ServiceError, match=r"window cannot be that. You gave “25”. Use 24 or 24\+1"):
        world.control.switch(client_ref="40", window="25")
    assert world.control.switch() == DEFAULTS


def call(world: Detached, way: str, path: str, **form: Any) -> requests.Response:
    headers = {"X-Simulator-Token": read_record(world.settings.folder, "simulator").control}
    return requests.request(way, f"{world.base_url}/_simulator/{path}", json=form, headers=headers, timeout=5)


def test_every_fault_is_listed_and_one_that_was_started_says_how_often_it_still_happens(world: Detached) -> None:
    listed = call(world, "GET", "faults").json()["faults"]
    assert [each["name"] for each in listed] == list(FAULTS)
    assert all(each["left"] is None for each in listed)
    assert call(world, "POST", "faults", name="unknown-psid", times="2").json()["left"] == 2
    assert call(world, "DELETE", "faults").json()["faults"] == listed


@pytest.mark.parametrize(
    ("way", "path", "form", "words"),
    [
        ("POST", "advance", {"hours": "0"}, "hours cannot be that. You gave “0”."),
        ("POST", "advance", {}, "hours cannot be that. You gave “”."),
        ("PUT", "pace", {"pace": "fast"}, "pace cannot be that. You gave “fast”."),
        ("POST", "faults", {"name": "unknown-psid", "times": "1.5"}, "Give a whole number."),
        ("GET", "webhooks?limit=0", {}, "Give a number, 1 to 1000000."),
    ],
)
def test_a_number_that_cannot_be_is_said_with_what_can(
    world: Detached, way: str, path: str, form: dict[str, str], words: str
) -> None:
    refused = call(world, way, path, **form)
    assert refused.status_code == 400
    assert words in " ".join(refused.json().values())
