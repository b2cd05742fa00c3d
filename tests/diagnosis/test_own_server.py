"""The doctor with a server of your own at the other end: nothing is called broken while webhooks arrive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.diagnosis.hop_map import HopMap
from tests.conftest import Shell, wait_until
from tests.support.labs import printed, seen
from tests.support.simulation import Program, Target, World, flat, nested, refused_port, start, target, webhooks

NAMES = ["both webhook URLs", "your server", "a call from Vonage", "its signature", "your answer", "its receipts"]


@pytest.fixture
def server() -> Iterator[Target]:
    """Somebody's own server, which answers 200."""
    with target(path="/own") as made:
        yield made


def found(shell: Shell, *options: str) -> dict[str, Any]:
    return json.loads(shell("doctor", "--json", *options, ok=False).stdout)


def states(facts: dict[str, Any]) -> dict[str, str]:
    return {hop["name"]: hop["state"] for hop in facts["hops"]}


def demo_of(world: World) -> Program:
    return Program(world.ready["application_id"], load_key(world.ready["private_key"]))


def round_by(world: World, version: str = "v1", **more: Any) -> str:
    """Let the person write, answer them as the demo's application, and wait for the receipts; the message_uuid."""
    said = world.control.write(text="Rye?", page=world.ready["page_id"])
    form = flat if version == "v1" else nested
    uuid = world.send(demo_of(world), form(world.ready["page_id"], said["psid"], **more), version)
    wait_until(lambda: all(row["outcome"] == "delivered" for row in world.queued(uuid)), what="the receipts")
    wait_until(lambda: all(row["outcome"] == "delivered" for row in world.queued(said["message_uuid"])), what="it")
    return uuid


def change_application(world: World, inbound: str, status: str) -> None:
    url = f"{world.base_url}/v2/applications/{world.ready['application_id']}"
    form = {"name": "Demo", "capabilities": {"messages": webhooks(inbound, status)}}
    world.http.put(url, json=form, auth=world.basic, timeout=10).raise_for_status()


@pytest.mark.parametrize("place", ["command line", "application", "account", "message", "receiver", "localhost"])
def test_no_hop_is_called_broken_while_webhooks_arrive(shell: Shell, server: Target, place: str) -> None:
    """Whichever place names the URLs that count."""
    options = {
        "command line": ("--inbound", server.url, "--status", server.url),
        "account": ("--guide",),
        "message": ("--inbound", server.url),
    }
    _, world = start(shell, "--demo", "--quiet", *options.get(place, ()))
    more: dict[str, Any] = {"webhook_url": server.url} if place == "message" else {}
    if place == "application":
        change_application(world, server.url, server.url)
    if place == "account":
        world.control.change_settings(inbound_url=server.url, status_url=server.url)
    if place in ("receiver", "localhost"):
        _, receiver = shell.start("receiver")
        if place == "localhost":
            urls = (receiver[name].replace("127.0.0.1", "localhost") for name in ("inbound_url", "status_url"))
            change_application(world, *urls)
    round_by(world, "v0.1" if place == "account" else "v1", **more)
    facts = found(shell)
    assert "broken" not in states(facts).values(), facts["verdict"]
    assert "not yet" not in states(facts).values(), facts["verdict"]
    assert facts["verdict"].startswith("The whole round was seen")
    assert (list(states(facts)) == NAMES) == (place not in ("receiver", "localhost"))
    if place in ("command line", "account"):
        assert f"({place})" in facts["hops"][0]["seen"]
    credentials = json.loads(shell("credentials", "--json", ok=False).stdout)
    assert [line for line in credentials["lines"] if line["state"] == "to do"] == []
    world.close()


def test_the_round_of_the_readme_is_walked_to_its_end_with_commands_as_next_actions(shell: Shell) -> None:
    _, demo = shell.start("simulator", "--demo", "--quiet")
    facts = found(shell)
    assert facts["verdict"].endswith("Next: Run `nbhelpers receiver`.")
    shell.start("receiver")
    wait_until(lambda: "Hello" in shell("inbox").stdout, what="the first message")
    done = shell("doctor")
    assert done.stdout.splitlines()[-1].endswith('Next: Run `nbhelpers send --to PSID --text "…"`.')
    assert "lab." not in done.stdout
    shell("send", "--to", demo["psid"], "--text", "Baked.")
    wait_until(lambda: "The whole round was seen" in shell("doctor", ok=False).stdout, what="the round")
    assert "leads to" not in (shown := shell("credentials").stdout)
    assert "inbound URL ready: it is empty: the simulator has found your receiver" in shown


def test_a_reply_by_hand_is_seen_by_its_receipts(shell: Shell) -> None:
    _, world = start(shell, "--demo", "--quiet")
    shell.start("receiver")
    round_by(world)
    facts = found(shell)
    assert facts["verdict"].startswith("The whole round was seen"), facts
    assert "sent by your own code; its first receipt came at" in facts["hops"][-2]["seen"]
    world.close()


def test_a_server_that_is_not_there_then_is_then_answers_badly_then_well(shell: Shell) -> None:
    port = refused_port()
    urls = (f"http://127.0.0.1:{port}/in", f"http://127.0.0.1:{port}/st")
    _, world = start(shell, "--demo", "--quiet", "--inbound", urls[0], "--status", urls[1])
    facts = found(shell)
    assert (list(states(facts)), states(facts)["your server"]) == (NAMES, "broken")
    assert (
        facts["hops"][0]["seen"] == f"messages go to {urls[0]} (command line), receipts go to {urls[1]} (command line)"
    )
    assert f"Nobody listens at http://127.0.0.1:{port}. Next: Start your server." in facts["verdict"]
    assert "`nbhelpers pace 60`" in facts["verdict"]
    answers = {"inbound": 500}
    with target(lambda call: 200 if "status" in call.json else answers["inbound"], "/in", port) as server:
        facts = found(shell)
        # A slow computer may have tried it again meanwhile.
        assert states(facts)["a call from Vonage"] in ("not yet", "broken")
        assert "Your server was not there yet at " in facts["verdict"] or ": 500 in " in facts["verdict"]
        said = world.control.write(text="Rye?")
        world.control.wait_for_answers([said["message_uuid"]], "inbound")
        facts = found(shell)
        assert states(facts)["a call from Vonage"] == "broken"
        seen = r"At \d\d:\d\d:\d\d POST /in: 500 in \d+ ms, again in \d+ s\. Next: Read what"
        assert re.search(seen, facts["verdict"])
        named = re.search(r"`nbhelpers calls (\d+)` shows what was sent and answered\.", facts["verdict"])
        # The newest: what waited before may have been tried again meanwhile.
        assert named and world.control.call(int(named[1]))["status"] == 500
        assert shell("doctor", ok=False).returncode == 1
        answers["inbound"] = 200
        said = world.control.write(text="Oats?")
        world.control.wait_for_answers([said["message_uuid"]], "inbound")
        facts = found(shell)
        assert re.search(r"“\w+.*” at \d\d:\d\d:\d\d: 200 in \d+ ms", facts["hops"][2]["seen"]), facts
        assert states(facts)["its signature"] == "not verified"
        assert f"Let your server POST one to {world.base_url}/v1/messages." in facts["verdict"]
        world.control.refuse_next("1340")
        uuid = world.send(demo_of(world), flat(world.ready["page_id"], world.ready["psid"]))
        wait_until(lambda: all(row["outcome"] == "delivered" for row in world.queued(uuid)), what="the refusal")
        facts = found(shell)
        assert "Refused: 1340 Outside of the allowed window" in facts["verdict"]
        assert facts["hops"][-1]["next"]
        assert server.calls
    world.close()


def test_receipts_that_your_server_does_not_take_are_named_and_without_a_url_they_wait(shell: Shell) -> None:
    with target(lambda call: 503 if "status" in call.json else 200) as server:
        process, world = start(shell, "--demo", "--quiet", "--inbound", server.url, "--status", server.url)
        uuid = world.send(demo_of(world), flat(world.ready["page_id"], world.ready["psid"]))
        world.control.wait_for_answers([uuid], "delivered")
        facts = found(shell)
        assert re.search(r"delivered: 503 in \d+ ms, again in \d+ s\.", facts["hops"][-1]["seen"]), facts
        assert facts["hops"][-1]["state"] == "broken"
        process.terminate()
        process.wait(10)
        world.close()
        _, world = start(shell, "--demo", "--quiet", "--inbound", server.url)
        said = world.control.write(text="hi", page=world.ready["page_id"])
        world.control.wait_for_answers([said["message_uuid"]], "inbound")
        world.send(demo_of(world), flat(world.ready["page_id"], world.ready["psid"]))
        facts = found(shell)
        assert "receipts have no URL, and wait" in facts["hops"][0]["seen"]
        assert facts["verdict"].endswith("Next: Start the simulator with --status URL too.")
        world.close()


def test_where_nobody_may_write_it_is_the_page(shell: Shell, server: Target, key: PrivateKey) -> None:
    _, world = start(shell, "--quiet", "--inbound", server.url)
    assert "There is no Page." in found(shell)["verdict"]
    page = world.page()
    assert "No Page is linked to an application." in found(shell)["verdict"]
    program = world.application(key, messages={})
    world.control.link(program.token(), page)
    facts = found(shell)
    assert facts["verdict"].endswith("Next: Run `nbhelpers trigger text`.")
    world.control.publish(page, False)
    assert "is not published." in found(shell)["verdict"]
    world.close()


def test_in_a_notebook_its_next_actions_are_cells_and_no_test_call_reaches_the_server(
    fresh: Lab, server: Target
) -> None:
    fresh.need("link")
    fresh.webhooks.save(server.url, server.url, method="POST")  # the form's own test call
    before = len(server.calls)
    assert f"The form holds {server.url}; your receiver is" in fresh.doctor().verdict, "it may be a slip"
    fresh.user.write("Rye?")
    wait_until(lambda: len(server.calls) > before, what="the message")
    wait_until(lambda: fresh.simulator.calls()[-1]["kind"] == "inbound", what="its call")
    calls = len(server.calls)
    map_: HopMap = fresh.doctor()
    assert [hop.name for hop in map_.hops] == NAMES
    assert map_.stop is not None and map_.stop.name == "your answer"
    assert len(server.calls) == calls, "a test call might be answered"
    assert repr(fresh.check("webhooks")).startswith("Done. Webhooks go to a server of your own.")
    panel = fresh.panels.hops()
    assert map_.verdict in seen(panel)
    assert "✓ your server" in printed(panel)
    panel.close()
