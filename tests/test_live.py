"""Against the real ngrok and a real account, for those who have one: skipped unless their names are set.

Nothing is sent to anybody, and nothing of the account is changed. CONTRIBUTING.md has the check-list for the rest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

from nbhelpers import Lab
from tests.support.labs import PRIVATE

NGROK = ("NBHELPERS_TEST_NGROK_AUTHTOKEN",)
VONAGE = tuple(f"NBHELPERS_TEST_VONAGE_{name}" for name in ("API_KEY", "API_SECRET", "APPLICATION_ID", "PRIVATE_KEY"))
PREFIX = "NBHELPERS_TEST_"
OTHERWISE = {"NGROK_PATH": "PYNGROK_NGROK_PATH", "API_HOST": "NBHELPERS_API_HOST"}  # the rest is called as in .env

# Read at once: the fixture that cleans the environment takes them out before each test.
GIVEN = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and value}


def unset(*names: str) -> str:
    """Why a test is skipped; empty when all of its names are set."""
    missing = [name for name in names if name not in GIVEN]
    return f"not set: {', '.join(missing)}" if missing else ""


def configure(patch: pytest.MonkeyPatch, folder: Path, given: Mapping[str, str]) -> None:
    """Live mode with what was given and nothing else, in a folder of the test's own."""
    for name in list(os.environ):
        if name.startswith(PRIVATE):
            patch.delenv(name)
    for name, value in given.items():
        short = name.removeprefix(PREFIX)
        patch.setenv(OTHERWISE.get(short, short), value)
    if key := given.get("NBHELPERS_TEST_VONAGE_PRIVATE_KEY"):
        # A path is meant from where the tests were started; a key as text is taken as it is.
        patch.setenv("VONAGE_PRIVATE_KEY", key if "BEGIN" in key else str(Path(key).expanduser().absolute()))
    patch.setenv("NBHELPERS_MODE", "live")
    patch.setenv("NBHELPERS_RECEIVER_PORT", "0")
    patch.chdir(folder)


@pytest.mark.timeout(180)
@pytest.mark.skipif(bool(unset(*NGROK)), reason=unset(*NGROK))
def test_the_real_ngrok_leads_to_the_receiver_and_is_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, tmp_path, GIVEN)
    lab = Lab(state=tmp_path / "lab")
    try:
        public = lab.tunnel.public_url  # ready means that the receiver's own nonce came back through it
        assert public is not None and public.startswith("https://")
        print(f"\n{lab.tunnel!r}")
        call = requests.get(f"{public}/webhooks/inbound", timeout=20)
        assert call.status_code == 405, call.text[:300]
        hops = {hop.name: hop.state for hop in lab.doctor().hops}
        assert [hops[name] for name in ("a call from outside", "it is this receiver")] == ["well", "well"]
        assert GIVEN[NGROK[0]] not in repr(lab.tunnel) + repr(lab.doctor())
        assert "Closed." in repr(lab.tunnel.close())
        gone = requests.get(f"{public}/webhooks/inbound", timeout=20)
        assert gone.status_code == 404, gone.text[:300]
    finally:
        lab.stop()


@pytest.mark.timeout(120)
@pytest.mark.skipif(bool(unset(*VONAGE)), reason=unset(*VONAGE))
def test_on_a_real_account_id_key_token_clock_and_application_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, tmp_path, GIVEN)
    lab = Lab(state=tmp_path / "lab")
    try:
        found = lab.check_credentials()
        print(f"\n{found!r}")
        states = {name: state for name, state, _ in found.lines}
        wanted = ("ID", "key", "public half", "token", "clock", "account", "key pair", "messages")
        assert {name: states[name] for name in wanted} == dict.fromkeys(wanted, "ready")
        assert GIVEN["NBHELPERS_TEST_VONAGE_API_SECRET"] not in repr(found)
    finally:
        lab.stop()


@pytest.mark.fast
def test_without_their_names_both_are_skipped_and_say_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_live.GIVEN", {})
    assert unset(*NGROK) == "not set: NBHELPERS_TEST_NGROK_AUTHTOKEN"
    assert unset(*VONAGE).count("NBHELPERS_TEST_VONAGE_") == 4
    monkeypatch.setattr("tests.test_live.GIVEN", dict.fromkeys(NGROK, "x"))
    assert unset(*NGROK) == ""
