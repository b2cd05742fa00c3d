"""Do the credentials fit together? Each line is ready, to do with a next action, or not looked at; nothing is sent."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.cli.main import main
from nbhelpers.config import settings as configuration
from nbhelpers.course.context import CourseContext
from nbhelpers.diagnosis.credentials_check import STATES, CredentialsCheck, examine_credentials
from nbhelpers.inbox.inbox import Inbox
from tests.support.account_api import ID, KEY, SECRET, Account, messages, playing
from tests.support.labs import own_key, shut
from tests.support.simulation import webhooks

PUBLIC = "https://receiver.example"
INBOUND, STATUS = f"{PUBLIC}/webhooks/inbound", f"{PUBLIC}/webhooks/status"
NAMES = ["ID", "key", "public half", "token", "clock", "account", "key pair", "messages", "inbound URL", "status URL"]
Look = Callable[..., CredentialsCheck]


@pytest.fixture
def vonage(key: PrivateKey) -> Iterator[Account]:
    with playing(public_key=key.public_pem) as made:
        made.of["capabilities"]["messages"] = messages(INBOUND, STATUS)
        yield made


@pytest.fixture
def look(vonage: Account, key: PrivateKey, tmp_path: Path) -> Iterator[Look]:
    """Vet with everything in order but for what is given; whatever comes out holds no secret."""
    path = save_key(key, tmp_path / "private.key")
    inboxes = []

    def looked(mode: str = "live", **changed: str | None) -> CredentialsCheck:
        values = {
            "NBHELPERS_API_HOST": vonage.url,
            "VONAGE_API_KEY": KEY,
            "VONAGE_API_SECRET": SECRET,
            "VONAGE_APPLICATION_ID": ID,
            "VONAGE_PRIVATE_KEY": str(path),
            "VONAGE_SIGNATURE_SECRET": "RecognisableSignature99",
            "PUBLIC_URL": PUBLIC,
            **changed,
        }
        environ = {name: value for name, value in values.items() if value is not None}
        settings = configuration.load(mode, tmp_path / "lab", environ=environ, folder=tmp_path)
        inboxes.append(Inbox(settings.folder / "lab.sqlite3"))
        found = examine_credentials(CourseContext(settings, inboxes[-1], None))
        shown = repr(found) + found._repr_html_() + json.dumps(found.facts)
        pem = "".join(key.pem().split()[3:-3])
        basic = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        for secret in (SECRET, "RecognisableSignature99", "eyJ", "BEGIN PRIVATE", "BEGIN RSA", pem[:40], basic):
            assert secret not in shown
        assert {state for _, state, _ in found.lines} <= set(STATES)
        return found

    yield looked
    for inbox in inboxes:
        inbox.close()


def line(found: CredentialsCheck, name: str) -> str:
    (only,) = [f"{state}: {words}" for each, state, words in found.lines if each == name]
    return only


def unseen(found: CredentialsCheck) -> list[str]:
    return [name for name, state, _ in found.lines if state == "not looked at"]


def test_with_all_in_order_every_line_is_ready_and_no_message_is_sent(
    look: Look, vonage: Account, key: PrivateKey
) -> None:
    found = look()
    assert found.ready, repr(found)
    assert [name for name, _, _ in found.lines] == NAMES
    assert all(state == "ready" for _, state, _ in found.lines)
    assert repr(found).splitlines()[-1] == "All is ready. Nothing was sent to anybody."
    assert line(found, "ID") == f"ready: {ID}"
    assert re.fullmatch(r"ready: RSA, 2048 bits, from .*/private\.key", line(found, "key"))
    assert re.fullmatch(r"ready: RS256, for application …4f2a, good for 1[45]:\d\d", line(found, "token"))
    assert line(found, "account") == f"ready: Application “Bäckerei <b>” (…4f2a) is in the account of API key {KEY}"
    assert line(found, "key pair") == "ready: your private key fits the public key stored for application …4f2a"
    assert line(found, "messages") == "ready: switched on, version v1: webhooks come in today's shape (flat)"
    assert line(found, "inbound URL") == f"ready: {INBOUND} (POST) leads to your receiver"
    assert [(each.method, each.path) for each in vonage.asked] == [("GET", "/"), ("GET", f"/v2/applications/{ID}")]
    assert "authorization" not in vonage.asked[0].headers


def test_the_public_half_is_shown_short_and_whole_only_where_it_folds(look: Look, key: PrivateKey) -> None:
    found = look()
    der = base64.b64decode("".join(key.public_pem.split("\n")[1:-2]))
    digest = hashlib.sha256(der).hexdigest()
    groups = " ".join([digest[0:4], digest[4:8], digest[8:12], digest[12:16]])
    assert line(found, "public half") == f"ready: SHA-256 begins {groups}; lab.panels.credentials() shows all of it"
    assert "BEGIN PUBLIC KEY" not in repr(found)
    rich = found._repr_html_()
    folded = rich[rich.index("<details>") : rich.index("</details>")]
    assert html.escape(key.public_pem) in folded
    assert '<p role="status">All is ready.' in rich
    assert "<b>" not in rich and "Bäckerei &lt;b&gt;" in rich
    assert rich.count('<th scope="row"') == len(NAMES)


def test_states_are_words_and_what_is_to_do_ends_in_an_action() -> None:
    found = CredentialsCheck((("ID", "to do", "<i> & co"), ("key", "ready", "fine"), ("token", "not looked at", "why")))
    assert "<strong>to do</strong>" in found._repr_html_() and "&lt;i&gt; &amp; co" in found._repr_html_()
    assert repr(found).splitlines() == [
        "ID          to do: <i> & co",
        "key         ready: fine",
        "token       not looked at: why",
        "Do what is said above, then run this again.",
    ]
    assert "<details>" not in found._repr_html_()
    assert found.facts["ready"] is False


# The ID


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("a1b2c3d4", "it has 8 characters, as an API key has"),
        (ID.replace("-", ""), "it has 32 characters;"),
        (f"{{{ID}}}", "it has 38 characters;"),
        (ID[:-1] + "g", "it has 36 characters;"),
        ("../../x", "it has 7 characters;"),
    ],
)
def test_an_id_that_is_no_uuid_is_to_do_and_nothing_is_asked_about_it(
    look: Look, vonage: Account, given: str, words: str
) -> None:
    found = look(VONAGE_APPLICATION_ID=given)
    assert words in line(found, "ID")
    assert line(found, "ID").endswith("copy it from the application's page on the dashboard")
    assert unseen(found) == ["token", "account", "key pair", "messages", "inbound URL", "status URL"]
    assert [each.path for each in vonage.asked] == ["/"]


def test_a_missing_id_is_to_do_and_the_key_is_looked_at_all_the_same(look: Look) -> None:
    found = look(VONAGE_APPLICATION_ID=None)
    assert line(found, "ID").startswith("to do: no application ID is noted or set (VONAGE_APPLICATION_ID)")
    assert line(found, "key").startswith("ready: ")
    assert line(found, "token") == "not looked at: it needs what is above (ID, key)"


# The key


def test_a_key_that_had_to_be_mended_says_what(look: Look, key: PrivateKey) -> None:
    found = look(VONAGE_PRIVATE_KEY='"' + key.pem().replace("\n", "\\n") + '"')
    assert (
        "from the text you gave; mended while it was read: quotes around the key were left out, literal \\n were made"
        in line(found, "key")
    )
    assert found.ready


def test_a_key_that_cannot_be_used_is_to_do_and_the_rest_goes_on(look: Look, key: PrivateKey) -> None:
    for given, words in (
        (None, "There is no private key."),
        ("/nowhere/private.key", "The private key is missing."),
        (key.public_pem, "This is the public half."),
        (key.pem()[:300], "has a BEGIN line, but no END line"),
    ):
        found = look(VONAGE_PRIVATE_KEY=given)
        assert line(found, "key").startswith("to do: ") and words in line(found, "key")
        assert unseen(found) == ["public half", "token", "key pair"]
        assert line(found, "account").startswith("ready: ")
        assert found.public_pem == "" and "<details>" not in found._repr_html_()


def test_a_token_that_cannot_be_made_or_would_be_refused_is_to_do(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbhelpers.auth import tokens
    from nbhelpers.errors import TokenError

    def refuse(self: Any, ttl: int | None = None) -> None:
        raise TokenError("No token can be made.", "A reason.", "Do this.")

    monkeypatch.setattr(tokens.TokenFacts, "fault", ("iat 5", "a time within the last 24 hours"))
    assert line(look(), "token").endswith("is expected: set the clock of this computer")
    monkeypatch.setattr(tokens.Minter, "__call__", refuse)
    assert line(look(), "token") == "to do: No token can be made. A reason. Do this."


# The clock


@pytest.mark.parametrize(
    ("apart", "state", "word"),
    [
        (0, "ready", "apart"),
        (28, "ready", "apart"),
        (-24, "ready", "apart"),
        (36, "to do", "behind"),
        (-300, "to do", "ahead"),
    ],
)
def test_clocks_may_be_thirty_seconds_apart(look: Look, vonage: Account, apart: int, state: str, word: str) -> None:
    vonage.date = formatdate(time.time() + apart, usegmt=True)
    found = look()
    assert line(found, "clock").startswith(f"{state}: ")
    assert re.search(
        rf"\d+ s {word}: this computer says \d{{4}}-\d\d-\d\d [\d:]{{8}} UTC, the service ", line(found, "clock")
    )
    if state == "to do":
        assert line(found, "clock").endswith("Let this computer set its clock from the internet")
        # The service's clock stands still in the test, while looking takes its time.
        assert -5 <= int(re.search(r"(\d+) s ", line(found, "clock")).group(1)) - abs(apart) <= 5


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_an_answer_without_a_time_is_not_looked_at(look: Look, vonage: Account, date: str) -> None:
    vonage.date = date
    assert line(look(), "clock") == "not looked at: the answer of the service does not say what time it is"


def test_any_answer_tells_the_time_and_none_is_followed(look: Look, vonage: Account) -> None:
    vonage.answers = [(302, {"Location": "/elsewhere"}, b"")]
    assert line(look(), "clock").startswith("ready: ")
    assert "/elsewhere" not in [each.path for each in vonage.asked]


def test_a_service_that_does_not_answer_is_asked_once(look: Look, vonage: Account) -> None:
    vonage.answers = [(0, {}, b"")]
    found = look()
    assert line(found, "clock").startswith("to do: the service does not answer, so the clocks cannot be compared.")
    assert line(found, "account") == "not looked at: it needs what is above (clock: the service does not answer)"
    assert len(vonage.asked) == 1
    assert line(found, "token").startswith("ready: ")


# The account


def test_without_key_and_secret_it_says_what_to_compare(look: Look, vonage: Account) -> None:
    found = look(VONAGE_API_KEY=None, VONAGE_API_SECRET=None)
    assert line(found, "account") == (
        "not looked at: VONAGE_API_KEY and VONAGE_API_SECRET are not set. Compare by eye on the dashboard, application "
        "…4f2a: its public key with the public half above, Messages switched on, both webhook URLs with POST"
    )
    assert found.ready and repr(found).endswith("What could be looked at is ready. Nothing was sent to anybody.")
    assert unseen(found) == NAMES[5:]
    assert "VONAGE_API_SECRET is not set." in line(look(VONAGE_API_SECRET=None), "account")
    assert [each.path for each in vonage.asked] == ["/", "/"]


def test_each_refusal_of_the_account_is_told_apart(look: Look, vonage: Account) -> None:
    wrong = look(VONAGE_API_SECRET="AnotherSecret1234")
    assert line(wrong, "account").startswith("to do: The service did not accept API key and secret.")
    assert "AnotherSecret" not in repr(wrong)
    foreign = look(VONAGE_APPLICATION_ID=ID.replace("4f2a", "beef"))
    assert line(foreign, "account").startswith("to do: Application …beef is not in this account.")
    for scripted, words in (
        ((500, {}, b""), "The service had a fault of its own. It answered 500. Wait a minute, then try again."),
        ((200, {"Content-Type": "text/html"}, b"<p>hello"), "Something else than the service answered."),
        ((302, {"Location": "/x"}, b""), "Something else than the service answered. 302"),
        ((0, {}, b""), ""),
    ):
        vonage.answers = [None, scripted]
        found = look()
        assert line(found, "account").startswith(f"to do: {words}")
        assert unseen(found) == ["key pair", "messages", "inbound URL", "status URL"]


def test_a_key_of_another_pair_is_the_commonest_401_and_says_so(
    look: Look, vonage: Account, other_key: PrivateKey
) -> None:
    vonage.of["keys"]["public_key"] = other_key.public_pem
    assert line(look(), "key pair") == (
        "to do: Your private key does not match the public key stored for application …4f2a. Most likely the key pair "
        "was regenerated and *Save changes* was not pressed: press it, or generate a new pair there and use the "
        "private.key that comes with it"
    )
    del vonage.of["keys"]["public_key"]
    assert line(look(), "key pair").startswith("to do: no public key is stored for application …4f2a: generate a pair")


def test_the_version_of_the_capability_says_which_shape_webhooks_have(look: Look, vonage: Account) -> None:
    held = vonage.of["capabilities"]["messages"]
    for version, words in (
        ("v0.1", "version v0.1: webhooks come in the guide's shape (nested)"),
        ("v9", "version v9: webhooks may come in either shape, and both are read"),
        (None, "no version is shown: webhooks may come in either shape, and both are read"),
    ):
        held["version"] = version
        assert line(look(), "messages") == f"ready: switched on, {words}"


def test_a_voice_application_cannot_receive_messages(look: Look, vonage: Account) -> None:
    del vonage.of["capabilities"]["messages"]
    found = look()
    assert line(found, "messages") == (
        "to do: Messages is not among its capabilities (it has: voice): switch *Messages* on, on its page of the "
        "dashboard, and press *Save changes*"
    )
    assert unseen(found) == ["inbound URL", "status URL"]
    vonage.of["capabilities"] = {}
    assert "(it has: none)" in line(look(), "messages")


SAVE = "run `lab.webhooks.save()`, or set it on the dashboard"


def test_each_fault_of_a_webhook_field_is_told_apart(look: Look, vonage: Account) -> None:
    fields = vonage.of["capabilities"]["messages"]["webhooks"]
    fields["inbound_url"] = {"address": STATUS, "http_method": "POST"}
    fields["status_url"] = {"address": INBOUND, "http_method": "POST"}
    found = look()
    for name, address in (("inbound URL", STATUS), ("status URL", INBOUND)):
        assert line(found, name) == (
            f"to do: it holds {address}, the address of the other field: the two are swapped; {SAVE}"
        )
    fields["inbound_url"] = {"address": "https://old.example/in", "http_method": "POST"}
    fields["status_url"] = {"address": STATUS, "http_method": "GET"}
    found = look()
    assert line(found, "inbound URL") == f"to do: it holds https://old.example/in; your receiver is {INBOUND}: {SAVE}"
    assert line(found, "status URL") == f"to do: {STATUS} is called by GET, and must be by POST: {SAVE}"
    fields["inbound_url"] = {"address": ""}
    del fields["status_url"]["http_method"]
    found = look()
    assert line(found, "inbound URL") == f"to do: it is empty: {SAVE}"
    assert line(found, "status URL").startswith("ready: ")


def test_without_a_tunnel_there_is_nothing_to_compare_the_fields_with(look: Look, vonage: Account) -> None:
    vonage.of["capabilities"]["messages"]["webhooks"]["status_url"]["http_method"] = "GET"
    found = look(PUBLIC_URL=None)
    assert line(found, "inbound URL") == (
        f"not looked at: it holds {INBOUND} (POST), and no tunnel is known to compare it with: open `lab.tunnel`, "
        "then this again"
    )
    assert line(found, "status URL").startswith(f"to do: {STATUS} is called by GET")


def test_nothing_of_the_account_is_changed(look: Look, vonage: Account) -> None:
    before = json.dumps(vonage.applications)
    look()
    assert json.dumps(vonage.applications) == before and vonage.puts == []


# The hosted sandbox


def test_in_the_sandbox_key_and_secret_are_enough(look: Look, vonage: Account) -> None:
    found = look(mode="sandbox", VONAGE_APPLICATION_ID=None, VONAGE_PRIVATE_KEY=None)
    for name in NAMES[:4]:
        assert line(found, name) == "ready: not needed: API key and secret are used"
    assert line(found, "account") == f"ready: the service accepts API key {KEY} and its secret"
    assert "its own on its page of the dashboard" in line(found, "inbound URL")
    assert found.ready
    assert vonage.asked[-1].path == "/v2/applications?page_size=1"
    wrong = look(mode="sandbox", VONAGE_APPLICATION_ID=None, VONAGE_API_SECRET="AnotherSecret1234")
    assert line(wrong, "account").startswith("to do: The service did not accept API key and secret.")


def test_in_the_sandbox_with_an_application_the_application_is_looked_at(look: Look) -> None:
    found = look(mode="sandbox")
    assert line(found, "key pair").startswith("ready: ")
    assert unseen(found) == ["inbound URL", "status URL"]


# Against the simulator


def test_in_simulator_mode_the_guides_voice_application_is_in_order(ready: Lab) -> None:
    found = ready.check_credentials()
    assert found.ready, repr(found)
    assert line(found, "account").startswith("ready: Application “Filled in”")
    assert line(found, "key pair").startswith("ready: ")
    assert line(found, "clock").startswith(("ready: 0 s", "ready: 1 s"))
    assert line(found, "messages").startswith("ready: a Voice application, as in the guide")
    assert line(found, "inbound URL") == f"ready: {ready.receiver.inbound_url} (POST) leads to your receiver"
    ready.simulator.change_settings(http_method="GET")
    assert line(ready.check_credentials(), "status URL") == (
        f"to do: {ready.receiver.status_url} is called by GET, and must be by POST: "
        'run `lab.webhooks.save(method="POST")`'
    )
    assert ready.settings.api_secret not in repr(found)
    assert found.public_pem == own_key(ready).public_pem


def test_in_simulator_mode_an_application_with_messages_is_compared_with_the_receiver(ready: Lab) -> None:
    import requests

    settings, application_id = ready.settings, ready.facts["application_id"]
    url, account = f"{settings.host}/v2/applications/{application_id}", (settings.api_key, settings.api_secret)
    before = requests.get(url, auth=account, timeout=5).json()
    receiver = ready.receiver
    try:
        for urls, words in (
            (
                (receiver.inbound_url, receiver.status_url),
                f"ready: {receiver.inbound_url} (POST) leads to your receiver",
            ),
            ((None, None), "to do: it is empty: change the application"),
            (("http://127.0.0.1:9/in", None), f"your receiver is {receiver.inbound_url}: change the application"),
        ):
            form = {"name": "With messages", "capabilities": {"messages": webhooks(*urls)}}
            assert requests.put(url, json=form, auth=account, timeout=5).status_code == 200
            assert words in line(ready.check_credentials(), "inbound URL")
    finally:
        form = {name: before[name] for name in ("name", "capabilities", "privacy")}
        requests.put(url, json=form, auth=account, timeout=5)


def test_in_simulator_mode_a_key_of_another_application_is_mended_in_step_2(fresh: Lab, other_key: PrivateKey) -> None:
    fresh.need("application")
    save_key(other_key, fresh.settings.folder / "private.key")
    found = fresh.check_credentials()
    assert line(found, "key pair").endswith("In step 2, run *Send it* and *Save both together* again, both")
    shut(fresh, "simulator")
    assert line(fresh.check_credentials(), "clock").startswith("to do: the service does not answer")


def test_before_step_2_it_says_what_is_missing(tmp_path: Path) -> None:
    lab = Lab(state=tmp_path / "lab", mode="live")
    try:
        settings = lab.settings
        assert settings.application_id is None
        found = examine_credentials(
            CourseContext(
                configuration.load(
                    "live", tmp_path / "lab", environ={"NBHELPERS_API_HOST": "http://127.0.0.1:9"}, folder=tmp_path
                ),
                lab.inbox,
                None,
            )
        )
        assert not found.ready
        assert [name for name, state, _ in found.lines if state == "to do"] == ["ID", "key", "clock"]
    finally:
        lab.inbox.close()


# The command


def test_the_command_says_the_same_and_fails_when_something_is_to_do(
    vonage: Account, key: PrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_key(key, tmp_path / "private.key")
    for name, value in {
        "NBHELPERS_API_HOST": vonage.url,
        "VONAGE_API_KEY": KEY,
        "VONAGE_API_SECRET": SECRET,
        "VONAGE_APPLICATION_ID": ID,
        "VONAGE_PRIVATE_KEY": str(path),
        "PUBLIC_URL": PUBLIC,
    }.items():
        monkeypatch.setenv(name, value)
    arguments = ["credentials", "--mode", "live", "--state", str(tmp_path / "lab")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "All is ready." in done.stdout and "lab.panels" not in done.stdout
    vonage.of["keys"]["public_key"] = ""
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert done.exit_code == 1
    facts = json.loads(done.stdout)
    assert facts["ready"] is False and len(facts["lines"]) == len(NAMES)
    assert facts["public_key"] == key.public_pem
    assert SECRET not in done.output


def test_the_command_vets_the_demo_of_a_running_simulator(shell: Any) -> None:
    failed = shell("credentials", ok=False)
    assert failed.returncode == 1
    assert "No simulator runs here." in failed.stderr
    _, demo = shell.start("simulator", "--demo")
    shown = shell("credentials").stdout
    assert demo["application_id"] in shown
    assert "version v1: webhooks come in today's shape (flat)" in shown
