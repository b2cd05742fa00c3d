"""The progress as JSON: the steps and when, the kernel, and nothing that a person wrote or that is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from nbhelpers import Lab
from tests.conftest import wait_until
from tests.support.jupyter_server import LOGGED_IN, Server, serving
from tests.support.labs import key_path, opened


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Server]]:
    folder = tmp_path_factory.mktemp("progress")
    with opened(folder / "lab") as lab, serving(folder / "home", NBHELPERS_STATE=str(lab.settings.state)) as server:
        yield lab, server


def test_it_follows_the_steps_without_a_message_a_psid_or_a_token(walked: tuple[Lab, Server]) -> None:
    lab, server = walked
    before = server.get("nbhelpers/progress").json()
    assert [step["state"] for step in before["steps"]] == ["open"] * 7
    assert (before["step"], before["since"], before["mode"], before["kernel_alive"]) == (1, None, "simulator", False)
    lab.note(page_name=None)
    lab.simulator.create_page("Corner Bakery")
    lab.check("page")
    lab.need("receive")
    lab.reply("A secret answer.")
    lab.note(exercises=["3.1", "5.2"])
    answer = server.get("nbhelpers/progress")
    after = answer.json()
    assert [step["state"] for step in after["steps"]] == ["done", *["filled in"] * 5, "open"]
    assert (after["step"], after["exercises"]) == (7, ["3.1", "5.2"])
    since = datetime.fromisoformat(after["since"])
    assert abs((datetime.now(UTC) - since).total_seconds()) < 60
    assert after["since"] == max(step["since"] for step in after["steps"] if step["since"])
    person = lab.inbox.newest_message()
    for private in (
        person.psid,
        person.text,
        "A secret answer.",
        "what I thought",
        person.page_id,
        key_path(lab).read_text(),
    ):
        assert private not in answer.text


def test_it_says_the_same_with_304_so_that_looking_is_no_activity(walked: tuple[Lab, Server]) -> None:
    lab, server = walked
    lab.progress()
    first = server.get("nbhelpers/progress")
    again = server.get("nbhelpers/progress", headers=LOGGED_IN | {"If-None-Match": first.headers["Etag"]})
    assert (again.status_code, again.content) == (304, b"")
    active = first.json()["last_activity"]
    assert server.get("nbhelpers/progress").json()["last_activity"] == active


def test_it_tells_whether_a_kernel_is_alive(walked: tuple[Lab, Server]) -> None:
    _, server = walked
    made = server.post("api/kernels", headers=LOGGED_IN).json()
    wait_until(lambda: server.get("nbhelpers/progress").json()["kernel_alive"], 30, "the kernel")
    requests.delete(f"{server.url}api/kernels/{made['id']}", headers=LOGGED_IN, timeout=20)
    wait_until(lambda: not server.get("nbhelpers/progress").json()["kernel_alive"], 30, "its end")


def test_only_whoever_is_logged_in_may_look(walked: tuple[Lab, Server]) -> None:
    _, server = walked
    for headers in ({}, {"Authorization": "token wrong"}, {"Authorization": "Bearer "}):
        answer = server.get("nbhelpers/progress", headers=headers)
        assert answer.status_code == 403
        assert "steps" not in answer.text


def test_what_is_configured_wrongly_is_said_in_words(walked: tuple[Lab, Server], tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("wrong")
    with serving(folder / "home", NBHELPERS_MODE="lively") as server:
        answer = server.get("nbhelpers/progress")
    assert answer.status_code == 503
    assert "NBHELPERS_MODE cannot be used." in json.loads(answer.text)["message"]
