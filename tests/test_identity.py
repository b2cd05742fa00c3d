"""identity: in whose name we act, and what is missing when it is nobody's."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import requests

from nbhelpers import credentials
from nbhelpers.credentials import PrivateKey
from nbhelpers.errors import CredentialsError, KitError, ServiceError, SettingsError
from nbhelpers.identity import identify
from nbhelpers.inbox import Inbox
from nbhelpers.private import make_private_folder
from nbhelpers.settings import Settings, load
from nbhelpers.tokens import inspect

pytestmark = pytest.mark.fast

URL = "http://127.0.0.1:8711"


@pytest.fixture
def simulated(tmp_path: Path, key: PrivateKey) -> Settings:
    """Simulator mode, with the key that the course saved."""
    made = load(state=tmp_path / "lab", environ={}, folder=tmp_path)
    make_private_folder(made.folder)
    credentials.save(key, made.folder / "private.key")
    return made


@pytest.fixture
def demo(tmp_path: Path, other_key: PrivateKey) -> dict[str, Any]:
    """What the ready line of `simulator --demo` says."""
    return {
        "base_url": URL,
        "application_id": "demo-application",
        "private_key": str(credentials.save(other_key, tmp_path / "demo.key")),
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
