"""Which webhook URLs count, what says so, and whose they are: one answer for doctor, checks, panel and credentials."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.course import checks
from nbhelpers.course.destinations import LEADS, Destination, destinations
from tests.conftest import Shell, wait_until
from tests.support.labs import seen
from tests.support.simulation import start, target, webhooks


@contextmanager
def application_with(lab: Lab, inbound: str | None, status: str | None) -> Iterator[None]:
    """The noted application with the messages capability and these URLs, for as long as the block lasts."""
    settings = lab.settings
    url, account = (
        f"{settings.host}/v2/applications/{lab.facts['application_id']}",
        (settings.api_key, settings.api_secret),
    )
    before = requests.get(url, auth=account, timeout=5).json()
    form = {"name": "With messages", "capabilities": {"messages": webhooks(inbound, status)}}
    requests.put(url, json=form, auth=account, timeout=5).raise_for_status()
    try:
        yield
    finally:
        form = {name: before[name] for name in ("name", "capabilities", "privacy")}
        requests.put(url, json=form, auth=account, timeout=5).raise_for_status()


def checked(lab: Lab) -> str:
    """Step 5, whether or not it was filled in."""
    return repr(checks.webhooks(lab._course))


def test_of_the_guides_application_the_accounts_form_counts(ready: Lab) -> None:
    found = destinations(ready._course)
    assert (found.holder, found.application_id) == ("account", ready.facts["application_id"])
    assert [(each.source, each.leads, each.right) for each in found.both] == [("account", "receiver", True)] * 2
    assert str(found).startswith(
        f"Inbound URL: {ready.receiver.inbound_url} (POST), leads to your receiver; the account's form has it.\n"
    )
    ready.simulator.change_settings(http_method="GET")
    assert [each.right for each in destinations(ready._course).both] == [False, False]


def test_each_way_in_which_a_url_may_lead_is_told_apart(ready: Lab) -> None:
    receiver, form = ready.receiver, ready.simulator
    ways = {
        receiver.inbound_url: "receiver",
        receiver.inbound_url.replace("127.0.0.1", "localhost"): "receiver",
        receiver.status_url: "swapped",
        "http://127.0.0.1:9/in": "elsewhere",
        "": "nowhere",
    }
    assert set(ways.values()) < set(LEADS)
    for url, leads in ways.items():
        form.change_settings(inbound_url=url)
        found = destinations(ready._course).inbound
        assert (found.leads, found.right) == (leads, leads == "receiver"), url


def test_an_address_where_a_webhook_was_taken_is_a_server_and_no_slip(ready: Lab) -> None:
    with target(path="/own") as server:
        ready.simulator.change_settings(inbound_url=server.url)
        ready.simulator.try_webhooks()
        assert destinations(ready._course).inbound.leads == "elsewhere", "the form's test call is no webhook"
        said = ready.simulator.write(text="Rye?", page=ready.facts["page_name"])
        ready.simulator.wait_for_answers([said["message_uuid"]], "inbound")
        assert destinations(ready._course).inbound.leads == "server"
        assert "go to a server of your own" in checked(ready)


def test_an_application_with_the_messages_capability_has_urls_of_its_own(ready: Lab) -> None:
    receiver = ready.receiver
    with application_with(ready, None, None):
        words = checked(ready)
        end = ready.facts["application_id"][-4:]
        assert words == (
            f"Not yet. Application …{end} has the messages capability, so its own URLs count. "
            "Inbound Message and Delivery Receipt are empty there."
        )
        assert ready.doctor().stop.next == "Change the application's webhooks: `PUT /v2/applications/…`."
        panel = ready.panels.webhooks()
        assert "HTTP method: POST. The form does not count here. Inbound URL: (empty). Status URL: (empty)." in seen(
            panel
        )
        panel.close()
    with application_with(ready, receiver.inbound_url, "http://127.0.0.1:9/st"):
        assert f"Application …{end} holds http://127.0.0.1:9/st; your receiver is" in repr(
            checks.webhooks(ready._course)
        )
    with application_with(ready, receiver.inbound_url, receiver.status_url):
        assert checked(ready) == "Done. Both addresses are your receiver's, by POST. The receiver runs."
        panel = ready.panels.webhooks()
        assert "leads to your receiver; the application has it." in seen(panel)
        panel.close()


def test_a_message_may_name_where_its_own_statuses_go(ready: Lab) -> None:
    found = destinations(ready._course, message_url="http://127.0.0.1:9/this")
    assert (found.status.source, found.status.leads) == ("message", "elsewhere")
    assert found.inbound.source == "account"


def test_the_demo_counts_while_nothing_is_noted_or_its_page_was_written_to_last(shell: Shell) -> None:
    _, world = start(shell, "--demo", "--quiet")
    shell.start("receiver")

    def asked() -> str:
        return json.loads(shell("webhooks", "--json").stdout)["application_id"]

    assert asked() == world.ready["application_id"]
    script = (
        "from nbhelpers import Lab; lab = Lab(); lab.note(page_name='Mine'); lab.need('link');"
        " lab.user.write('Hello'); print(lab.facts['application_id'])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=shell.folder, env=shell.environment, capture_output=True, text=True, check=True)
    noted = done.stdout.strip()
    wait_until(lambda: asked() == noted, what="the course's own application")
    said = world.control.write(text="To the demo", page=world.ready["page_id"])
    world.control.wait_for_answers([said["message_uuid"]], "inbound")
    wait_until(lambda: asked() == world.ready["application_id"], what="the demo")
    world.close()


def test_the_command_shows_them_and_sets_the_accounts_form(shell: Shell) -> None:
    process, world = start(shell, "--demo", "--guide", "--quiet")
    assert "Your receiver does not run." in shell("webhooks", "--set", ok=False).stderr
    assert shell("webhooks").stdout == "Inbound URL: (empty).\nStatus URL: (empty).\n"
    _, receiver = shell.start("receiver")
    wait_until(lambda: "the simulator has found the receiver" in shell("webhooks").stdout, what="the receiver")
    world.control.change_settings(inbound_url="http://127.0.0.1:9/old", http_method="GET")
    assert shell("doctor", ok=False).stdout.rstrip().endswith("Next: Run `nbhelpers webhooks --set`.")
    shown = shell("webhooks", "--set").stdout
    assert shown.splitlines()[0] == (
        f"Inbound URL: {receiver['inbound_url']} (POST), leads to your receiver; the account's form has it."
    )
    assert world.control.settings()["http_method"] == "POST"
    assert "Nothing is put back here." in shell("webhooks", "--put-back", ok=False).stderr
    process.terminate()
    process.wait(10)
    world.close()
    start(shell, "--demo", "--quiet")[1].close()
    assert "The account's form does not count." in shell("webhooks", "--set", ok=False).stderr


@pytest.mark.fast
def test_live_what_the_application_holds_is_compared_by_the_same_words() -> None:
    empty = Destination("inbound_url", "", "", "application", "nowhere", None)
    assert (empty.right, empty.shown, str(empty)) == (None, "(empty)", "Inbound URL: (empty).")
    known = Destination(
        "inbound_url", "https://old.example/in", "", "application", "elsewhere", "https://new.example/in"
    )
    assert (known.right, str(known)) == (
        False,
        "Inbound URL: https://old.example/in (no method); the application has it.",
    )
