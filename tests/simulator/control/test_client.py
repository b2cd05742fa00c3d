"""The controls, as Python has them: the dashboard's form, the queue, and errors in the simulator's own words."""

from __future__ import annotations

import socket

import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import ServiceError
from nbhelpers.simulator.control.client import ControlClient
from tests.support.simulation import FORGED, Detached, flat, target, webhooks

pytestmark = pytest.mark.fast

WHOLE = "Give the whole address, such as {}."
LOCAL = WHOLE.format("http://127.0.0.1:5050/webhooks/inbound")
DEFAULTS = {"inbound_url": "", "status_url": "", "http_method": "GET", "shape": "v0.1", "balance": "ok"}


@pytest.fixture(autouse=True)
def default_settings(world: Detached) -> None:
    world.control.change_settings(**DEFAULTS)


def test_a_new_account_has_no_urls_and_the_method_GET(tmp_path: object, world: Detached) -> None:  # noqa: N802
    assert world.control.settings() == DEFAULTS


def test_two_urls_and_a_method_are_kept_until_they_are_changed(world: Detached) -> None:
    given = {"inbound_url": "https://example.com/in", "status_url": "http://127.0.0.1:8710/x", "http_method": "POST"}
    assert world.control.change_settings(**given) == DEFAULTS | given
    assert world.control.settings() == DEFAULTS | given
    assert world.control.change_settings(http_method="GET") == DEFAULTS | given | {"http_method": "GET"}
    assert world.control.change_settings(inbound_url="", shape="v1")["inbound_url"] == ""
    assert world.control.change_settings() == world.control.settings()


def test_an_address_that_utf8_cannot_hold_is_kept_with_a_question_mark(world: Detached) -> None:
    assert world.control.change_settings(inbound_url="https://e.org/\ud800")["inbound_url"] == "https://e.org/?"


@pytest.mark.thorough
def test_settings_survive_a_kill(world: Detached) -> None:
    changed = world.control.change_settings(inbound_url="https://example.com/in", http_method="POST", shape="v1")
    world.kill()
    world.restart()
    assert world.control.settings() == changed


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("http_method", "PUT", "Use GET or POST."),
        ("http_method", "post", "Use GET or POST."),
        ("http_method", "", "Use GET or POST."),
        ("shape", "beta", "Use v0.1 or v1."),
        ("inbound_url", "example.com/in", WHOLE.format("http://example.com/in")),
        ("status_url", "ftp://example.com", LOCAL),
        ("status_url", "https://", LOCAL),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_in_words_and_changes_nothing(
    world: Detached, name: str, value: str, words: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        world.control.change_settings(**{"status_url": "https://example.com/good", name: value})
    assert caught.value.next == words
    assert world.control.settings() == DEFAULTS


def test_the_link_says_what_it_linked_and_a_refusal_says_why(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, messages={})
    page = world.control.create_page("Linked")
    assert world.control.link(program.token(), "Linked") == {"page_id": page["id"], "page": "Linked", "linked": True}
    assert world.control.pages()[-1]["application_id"] == program.id
    assert world.control.unlink("Linked")["linked"] is False
    assert world.control.pages()[-1]["application_id"] is None
    with pytest.raises(ServiceError) as caught:
        world.control.link(FORGED, "Linked")
    assert str(caught.value.seen) == "401 Unauthorised: Invalid Token."
    with pytest.raises(ServiceError, match="no such Page"):
        world.control.link(program.token(), "No such page")


def test_the_queue_shows_the_newest_fifty_and_the_answer_that_each_got(world: Detached, key: PrivateKey) -> None:
    with target(204) as hook:
        program = world.application(key, messages=webhooks(hook.url))
        page = world.page(program)
        said = [world.control.write(page=page, text=f"{number}") for number in range(60)]
        hook.wait(60)
        row = world.settled(said[-1]["message_uuid"], 1)[0]
    rows = world.control.webhooks()
    assert [row["uuid"] for row in rows] == [each["message_uuid"] for each in reversed(said)][:50]
    assert set(row) == {"id", "uuid", "kind", "at", "due", "attempts", "held", "outcome", "answer", "called"}
    assert (row["kind"], row["answer"], row["called"]) == ("inbound", "answered 204", f"POST {hook.url}")


def test_write_and_read_return_what_came_of_it(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, messages={})
    page = world.page(program)
    said = world.control.write("image", page=page, person="Grace")
    assert set(said) == {"message_uuid", "psid", "page_id", "page_name", "passed_on"}
    assert said["page_id"] == page
    world.send(program, flat(page, said["psid"]))
    assert world.control.read(person="Grace") == 1


def test_another_simulators_control_token_means_that_another_runs_here(world: Detached) -> None:
    control = ControlClient(world.base_url, "wrong")
    with pytest.raises(ServiceError, match=r"Another simulator runs here now.*Run `lab = Lab\(\)` again"):
        control.pages()
    control.close()


def test_a_simulator_that_is_gone_is_named_with_what_to_do(world: Detached) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    control = ControlClient(base_url, "x")
    with pytest.raises(ServiceError, match="does not answer") as caught:
        control.settings()
    assert base_url in caught.value.seen
    assert "nbhelpers status" in caught.value.next
    control.close()


def test_a_proxy_of_the_shell_is_not_used(world: Detached, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert world.control.settings() == DEFAULTS
