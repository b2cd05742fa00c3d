"""identity: in whose name we act, and what is missing when it is nobody's."""

from __future__ import annotations

import base64
import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.api.identity import identify
from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.auth.tokens import inspect
from nbhelpers.config.private_files import make_private_folder
from nbhelpers.config.settings import Settings, load
from nbhelpers.errors import CredentialsError, KitError, ServiceError, SettingsError
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.outbound import OutboundMessage
from tests.support.labs import arrive, message

pytestmark = pytest.mark.fast

URL = "http://127.0.0.1:8711"


@pytest.fixture
def simulated(tmp_path: Path, key: PrivateKey) -> Settings:
    """Simulator mode, with the key that the course saved."""
    made = load(state=tmp_path / "lab", environ={}, folder=tmp_path)
    make_private_folder(made.folder)
    save_key(key, made.folder / "private.key")
    return made


@pytest.fixture
def demo(tmp_path: Path, other_key: PrivateKey) -> dict[str, Any]:
    """What the ready line of `simulator --demo` says."""
    return {
        "base_url": URL,
        "application_id": "demo-application",
        "private_key": str(save_key(other_key, tmp_path / "demo.key")),
        "page_id": "demo-page",
        "api_version": "v1",
    }


PLAIN = {"base_url": URL}
FACTS = {"application_id": "own-application", "page_id": "own-page"}


def is_same(key: PrivateKey, other: PrivateKey) -> bool:
    return key.fits(other.public_pem)


def refused(kind: type[KitError], *arguments: Any) -> KitError:
    with pytest.raises(kind) as caught:
        identify(*arguments)
    assert caught.value.what and caught.value.seen and caught.value.next
    return caught.value


def test_the_application_that_the_course_made_is_ours(simulated: Settings, key: PrivateKey):
    identity = identify(simulated, FACTS, PLAIN)
    assert (identity.application_id, identity.page_id) == ("own-application", "own-page")
    assert (identity.host, identity.api_version) == (URL, "v0.1")
    assert is_same(identity.key, key)


def test_before_there_is_a_page_there_is_none(simulated: Settings):
    assert identify(simulated, {"application_id": "own-application"}, PLAIN).page_id is None


def test_a_page_that_is_named_is_answered_as(simulated: Settings, demo: dict[str, Any]):
    for simulator in (PLAIN, demo):
        identity = identify(simulated, FACTS, simulator, "another-page")
        assert (identity.application_id, identity.page_id) == ("own-application", "another-page")


def test_the_demos_application_is_ours_while_there_is_no_other(
    simulated: Settings, demo: dict[str, Any], other_key: PrivateKey
):
    identity = identify(simulated, {}, demo)
    assert (identity.application_id, identity.page_id) == ("demo-application", "demo-page")
    assert (identity.host, identity.api_version) == (URL, "v1")
    assert is_same(identity.key, other_key)


def test_our_own_application_goes_before_the_demos_unless_its_page_is_named(
    simulated: Settings, demo: dict[str, Any], key: PrivateKey, other_key: PrivateKey
):
    own = identify(simulated, FACTS, demo)
    assert own.application_id == "own-application" and is_same(own.key, key)
    demos = identify(simulated, FACTS, demo, "demo-page")
    assert demos.application_id == "demo-application" and is_same(demos.key, other_key)


def test_without_an_application_the_next_step_is_said(simulated: Settings):
    assert "step 2" in refused(SettingsError, simulated, {}, PLAIN).next


def test_without_a_simulator_the_next_step_is_said(simulated: Settings):
    assert "nbhelpers simulator" in refused(ServiceError, simulated, FACTS, None).next


def test_a_key_that_is_gone_is_told_as_such(simulated: Settings):
    (simulated.folder / "private.key").unlink()
    assert "missing" in refused(CredentialsError, simulated, FACTS, PLAIN).what


@pytest.fixture
def live(tmp_path: Path, key: PrivateKey) -> Settings:
    environ = {
        "VONAGE_APPLICATION_ID": "live-application",
        "VONAGE_PRIVATE_KEY": key.pem().replace("\n", "\\n"),
        "MESSENGER_SENDER_ID": "live-page",
        "MESSAGES_API_VERSION": "v1",
    }
    return load("live", state=tmp_path / "lab", environ=environ, folder=tmp_path)


@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_in_the_other_modes_it_is_what_the_settings_say(tmp_path: Path, live: Settings, key: PrivateKey, mode: str):
    settings = dataclasses.replace(live, mode=mode)
    # Neither the facts of a simulated course nor a simulator that happens to run may come in.
    identity = identify(settings, FACTS, {"base_url": URL, "application_id": "demo"})
    assert (identity.application_id, identity.page_id) == ("live-application", "live-page")
    assert (identity.host, identity.api_version) == ("https://api.nexmo.com", "v1")
    assert is_same(identity.key, key)
    assert identify(settings, {}, None, "another-page").page_id == "another-page"


@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_what_is_not_set_is_named(tmp_path: Path, mode: str):
    error = refused(SettingsError, load(mode, state=tmp_path, environ={}, folder=tmp_path), FACTS, PLAIN)
    assert mode in error.what
    assert "VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY" in error.seen
    environ = {"VONAGE_APPLICATION_ID": "a"}
    error = refused(SettingsError, load(mode, state=tmp_path, environ=environ, folder=tmp_path), FACTS, PLAIN)
    assert "VONAGE_APPLICATION_ID" not in error.seen and "VONAGE_PRIVATE_KEY" in error.seen


def test_a_client_speaks_for_the_application_with_fresh_tokens(simulated: Settings, tmp_path: Path):
    identity = identify(simulated, FACTS, PLAIN)
    inbox = Inbox(tmp_path / "lab.sqlite3")
    client = identity.client(inbox)
    assert (client.host, client.version) == (URL, "v0.1")
    assert identity.client(version="v1").version == "v1"
    # Nothing is sent: what would be is looked at as it leaves.
    prepared = requests.Request("POST", URL, auth=client._auth).prepare()
    claims = inspect(prepared.headers["Authorization"]).claims
    assert claims["application_id"] == "own-application"
    inbox.close()


def test_an_identity_shows_no_key(simulated: Settings):
    shown = repr(identify(simulated, FACTS, PLAIN))
    assert "own-application" in shown and "key" not in shown.lower()


# The hosted sandbox


@pytest.fixture
def service() -> Iterator[Service]:
    """The hosted sandbox for a test: it takes every message, and remembers when and by whom."""
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.calls: list[tuple[float, str, dict[str, Any]]] = []


class Taker(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls.append((time.monotonic(), self.headers["Authorization"], body))
        answer = json.dumps({"message_uuid": f"uuid-{len(self.server.calls)}"}).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def opened(folder: Path, mode: str, **environ: str) -> Iterator[Lab]:
    """A lab in this mode, with nothing set but this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # no .env of anybody's
        for name, value in environ.items():
            patch.setenv(name, value)
        lab = Lab(state=folder / "lab", mode=mode)
        try:
            yield lab
        finally:
            lab.inbox.close()


ACCOUNT = {"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "the-secret-of-the-account"}
PSID = "1111111111111111"


def test_in_the_sandbox_key_and_secret_are_enough_and_its_own_page_is_the_sender(tmp_path: Path, service: Service):
    with opened(tmp_path, "sandbox", NBHELPERS_API_HOST=service.url, **ACCOUNT) as lab:
        page = lab.facts["page_id"]
        assert page == "107083064136738"
        assert lab.client.send(OutboundMessage(page, PSID, "Hello!")).message_uuid == "uuid-1"
    ((_, authorization, body),) = service.calls
    scheme, _, credentials_ = authorization.partition(" ")
    assert (scheme, base64.b64decode(credentials_)) == ("Basic", b"abcd1234:the-secret-of-the-account")
    assert body["from"] == {"type": "messenger", "id": "107083064136738"}


def test_in_the_sandbox_a_reply_goes_out_by_key_and_secret_too(tmp_path: Path, service: Service):
    with opened(tmp_path, "sandbox", NBHELPERS_API_HOST=service.url, **ACCOUNT) as lab:
        arrive(lab, message(psid=PSID, page_id="107083064136738"))
        lab.reply("Thank you")
        assert [event.kind for event in lab.inbox.events()] == ["inbound", "reply"]
    ((_, authorization, body),) = service.calls
    assert authorization.startswith("Basic ")
    assert (body["from"]["id"], body["to"]["id"]) == ("107083064136738", PSID)


def test_in_the_sandbox_another_page_may_be_set(tmp_path: Path):
    with opened(tmp_path, "sandbox", MESSENGER_SENDER_ID="200", **ACCOUNT) as lab:
        assert lab.facts["page_id"] == "200"


def test_in_the_sandbox_an_application_speaks_by_token_whatever_else_is_set(
    tmp_path: Path, service: Service, key: PrivateKey
):
    own = {"VONAGE_APPLICATION_ID": "own-application", "VONAGE_PRIVATE_KEY": key.pem()}
    with opened(tmp_path, "sandbox", NBHELPERS_API_HOST=service.url, **ACCOUNT, **own) as lab:
        lab.client.send(OutboundMessage(lab.facts["page_id"], PSID, "Hello!"))
        assert inspect(lab.token()).claims["application_id"] == "own-application"
    ((_, authorization, _),) = service.calls
    assert inspect(authorization).claims["application_id"] == "own-application"


def test_by_key_and_secret_there_is_no_token_and_that_is_said(tmp_path: Path):
    with opened(tmp_path, "sandbox", **ACCOUNT) as lab, pytest.raises(SettingsError) as told:
        lab.token()
    assert str(told.value).startswith("There is no application, so there is no token. Here API key and secret speak")
    assert "VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY" in told.value.next


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, "VONAGE_API_KEY, VONAGE_API_SECRET, VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY"),
        ({"VONAGE_API_KEY": "abcd1234"}, "VONAGE_API_SECRET, VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY"),
        ({"VONAGE_API_SECRET": "hidden-from-view"}, "VONAGE_API_KEY, VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY"),
        ({"VONAGE_APPLICATION_ID": "own-application"}, "VONAGE_PRIVATE_KEY"),
    ],
)
def test_in_the_sandbox_what_is_missing_is_said_in_one_sentence(tmp_path: Path, environ: dict[str, str], missing: str):
    with opened(tmp_path, "sandbox", **environ) as lab:
        for act in (lambda: lab.client, lab.token):
            with pytest.raises(SettingsError) as told:
                act()
            assert told.value.what == "sandbox mode needs API key and secret, or your application."
            assert told.value.seen == f"Not set: {missing}."
            assert "lab.configure()" in told.value.next
            assert "hidden-from-view" not in repr(told.value)


def test_the_account_is_shown_nowhere(tmp_path: Path):
    with opened(tmp_path, "sandbox", **ACCOUNT) as lab:
        identity = lab._course.identity()
        for shown in (repr(identity), str(identity), repr(identity.client()), repr(lab), repr(lab.settings)):
            assert ACCOUNT["VONAGE_API_SECRET"] not in shown


def test_the_sandbox_has_an_interval_of_a_second_and_live_mode_has_none(tmp_path: Path, key: PrivateKey):
    own = {"VONAGE_APPLICATION_ID": "own-application", "VONAGE_PRIVATE_KEY": key.pem()}
    for mode, environ, interval in [("sandbox", ACCOUNT, 1), ("sandbox", own, 1), ("live", own, 0)]:
        with opened(tmp_path, mode, **environ) as lab:
            assert lab._course.identity().interval == interval


def test_two_messages_to_the_sandbox_keep_their_distance_from_two_clients_and_two_threads(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nbhelpers.api.identity._SANDBOX_INTERVAL", 0.1)  # a second would do the same, more slowly
    with opened(tmp_path, "sandbox", NBHELPERS_API_HOST=service.url, **ACCOUNT) as lab:
        clients, begun = [lab.client, lab.client], time.monotonic()
        assert clients[0] is not clients[1]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda each: each.send(OutboundMessage("107", PSID, "Hello!")), clients * 2))
        for client in clients:
            client.close()
    came = sorted(at - begun for at, _, _ in service.calls)
    assert len(came) == 4
    # Not the gaps between them: a message that takes its time on the way shortens the next one.
    assert all(at >= 0.1 * number for number, at in enumerate(came))


def test_live_messages_wait_for_nobody(tmp_path: Path, service: Service, key: PrivateKey):
    own = {"VONAGE_APPLICATION_ID": "own-application", "VONAGE_PRIVATE_KEY": key.pem()}
    with opened(tmp_path, "live", NBHELPERS_API_HOST=service.url, **own) as lab:
        client, begun = lab.client, time.monotonic()
        for _ in range(5):
            client.send(OutboundMessage("200", PSID, "Hello!"))
        assert time.monotonic() - begun < 2, "one a second would take four"
        client.close()
