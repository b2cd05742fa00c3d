"""doctor: each hop is broken in turn, and the map stops there, with what was seen and one next action."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.signatures import sign
from nbhelpers.diagnosis.doctor import HOPS
from nbhelpers.diagnosis.hop_map import HopMap
from nbhelpers.services import launcher
from nbhelpers.testing.messenger_simulator import MessengerSimulator, running_simulator
from tests.conftest import Shell, wait_until
from tests.support.labs import SMS, WHATSAPP, arrive, message, seen, written
from tests.support.simulation import target
from tests.support.tunnels import account_of, live_lab

NAMES = [name for name, _ in HOPS]


def stopped(found: HopMap, name: str, state: str = "broken") -> str:
    """The map stops at this hop and at no other; what it says there."""
    assert found.stop is not None, found
    assert (found.stop.name, found.stop.state) == (name, state), found
    position = NAMES.index(name)
    assert all(hop.state in ("well", "not needed", "not verified") for hop in found.hops[:position])
    assert [(hop.state, hop.seen, hop.next) for hop in found.hops[position + 1 :]] == [("not looked at", "", "")] * (
        len(HOPS) - position - 1
    )
    assert found.stop.seen.rstrip().endswith((".", "”"))
    assert found.stop.next
    assert "\n" not in found.verdict
    return found.verdict


# The service is simulated


def test_at_the_beginning_the_receiver_is_shut(fresh: Lab):
    words = stopped(fresh.doctor(), "your receiver")
    assert words == (
        "It stops: your receiver. Your receiver does not run: none of this state directory is found. "
        "Next: Run `lab.receiver`."
    )
    fresh.receiver  # noqa: B018
    assert "Inbound Message and Delivery Receipt are empty" in stopped(fresh.doctor(), "both webhook URLs")


def test_when_everything_was_stopped_it_stops_at_the_receiver(fresh: Lab):
    launcher.stop(fresh.settings)
    assert "It stops: your receiver." in stopped(fresh.doctor(), "your receiver")


def test_with_everything_open_it_waits_for_a_message_then_an_answer_then_the_receipts(ready: Lab):
    words = stopped(ready.doctor(), "a call from Vonage", "not yet")
    assert words.startswith("So far all is well; not seen yet: a call from Vonage. Nobody has written to the Page.")
    written(ready)
    assert 'Run `lab.reply("…")`' in stopped(ready.doctor(), "your answer", "not yet")
    ready.reply("We open at seven.")
    wait_until(lambda: ready.doctor().stop is None, 5, "the receipts")
    assert ready.doctor().verdict == "The whole round was seen, from the message to the receipt of your answer."


def test_the_form_with_get_with_swapped_and_with_foreign_urls_is_named(ready: Lab):
    receiver, form = ready.receiver, ready.simulator
    form.change_settings(http_method="GET")
    assert "The method is GET: set POST." in stopped(ready.doctor(), "both webhook URLs")
    form.change_settings(http_method="POST", inbound_url=receiver.status_url, status_url=receiver.inbound_url)
    assert "The addresses are swapped." in stopped(ready.doctor(), "both webhook URLs")
    form.change_settings(inbound_url="http://127.0.0.1:9/in", status_url=receiver.status_url)
    assert "The form holds http://127.0.0.1:9/in; your receiver is" in stopped(ready.doctor(), "both webhook URLs")


def test_a_page_that_is_not_linked_is_the_reason_that_nothing_comes(ready: Lab):
    ready.simulator.unlink(ready.facts["page_name"])
    assert "exists, but is not linked" in stopped(ready.doctor(), "a call from Vonage")


def test_a_page_that_is_not_published_is_named(ready: Lab):
    ready.simulator.publish(ready.facts["page_name"], False)
    assert "is not published" in stopped(ready.doctor(), "a call from Vonage")


def test_a_disk_that_cannot_be_written_is_met_by_a_call_from_here(fresh: Lab):
    fresh.need("webhooks")
    with sqlite3.connect(fresh.settings.folder / "lab.sqlite3") as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    other.close()
    assert "was answered 503. It says: “disk is full”" in stopped(fresh.doctor(), "a call from here")


def test_receipts_without_a_message_point_at_the_inbound_url(ready: Lab):
    status = {name: value for name, value in message(uuid="uuid-9").items() if name != "message"}
    status["status"] = "delivered"
    arrive(ready, status, "/webhooks/status")
    assert "Receipts have come, but no message. Next: Check that Inbound URL" in stopped(ready.doctor(), "a message")


def test_a_message_at_the_status_path_was_swapped_before_the_form_was_mended(ready: Lab):
    arrive(ready, message(), "/webhooks/status")
    words = stopped(ready.doctor(), "a message", "not yet")
    assert "The newest message came to /webhooks/status, at " in words
    assert "The URLs are right now. Next: Let the person write once more." in words


def test_an_answer_that_was_refused_is_told_with_its_cure(ready: Lab):
    written(ready)
    ready.simulator.refuse_next("1340")
    ready.reply("Too late")
    words = wait_until(lambda: (found := ready.doctor()).stop and found.stop.name == "its receipts" and found.verdict)
    wait_until(lambda: "1340" in ready.doctor().verdict, 5, words)
    assert "Refused: 1340 Outside of the allowed window" in stopped(ready.doctor(), "its receipts")


def test_receipts_that_go_elsewhere_are_named(ready: Lab):
    written(ready)
    ready.simulator.change_settings(status_url="")
    ready.reply("Hello?")
    words = ready.doctor().verdict
    ready.simulator.change_settings(status_url=ready.receiver.status_url)
    assert "Delivery Receipt is empty" in words


# Odd calls say what is set wrongly


@pytest.fixture
def own_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A live lab whose public address is the receiver's own: a tunnel of somebody's own making."""
    with live_lab(tmp_path) as lab:
        monkeypatch.setenv("PUBLIC_URL", lab.receiver.inbound_url.removesuffix("/webhooks/inbound"))
        yield Lab(state=tmp_path / "lab")


STATUS = {name: value for name, value in message().items() if name != "message"} | {"status": "delivered"}


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("GET", "/webhooks/inbound?hub.mode=subscribe&hub.challenge=123", None, "came Facebook's verification"),
        ("GET", "/webhooks/inbound?message_uuid=1&from=2", None, "came a webhook by GET, and this receiver takes POST"),
        ("PUT", "/webhooks/status?message_uuid=1", None, "came a webhook by PUT"),
        ("POST", "/webhooks/inbound-message", message(), "/webhooks/inbound is meant. Next: Correct the URL"),
        ("POST", "/webhooks/inbound/", message(), "where nothing is: /webhooks/inbound is meant"),
        ("POST", "/", message(), "/webhooks/inbound is meant"),
        ("POST", "/status", STATUS, "/webhooks/status is meant"),
        ("POST", "/webhooks/inbound", [1], "came a call whose body is no webhook"),
        ("POST", "/webhooks/inbound", [message()], "came a list of events"),
        ("POST", "/webhooks/inbound", SMS, "came an inbound SMS of the SMS API. Next: SMS and Messenger share"),
        ("POST", "/webhooks/status", SMS | {"status": "delivered"}, "came a delivery receipt of the SMS API"),
        ("GET", "/webhooks/inbound?conversation_uuid=CON-1&uuid=a&from=1&to=2", None, "the Voice API's Answer URL"),
        ("POST", "/webhooks/status", {"uuid": "a", "direction": "inbound", "status": "ringing"}, "event of the Voice"),
        (
            "POST",
            "/webhooks/inbound",
            {"object": "page", "entry": []},
            "came Facebook's own webhook. Next: Take this URL",
        ),
    ],
)
def test_a_call_in_the_wrong_way_is_explained_with_its_time(
    own_tunnel: Lab, method: str, path: str, body: Any, words: str
):
    base = own_tunnel.receiver.inbound_url.removesuffix("/webhooks/inbound")
    requests.request(method, base + path, json=body, timeout=5)
    said = stopped(own_tunnel.doctor(), "a call from Vonage")
    assert words in said
    assert re.search(r"At \d\d:\d\d:\d\d ", said)


def test_what_else_calls_is_named_beside_the_hops_once_each(ready: Lab):
    arrive(ready, message())
    for number in range(3):
        arrive(ready, SMS | {"messageId": str(number)})
    arrive(ready, WHATSAPP)
    found = ready.doctor()
    assert len(found.beside) == 2
    assert re.match(
        r"At \d\d:\d\d:\d\d came an inbound SMS of the SMS API\. Next: SMS and Messenger share", found.beside[0]
    )
    assert "a message came on WhatsApp, not on Messenger." in found.beside[1]
    assert "\nBeside it: At" in repr(found) and "Beside it: At" in found._repr_html_()
    assert found.facts["beside"] == list(found.beside)


def test_a_message_on_another_channel_is_no_message_on_messenger(own_tunnel: Lab):
    arrive(own_tunnel, WHATSAPP)
    words = stopped(own_tunnel.doctor(), "a call from Vonage", "not yet")
    assert "a message came on WhatsApp, not on Messenger. Next: Write to your Page on Messenger" in words


def test_a_message_at_the_status_path_looks_swapped_where_the_fields_cannot_be_read(own_tunnel: Lab):
    arrive(own_tunnel, message(), "/webhooks/status")
    words = stopped(own_tunnel.doctor(), "a message")
    assert "The two URLs look swapped. Next: Exchange them: Inbound URL and Status URL." in words


def test_a_scanners_call_says_nothing_about_a_setting(own_tunnel: Lab):
    base = own_tunnel.receiver.inbound_url.removesuffix("/webhooks/inbound")
    for path in ("/.env", "/webhooks/inbound", "/wp-login.php"):
        requests.get(base + path, timeout=5)
    assert "Nothing has come from Vonage yet" in stopped(own_tunnel.doctor(), "a call from Vonage", "not yet")


# Live


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, key: PrivateKey) -> Iterator[MessengerSimulator]:
    with running_simulator(tmp_path_factory.mktemp("service"), key) as made:
        yield made


def opened(service: MessengerSimulator, lab: Lab) -> str:
    """Open the tunnel, and let the service's webhooks come through it; return the public address."""
    public = str(lab.tunnel.public_url)
    service.send_webhooks_to(f"{public}/webhooks/inbound", f"{public}/webhooks/status")
    return public


def test_live_the_whole_round_through_the_tunnel(tmp_path: Path, service: MessengerSimulator):
    with live_lab(tmp_path, **account_of(service)) as lab:
        assert stopped(lab.doctor(), "your receiver")
        lab.receiver  # noqa: B018
        assert "No tunnel is open. Next: Run `lab.tunnel`" in stopped(lab.doctor(), "a call from outside")
        public = str(lab.tunnel.public_url)
        service.send_webhooks_to("http://127.0.0.1:9/old", f"{public}/webhooks/status")
        words = stopped(lab.doctor(), "both webhook URLs")
        assert f"Inbound URL is http://127.0.0.1:9/old, your receiver is {public}/webhooks/inbound." in words
        assert words.endswith("Next: Run `lab.webhooks.save()`.")
        lab.webhooks.save(yes=True)
        words = stopped(lab.doctor(), "a call from Vonage", "not yet")
        assert "Your side works end to end. Nothing has come from Vonage yet. Next: Check in this order: (1) " in words
        assert f"{public}/webhooks/inbound" in words
        assert f"application …{service.application_id[-4:]}" in words
        service.write(text="Is it live?")
        wait_until(lambda: lab.inbox.newest_message(), 5, "the message")
        found = lab.doctor()
        stopped(found, "your answer", "not yet")
        assert {hop.name: hop.seen for hop in found.hops}["its signature"].startswith("the newest webhook is signed")
        lab.reply("It is played.")
        wait_until(lambda: lab.doctor().stop is None, 10, "the receipts")
        lab.webhooks.put_back(yes=True)


def test_live_what_came_to_an_address_before_says_nothing_about_a_new_one(tmp_path: Path):
    with live_lab(tmp_path, "new-url") as lab:
        requests.post(f"{lab.tunnel.public_url}/webhooks/inbound", json=message(), timeout=5)
        stopped(lab.doctor(), "your answer", "not yet")
        lab.tunnel.close()
        lab.tunnel.open()
        assert "Nothing has come from Vonage yet" in stopped(lab.doctor(), "a call from Vonage", "not yet")


def test_live_after_the_fields_were_set_the_tunnel_warns_no_more_and_the_doctor_waits_for_a_call(
    tmp_path: Path, service: MessengerSimulator
):
    with live_lab(tmp_path, "new-url", **account_of(service)) as lab:
        opened(service, lab)
        service.write(text="To the old address")
        wait_until(lambda: lab.inbox.newest_message(), 5, "the message")
        lab.tunnel.close()
        assert "The address has changed." in repr(lab.tunnel)
        lab.webhooks.save(yes=True)
        assert "The address has changed." not in repr(lab.tunnel)
        assert "Nothing has come from Vonage yet" in stopped(lab.doctor(), "a call from Vonage", "not yet")
        service.send_webhooks_to("http://127.0.0.1:9/", "http://127.0.0.1:9/")


def test_live_an_account_that_cannot_be_read_stops_nothing(tmp_path: Path, service: MessengerSimulator):
    more = account_of(service) | {"VONAGE_API_SECRET": "not-the-secret"}
    with live_lab(tmp_path, **more) as lab:
        opened(service, lab)
        service.write(text="Hello?")
        wait_until(lambda: lab.inbox.newest_message(), 5, "the message")
        found = lab.doctor()
        stopped(found, "your answer", "not yet")
        assert "what the application holds is not known" in repr(found)
        service.send_webhooks_to("http://127.0.0.1:9/", "http://127.0.0.1:9/")


def test_live_a_receiver_that_was_opened_with_another_secret_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with live_lab(tmp_path, VONAGE_SIGNATURE_SECRET="the-secret-of-the-receiver") as lab:
        lab.receiver  # noqa: B018
        monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", "the-secret-of-the-notebook")
        words = stopped(Lab(state=tmp_path / "lab").doctor(), "a call from here")
        assert "Your receiver was started with another signature secret. Next: Run `lab.stop()`" in words
    with live_lab(tmp_path) as lab:
        requests.post(f"{lab.tunnel.public_url}/webhooks/inbound", json=message(), timeout=5)
        monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", "set-afterwards")
        words = stopped(Lab(state=tmp_path / "lab").doctor(), "its signature")
        assert "VONAGE_SIGNATURE_SECRET is set, but nobody looked" in words


def test_live_a_wrong_secret_is_refused_stored_and_explained(tmp_path: Path, service: MessengerSimulator):
    more = account_of(service) | {"VONAGE_SIGNATURE_SECRET": "another-secret-altogether"}
    with live_lab(tmp_path, **more) as lab:
        opened(service, lab)
        service.write(text="Signed with another secret")
        wait_until(lambda: [call for call in lab.inbox.deliveries() if call.answer == 401], 5, "a refused webhook")
        words = stopped(lab.doctor(), "its signature")
        assert "signed wrongly: the signature does not fit" in words
        assert "refused with 401" in words
        assert "Copy the signature secret" in words
        service.send_webhooks_to("http://127.0.0.1:9/", "http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("unsigned", "has no signature, and was refused with 503. Next: Switch signed webhooks on"),
        ("body", "the body is not the one that was signed, and was refused with 401"),
        ("issuer", "the issuer is not Vonage, and was refused with 401"),
        ("old", "the token is too old: issued 30 hours ago, and was refused with 401"),
        ("future", "compare the clocks, and was refused with 401. Next: Set the clock"),
    ],
)
def test_live_each_bad_signature_is_stored_judged_and_shown_with_its_reason(
    tmp_path: Path, verdict: str, words: str, monkeypatch: pytest.MonkeyPatch
):
    secret = "the-signature-secret-of-this-account"
    with live_lab(tmp_path, VONAGE_SIGNATURE_SECRET=secret) as lab:
        public, body, now = str(lab.tunnel.public_url), json.dumps(message()).encode(), int(time.time())
        good = sign(body, secret, "abcd1234")
        claims = jwt.decode(good.partition(" ")[2], secret, algorithms=["HS256"])
        issued = {"old": now - 30 * 3600, "future": now + 3600}
        header = {
            "unsigned": "",
            "body": sign(b"another body", secret, "abcd1234"),
            "issuer": "Bearer " + jwt.encode(claims | {"iss": "Somebody"}, secret, algorithm="HS256"),
        }.get(verdict) if verdict not in issued else sign(body, secret, "abcd1234", issued=issued[verdict])  # fmt: skip
        headers = {"Content-Type": "application/json"} | ({"Authorization": header} if header else {})
        answer = requests.post(f"{public}/webhooks/inbound", data=body, headers=headers, timeout=5)
        assert answer.status_code == (503 if verdict == "unsigned" else 401)
        assert words in stopped(lab.doctor(), "its signature")
        assert lab.inbox.newest_message() is None  # a refused one tells no PSID
        panel = lab.panels.webhooks()
        assert (
            "Unsigned" if verdict == "unsigned" else words.partition(",")[0].removesuffix(": compare the clocks")
        ) in seen(panel)
        panel.close()
        again = requests.post(
            f"{public}/webhooks/inbound", data=body, headers=headers | {"Authorization": good}, timeout=5
        )
        assert again.status_code == 200
        assert "the signature fits" in repr(lab.doctor())


def test_live_without_a_secret_the_map_and_the_panel_say_not_verified(tmp_path: Path):
    with live_lab(tmp_path) as lab:
        requests.post(f"{lab.tunnel.public_url}/webhooks/inbound", json=message(), timeout=5)
        found = lab.doctor()
        stopped(found, "your answer", "not yet")
        assert "? its signature" in repr(found)
        assert "not verified. VONAGE_SIGNATURE_SECRET is not set" in repr(found)
        panel = lab.panels.webhooks()
        assert "not verified" in seen(panel)
        panel.close()


def test_live_a_tunnel_that_died_or_leads_elsewhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with live_lab(tmp_path, "dies-later") as lab:
        lab.tunnel.open()
        wait_until(lambda: launcher.find("tunnel", lab.settings) is None, 10, "the end of the tunnel")
        words = wait_until(lambda: "ngrok stopped" in (said := lab.doctor().verdict) and said, 5)
        assert "No tunnel is open. The tunnel has ended. ngrok stopped" in words
        with target(200) as stranger:
            monkeypatch.setenv("PUBLIC_URL", stranger.url.rpartition("/")[0])
            words = stopped(Lab(state=tmp_path / "lab").doctor(), "it is this receiver")
            assert "Somebody else answered there: 200, and the nonce did not come back." in words
        monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:9")
        assert "127.0.0.1:9" in stopped(Lab(state=tmp_path / "lab").doctor(), "a call from outside")


def test_live_a_receipt_that_does_not_come_is_missed_after_twenty_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with live_lab(tmp_path) as lab:
        requests.post(f"{lab.tunnel.public_url}/webhooks/inbound", json=message(), timeout=5)
        lab.inbox.sent("v1", {"text": "x"}, "uuid-7", psid="100", page_id="200", text="x", message_type="text")
        assert "No receipt after 0 s" in stopped(lab.doctor(), "its receipts", "not yet")
        monkeypatch.setattr("nbhelpers.diagnosis.doctor._PATIENCE", 0)
        assert "Check that Status URL is set" in stopped(lab.doctor(), "its receipts")


def test_in_the_sandbox_the_list_names_the_allow_list(tmp_path: Path):
    with live_lab(tmp_path, NBHELPERS_MODE="sandbox") as lab:
        lab.tunnel.open()
        words = stopped(lab.doctor(), "a call from Vonage", "not yet")
        assert "(2) your phone is on the sandbox's allow-list; (3) you wrote to the sandbox's Page." in words


def test_the_command_prints_the_map_and_fails_when_a_hop_is_broken(shell: Shell):
    shell.start("simulator")
    done = shell("doctor", ok=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("It stops: your receiver.")
    shell.start("receiver")
    facts = json.loads(shell("doctor", "--json", ok=False).stdout)
    assert [hop["name"] for hop in facts["hops"]] == NAMES
    assert "Traceback" not in shell("doctor", "--mode", "live", ok=False).stderr
