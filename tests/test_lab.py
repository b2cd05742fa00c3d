"""`Lab`: one line opens the course in any Jupyter, twice starts nothing twice, and what lasts is on the disk."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import textwrap
import typing
from pathlib import Path

import pytest

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.course.actions import Simulator
from nbhelpers.errors import ApiError, CredentialsError, InboxError, MessageError, ServiceError, SettingsError
from nbhelpers.services import launcher
from nbhelpers.services.record import Owner, is_alive
from nbhelpers.simulator.control.client import Controls
from tests.support.labs import WHATSAPP, arrive, key_path, message, says, shut, written

# Opening


def test_it_says_that_it_is_ready_and_starts_the_simulator_alone(fresh: Lab) -> None:
    assert repr(fresh) == "Ready. A simulator plays the service. Nothing leaves this computer."
    assert fresh._repr_html_() == f"<p>{fresh!r}</p>"
    assert launcher.find("simulator", fresh.settings)
    assert launcher.find("receiver", fresh.settings) is None


@pytest.mark.fast
def test_opened_twice_it_joins_what_runs(ready: Lab) -> None:
    again = Lab(state=ready.settings.state)
    assert again.settings.host == ready.settings.host
    assert again.facts == ready.facts
    again.inbox.close()


@pytest.mark.fast
def test_it_keeps_loopback_away_from_a_proxy(ready: Lab) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert {"127.0.0.1", "localhost"} <= set(os.environ[name].split(","))


@pytest.mark.fast
def test_the_accounts_secrets_are_the_simulators_and_masked_when_shown(ready: Lab) -> None:
    running = launcher.find("simulator", ready.settings)
    assert ready.settings.api_secret == running.ready["api_secret"]
    assert running.ready["api_secret"] not in repr(ready.settings) + str(ready.settings)


@pytest.mark.fast
def test_live_credentials_of_the_shell_change_nothing_here(
    ready: Lab, monkeypatch: pytest.MonkeyPatch, key: PrivateKey
) -> None:
    for name, value in {
        "VONAGE_API_KEY": "live-key",
        "VONAGE_API_SECRET": "live-secret",
        "VONAGE_APPLICATION_ID": "live-app",
        "VONAGE_PRIVATE_KEY": key.pem(),
        "MESSENGER_SENDER_ID": "live-page",
    }.items():
        monkeypatch.setenv(name, value)
    lab = Lab(state=ready.settings.state)
    assert lab.facts == ready.facts
    assert lab.settings.api_key == ready.settings.api_key
    assert lab.check("jwt", lab.token()).kind == "done"
    lab.inbox.close()


# The parts


@pytest.mark.fast
def test_the_answer_goes_to_who_wrote_last_and_names_them(ready: Lab) -> None:
    written(ready, person="Ada")
    bob = written(ready, person="Bob").psid
    said = ready.reply("Good morning!")
    (reply,) = ready.inbox.events("reply")
    assert (reply.psid, reply.page_id, reply.text) == (bob, ready.facts["page_id"], "Good morning!")
    assert repr(said) == f"Accepted for {bob}. The receipts of {reply.message_uuid} tell the rest."
    assert ready.inbox.wait_for_receipt(reply.message_uuid, "delivered", 10).states == ["submitted", "delivered"]


@pytest.mark.fast
def test_the_answer_never_goes_to_a_number_of_another_channel_unless_it_is_asked_for(ready: Lab) -> None:
    person = written(ready).psid
    arrive(ready, WHATSAPP)
    assert ready.reply("We open at seven.").psid == person
    with pytest.raises(ApiError, match=r"from\.type: must be `messenger`"):  # the simulator plays Messenger alone
        ready.reply("We open at seven.", channel="whatsapp")
    with pytest.raises(MessageError, match="Nobody"):
        ready.reply("We open at seven.", channel="viber_service")


def test_nobody_can_be_answered_before_somebody_wrote(ready: Lab) -> None:
    with pytest.raises(MessageError, match="They write first"):
        ready.reply("Hello?")


def test_without_an_application_it_says_which_step_makes_one(fresh: Lab) -> None:
    with pytest.raises(SettingsError, match="Do step 2"):
        fresh.token()


@pytest.mark.fast
def test_a_token_is_masked_when_shown_and_a_text_when_used(ready: Lab) -> None:
    token = ready.token()
    assert token.startswith("eyJ")
    assert "eyJ" not in repr(token)
    assert ready.token() != token, "a fresh one each time"


@pytest.mark.fast
def test_the_receiver_shows_its_two_urls(ready: Lab) -> None:
    receiver = ready.receiver
    assert repr(receiver) == (
        f"The receiver runs.\nInbound Message:  {receiver.inbound_url}\nDelivery Receipt: {receiver.status_url}"
    )
    assert receiver.inbound_url.endswith("/webhooks/inbound")
    assert receiver.status_url.endswith("/webhooks/status")


@pytest.mark.fast
def test_the_client_speaks_the_version_that_was_asked_for(ready: Lab) -> None:
    assert ready.client.version == "v0.1"
    today = Lab(state=ready.settings.state, api_version="v1")
    assert today.client.version == "v1"
    today.inbox.close()


@pytest.mark.fast
def test_what_was_noted_lasts_and_none_takes_it_back(ready: Lab) -> None:
    ready.note(colour="green", page_id="1")
    again = Lab(state=ready.settings.state)
    assert (again.facts["colour"], again.facts["page_id"]) == ("green", "1")
    again.note(colour=None)
    again.inbox.close()
    assert "colour" not in ready.facts


@pytest.mark.fast
def test_what_the_kit_notes_for_itself_is_no_fact_of_the_learners(ready: Lab) -> None:
    ready.webhooks.save(method="POST")
    assert set(ready.facts) == {"page_name", "application_id", "page_id"}


@pytest.mark.fast
def test_the_key_file_is_told(ready: Lab) -> None:
    assert ready.key_file == key_path(ready)


def test_every_control_of_the_simulator_is_a_typed_name_of_its_own() -> None:
    names = {name for name in vars(Controls) if not name.startswith("_")} | {"create_page", "link_page"}
    assert names <= set(dir(Simulator)) and "__getattr__" not in vars(Simulator)
    for name in names - {"link_page"}:
        types = typing.get_type_hints(getattr(Simulator, name))
        assert "return" in types, name
        for parameter in list(inspect.signature(getattr(Simulator, name)).parameters)[1:]:
            assert parameter in types, (name, parameter)


# The other modes


@pytest.mark.fast
def test_the_other_modes_start_nothing_and_play_nobody(live: Lab) -> None:
    assert repr(live) == "Ready. LIVE: messages go to https://api.nexmo.com and reach real people."
    assert launcher.find("simulator", live.settings) is None
    with pytest.raises(SettingsError, match="The mode is live"):
        live.simulator  # noqa: B018


@pytest.mark.fast
def test_in_live_mode_what_is_missing_is_named(live: Lab) -> None:
    for ask in (live.token, lambda: live.client):
        with pytest.raises(SettingsError, match="VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY"):
            ask()
    with pytest.raises(CredentialsError, match="None is set"):
        live.key_file  # noqa: B018


@pytest.mark.fast
def test_in_live_mode_the_settings_say_whose_application_and_page_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VONAGE_APPLICATION_ID", "mine")
    monkeypatch.setenv("MESSENGER_SENDER_ID", "my-page")
    live = Lab(state=tmp_path / "lab", mode="live")
    assert live.facts == {"application_id": "mine", "page_id": "my-page"}
    live.inbox.close()


# A program that closes what it opened

PROGRAM = """
    import sys, threading
    from pathlib import Path
    import psutil
    from nbhelpers import Lab

    state = Path(sys.argv[1])
    with Lab(state=state) as lab:
        lab.need("receive")
        assert lab.simulator.pages() and lab.client.version
        lab.reply("Baked this morning.")
        panel = lab.panels.psid()
        services = [each for each in psutil.process_iter(["cmdline"]) if "--state" in (each.info["cmdline"] or [])]
        pids = [each.pid for each in services if str(state) in each.info["cmdline"]]
        assert len(pids) == int(sys.argv[2]), pids
    print(lab)
    assert lab.inbox.closed
    for _ in range(200):
        left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        alive = [pid for pid in pids if psutil.pid_exists(pid)]
        if not left and len(alive) == int(sys.argv[3]):
            break
        threading.Event().wait(0.02)
    else:
        raise AssertionError((left, alive))
    assert [each for each in psutil.Process().net_connections() if each.status == "ESTABLISHED"] == []
"""


def program(state: Path, *counts: int) -> subprocess.CompletedProcess[str]:
    """Run a program that opens a lab in a `with`; so many services run in it, so many afterwards."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(PROGRAM), str(state), *map(str, counts)],
        env=os.environ | {"NBHELPERS_SIMULATOR_PORT": "0", "NBHELPERS_RECEIVER_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_lab_in_a_with_ends_the_services_that_it_started(tmp_path: Path) -> None:
    done = program(tmp_path / "lab", 2, 0)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "This lab is closed. Run `lab = Lab()` again.\n"


def test_a_lab_in_a_with_leaves_alone_what_ran_before(fresh: Lab) -> None:
    done = program(fresh.settings.state, 2, 1)  # the simulator is ours, the receiver its own
    assert (done.returncode, done.stderr) == (0, "")
    assert fresh.simulator.pages()


def test_a_lab_in_a_with_leaves_what_somebody_else_has_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBHELPERS_SIMULATOR_PORT", "0")
    with Lab(state=tmp_path / "lab") as lab:
        launcher.start("simulator", lab.settings, owner=Owner.of(os.getpid()))
    assert launcher.find("simulator", lab.settings)
    launcher.stop(lab.settings)


def test_in_a_notebook_the_services_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBHELPERS_SIMULATOR_PORT", "0")
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    with pytest.raises(ZeroDivisionError), Lab(state=tmp_path / "lab") as lab:
        raise ZeroDivisionError
    assert lab.inbox.closed
    assert launcher.find("simulator", lab.settings)
    launcher.stop(lab.settings)


# Ending and beginning again


def test_stop_ends_both_services_and_keeps_everything(fresh: Lab) -> None:
    fresh.need("receive")
    running = [launcher.find(name, fresh.settings) for name in ("simulator", "receiver")]
    processes = [(each.pid, each.created) for each in running]
    psid = fresh.inbox.newest_message().psid

    fresh.stop()
    assert not any(is_alive(*process) for process in processes)
    with pytest.raises(ServiceError, match="starts it again"):
        fresh.simulator.create_page("Too late")
    assert fresh.check("receive").words.startswith("The inbox cannot be read: ")
    fresh.stop()  # twice does no harm

    again = Lab(state=fresh.settings.state)
    try:
        assert again.inbox.newest_message().psid == psid
        assert repr(again.need("receive")).endswith("\nReady for step 7.")
        assert again.check("webhooks").kind == "filled in"
    finally:
        again.stop()


def test_reset_sets_everything_aside_and_the_same_lab_goes_on(fresh: Lab) -> None:
    fresh.need("receive")
    panels, panel = fresh.panels, fresh.panels.psid()
    psid = fresh.inbox.newest_message().psid

    said = fresh.reset()
    (backup,) = (fresh.settings.state / "backups").glob("*/simulator")
    assert repr(said) == f"You start again. What was here is in {backup}."
    assert (backup / "lab.sqlite3").is_file()
    assert (backup / "private.key").is_file()

    assert fresh.facts == {}
    assert fresh.inbox.events() == []
    assert {state for _, state in fresh.progress().states} == {"open"}
    assert fresh.panels is not panels, "panels over the inbox that was set aside would show nothing"
    again = fresh.panels.psid()
    fresh.need("receive")
    new = fresh.inbox.newest_message().psid
    assert psid != new
    says(again, new)
    again.close()
    panel.close()


def test_reset_can_forget(fresh: Lab) -> None:
    fresh.need("page")
    assert repr(fresh.reset(forget=True)) == "You start again, with nothing kept."
    assert not (fresh.settings.state / "backups").exists()
    assert fresh.check("page").kind == "not yet"


def test_reset_leaves_the_other_modes_alone(fresh: Lab) -> None:
    live = Lab(state=fresh.settings.state, mode="live")
    arrive(live, message(text="precious"))
    live.inbox.close()
    fresh.reset()
    again = Lab(state=fresh.settings.state, mode="live")
    assert again.inbox.newest_message().text == "precious"
    again.inbox.close()


def test_after_a_crash_of_the_simulator_the_same_line_opens_it_again(fresh: Lab) -> None:
    fresh.need("receive")
    shut(fresh, "simulator")
    again = Lab(state=fresh.settings.state)
    assert repr(again.need("receive")).endswith("\nReady for step 7.")
    assert again.check("jwt", again.token()).kind == "done"
    again.inbox.close()


def test_a_closed_inbox_says_so_in_one_line(fresh: Lab) -> None:
    fresh.stop()
    with pytest.raises(InboxError) as refused:
        fresh.note(anything=1)
    assert refused.value._render_traceback_() == [f"InboxError: {refused.value}"]
