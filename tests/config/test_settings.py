"""settings: what was configured, per mode, and where the state is."""

from __future__ import annotations

import ast
import itertools
import os
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from nbhelpers.config import settings
from nbhelpers.config.settings import MODES, Settings, dotenv_path, load, spare_loopback, state_directory
from nbhelpers.errors import SettingsError
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.fast

LIVE = {
    "VONAGE_API_KEY": "abcd1234",
    "VONAGE_API_SECRET": "the-api-secret-0001",
    "VONAGE_APPLICATION_ID": "11111111-2222-3333-4444-555555555555",
    "VONAGE_PRIVATE_KEY": "/home/ada/private.key",
    "VONAGE_SIGNATURE_SECRET": "the-signature-secret-0002",
    "MESSENGER_SENDER_ID": "0000000000000000",
    "MESSENGER_RECIPIENT_ID": "1111111111111111",
    "NGROK_AUTHTOKEN": "the-ngrok-authtoken-0003",
    "NGROK_DOMAIN": "ada.ngrok.app",
    "PUBLIC_URL": "https://ada.example",
}
KIT = '[project]\nname = "nbhelpers"\n'


def test_with_nothing_configured_it_is_the_simulator_in_the_guides_shape(tmp_path: Path):
    made = load(environ={}, folder=tmp_path)
    assert (made.mode, made.api_version, made.host) == ("simulator", "v0.1", None)
    assert (made.receiver_port, made.simulator_port) == (8710, 8711)
    assert made.state == tmp_path / ".lab"
    assert made.folder == tmp_path / ".lab" / "simulator"
    assert made.notes == ()


def test_in_simulator_mode_live_credentials_are_never_read(tmp_path: Path):
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in LIVE.items()))
    made = load(environ=LIVE | {"NEXMO_API_KEY": "old"}, folder=tmp_path)
    assert made == load(environ={}, folder=tmp_path)
    for value in LIVE.values():
        assert value not in repr(made) + str(made)


@pytest.mark.parametrize(
    ("mode", "host"), [("live", "https://api.nexmo.com"), ("sandbox", "https://messages-sandbox.nexmo.com")]
)
def test_in_the_other_modes_every_name_is_read(tmp_path: Path, mode: str, host: str):
    made = load(mode, environ=LIVE, folder=tmp_path)
    assert made.host == host
    assert [made.api_key, made.api_secret, made.application_id, made.private_key, made.signature_secret] == list(
        LIVE.values()
    )[:5]
    assert (made.sender_id, made.recipient_id) == ("0000000000000000", "1111111111111111")
    assert (made.ngrok_authtoken, made.ngrok_domain) == ("the-ngrok-authtoken-0003", "ada.ngrok.app")
    assert made.public_url == "https://ada.example"
    assert made.folder == made.state / mode


def test_the_guides_names_are_read_as_aliases_with_a_note(tmp_path: Path):
    made = load("live", environ={"NEXMO_APPLICATION_ID": "old", "SENDER_ID": "page"}, folder=tmp_path)
    assert (made.application_id, made.sender_id) == ("old", "page")
    assert "NEXMO_APPLICATION_ID was read as VONAGE_APPLICATION_ID." in made.notes
    assert "SENDER_ID was read as MESSENGER_SENDER_ID." in made.notes


def test_a_key_in_base64_is_read_under_the_name_of_build_servers_unless_there_is_todays(tmp_path: Path):
    environ = {"VONAGE_PRIVATE_KEY64": "LS0tLS1CRUdJTi…"}
    made = load("live", environ=environ, folder=tmp_path)
    assert made.private_key == "LS0tLS1CRUdJTi…"
    assert made.notes == ("VONAGE_PRIVATE_KEY64 was read as VONAGE_PRIVATE_KEY.",)
    assert "LS0tLS1" not in str(made) + repr(made)
    assert load("live", environ=environ | {"VONAGE_PRIVATE_KEY": "x"}, folder=tmp_path).private_key == "x"


def test_todays_name_wins_over_the_guides(tmp_path: Path):
    environ = {"NEXMO_API_KEY": "old", "VONAGE_API_KEY": "new"}
    made = load("live", environ=environ, folder=tmp_path)
    assert made.api_key == "new"
    assert made.notes == ()


def test_the_environment_wins_over_the_env_file_and_arguments_over_both(tmp_path: Path):
    (tmp_path / ".env").write_text("NBHELPERS_MODE=sandbox\nMESSAGES_API_VERSION=beta\nVONAGE_API_KEY=file\n")
    assert load(environ={}, folder=tmp_path).mode == "sandbox"
    assert load(environ={}, folder=tmp_path).api_key == "file"
    environ = {"NBHELPERS_MODE": "live", "VONAGE_API_KEY": "shell"}
    made = load(environ=environ, folder=tmp_path)
    assert (made.mode, made.api_version, made.api_key) == ("live", "beta", "shell")
    assert load("simulator", api_version="v1", environ=environ, folder=tmp_path).api_version == "v1"


def test_a_name_that_is_empty_in_the_environment_does_not_hide_the_file(tmp_path: Path):
    (tmp_path / ".env").write_text("VONAGE_API_KEY=file\n")
    assert load("live", environ={"VONAGE_API_KEY": ""}, folder=tmp_path).api_key == "file"


def test_the_env_file_is_read_at_the_root_of_the_kit(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(KIT)
    (tmp_path / ".env").write_text("VONAGE_API_KEY=root\n")
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / ".env").write_text("VONAGE_API_KEY=elsewhere\n")
    assert load("live", environ={}, folder=notebooks).api_key == "root"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_env_file_is_read_as_editors_store_it(tmp_path: Path, encoding: str):
    (tmp_path / ".env").write_bytes("VONAGE_API_KEY='é'\r\n".encode(encoding))
    assert load("live", environ={}, folder=tmp_path).api_key == "é"


def test_an_env_file_in_another_encoding_is_refused_in_words(tmp_path: Path):
    (tmp_path / ".env").write_bytes("VONAGE_API_SECRET=geheimé\n".encode("latin-1"))
    with pytest.raises(SettingsError, match="UTF-8") as caught:
        load("live", environ={}, folder=tmp_path)
    assert "geheim" not in str(caught.value)


def test_an_env_file_that_the_editor_named_txt_is_read_with_a_note(tmp_path: Path):
    (tmp_path / ".env.txt").write_text("VONAGE_API_KEY=key\n")
    made = load("live", environ={}, folder=tmp_path)
    assert made.api_key == "key"
    assert ".env.txt" in made.notes[0]


def test_a_dollar_in_a_secret_stays_as_it_was_written(tmp_path: Path):
    (tmp_path / ".env").write_text("VONAGE_API_SECRET=a${HOME}b\n")
    assert load("live", environ={}, folder=tmp_path).api_secret == "a${HOME}b"


@pytest.mark.parametrize(
    "environ",
    [
        {"NBHELPERS_MODE": "production"},
        {"MESSAGES_API_VERSION": "v2"},
        {"NBHELPERS_RECEIVER_PORT": "eighty"},
        {"NBHELPERS_SIMULATOR_PORT": "65536"},
        {"NBHELPERS_SIMULATOR_PORT": "-1"},
    ],
)
def test_a_value_that_cannot_be_meant_is_named_with_what_would_do(tmp_path: Path, environ: dict[str, str]):
    with pytest.raises(SettingsError) as caught:
        load(environ=environ, folder=tmp_path)
    ((name, value),) = environ.items()
    assert name in caught.value.what
    assert value in caught.value.seen
    assert caught.value.next


def test_ports_are_read(tmp_path: Path):
    made = load(environ={"NBHELPERS_RECEIVER_PORT": "9000", "NBHELPERS_SIMULATOR_PORT": "0"}, folder=tmp_path)
    assert (made.receiver_port, made.simulator_port) == (9000, 0)


def test_the_state_directory_is_the_argument_then_the_environment_and_absolute(tmp_path: Path):
    environ = {"NBHELPERS_STATE": "by-environment"}
    assert load(environ=environ, folder=tmp_path).state == tmp_path / "by-environment"
    assert load(state="by-argument", environ=environ, folder=tmp_path).state == tmp_path / "by-argument"
    assert load(state=tmp_path / "x", environ=environ, folder=tmp_path).state == tmp_path / "x"
    assert load(state="~/lab", environ={}, folder=tmp_path).state == Path("~/lab").expanduser().resolve()


@pytest.mark.parametrize("given", ["~nobody-is-called-so/lab", "~\0", "a\0b"])
def test_a_state_directory_that_no_path_can_mean_is_refused_in_words(tmp_path: Path, given: str):
    with pytest.raises(SettingsError) as refused:
        load(state=given, environ={}, folder=tmp_path)
    assert refused.value.what == "There is no such state directory."
    assert refused.value.seen == f"It was given as {given!r}."


def test_the_state_directory_is_in_the_nearest_parent_that_has_one(tmp_path: Path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "a" / ".lab").mkdir()
    (tmp_path / ".lab").mkdir()
    assert load(environ={}, folder=deep).state == tmp_path / "a" / ".lab"


def test_the_kit_is_nearer_than_a_state_directory_further_up(tmp_path: Path):
    kit = tmp_path / "kit"
    (kit / "notebooks").mkdir(parents=True)
    (kit / "pyproject.toml").write_text(KIT)
    (tmp_path / ".lab").mkdir()
    assert load(environ={}, folder=kit / "notebooks").state == kit / ".lab"


def test_somebody_elses_pyproject_is_no_kit(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    deep = tmp_path / "deep"
    deep.mkdir()
    assert load(environ={}, folder=deep).state == deep / ".lab"


def test_settings_show_no_secret(tmp_path: Path):
    made = load("live", environ=LIVE, folder=tmp_path)
    shown = str(made) + repr(made)
    for name in ("VONAGE_API_SECRET", "VONAGE_PRIVATE_KEY", "VONAGE_SIGNATURE_SECRET", "NGROK_AUTHTOKEN"):
        assert LIVE[name] not in shown
        assert name in str(made)
    assert "abcd1234" in str(made)
    assert "mode live" in str(made)


def test_settings_are_frozen(tmp_path: Path):
    made = load(environ={}, folder=tmp_path)
    with pytest.raises(FrozenInstanceError):
        made.mode = "live"  # type: ignore[misc]
    assert isinstance(made, Settings)


def test_without_stand_ins_the_process_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBHELPERS_MODE", "sandbox")
    made = load()
    assert (made.mode, made.state) == ("sandbox", tmp_path / ".lab")


def test_loopback_is_spared_beside_what_was_spared_already():
    environ = {"NO_PROXY": "intranet.example,localhost"}
    spare_loopback(environ)
    assert environ == {"NO_PROXY": "intranet.example,localhost,127.0.0.1", "no_proxy": "127.0.0.1,localhost"}
    before = dict(environ)
    spare_loopback(environ)
    assert environ == before


def test_loopback_is_spared_in_this_process_when_no_other_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "")
    spare_loopback()
    assert os.environ["NO_PROXY"] == "127.0.0.1,localhost"


def test_the_sandbox_has_a_page_of_its_own_and_its_account_is_at_the_live_host(tmp_path: Path):
    made = load("sandbox", environ={}, folder=tmp_path)
    assert made.sender_id == "107083064136738"
    assert made.account_host == "https://api.nexmo.com"
    assert load("sandbox", environ={"MESSENGER_SENDER_ID": "12"}, folder=tmp_path).sender_id == "12"
    assert load("live", environ={}, folder=tmp_path).sender_id is None
    assert load(environ={}, folder=tmp_path).account_host is None


def test_another_host_of_the_service_is_taken_and_the_simulators_is_not(tmp_path: Path):
    environ = {"NBHELPERS_API_HOST": "https://api-eu.nexmo.com/"}
    for mode in ("sandbox", "live"):
        made = load(mode, environ=environ, folder=tmp_path)
        assert (made.host, made.account_host) == ("https://api-eu.nexmo.com", "https://api-eu.nexmo.com")
    assert load(environ=environ, folder=tmp_path).host is None
    assert load("live", environ={"NBHELPERS_API_HOST": "http://127.0.0.1:9"}, folder=tmp_path).host is not None


@pytest.mark.parametrize("host", ["http://api.nexmo.com", "api.nexmo.com", "file:///etc/passwd", "https://", "x"])
def test_a_host_to_which_a_token_would_go_in_the_clear_is_refused(tmp_path: Path, host: str):
    with pytest.raises(SettingsError, match="NBHELPERS_API_HOST is no address of the service"):
        load("live", environ={"NBHELPERS_API_HOST": host}, folder=tmp_path)


EXAMPLE = (REPOSITORY / ".env.example").read_text(encoding="utf-8")


def example_names() -> list[str]:
    return re.findall(r"^#([A-Z][A-Z0-9_]*)=", EXAMPLE, re.MULTILINE)


def test_the_example_has_every_name_that_is_read_and_no_other():
    source = (REPOSITORY / "nbhelpers" / "config" / "settings.py").read_text(encoding="utf-8")
    strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    read = {text for text in strings if isinstance(text, str) and re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)+", text)}
    read -= {"NO_PROXY", *settings.__all__}  # the one is written and never asked for, the others are no settings
    # A hub and the server extension set these for those whom they start: nobody writes them into a file.
    read -= {name for name in read if name.startswith("JUPYTERHUB_")} | {
        settings.JUPYTER_URL,
        "NBHELPERS_JUPYTER_STATE",
    }
    assert {"NBHELPERS_API_HOST", "NBHELPERS_STATE", "NGROK_AUTHTOKEN", "NEXMO_API_KEY", "PUBLIC_URL"} <= read
    assert sorted(example_names()) == sorted(read)


def test_in_the_example_each_name_is_explained_commented_out_and_without_a_value_that_looks_real():
    lines = EXAMPLE.splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
    for before, line in itertools.pairwise(lines):
        if re.match(r"#[A-Z]", line):
            assert re.match(r"# [a-z`]", before), f"{line} has no line of comment"
            assert line.partition("=")[2] in ("", "simulator", "v0.1", ".lab", "8710", "8711"), line


@pytest.mark.parametrize("mode", MODES)
def test_a_copy_of_the_example_changes_nothing_commented_out_or_not(tmp_path: Path, mode: str):
    without = load(mode, environ={}, folder=tmp_path)
    (tmp_path / ".env").write_text(EXAMPLE)
    assert load(mode, environ={}, folder=tmp_path) == without
    (tmp_path / ".env").write_text(re.sub(r"^#(?=[A-Z])", "", EXAMPLE, flags=re.MULTILINE))
    assert load(mode, environ={}, folder=tmp_path) == without


def test_git_ignores_the_env_file_and_keeps_the_example():
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored
    assert ".env*" not in ignored


HUB = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}


@pytest.mark.parametrize("where", [".", "notebooks", "course/notebooks", "elsewhere"])
def test_on_a_hub_state_and_env_file_stand_under_the_home_whichever_folder_a_kernel_is_in(tmp_path: Path, where: str):
    home = tmp_path / "home"
    (home / where).mkdir(parents=True)
    (home / "course").mkdir(exist_ok=True)
    (home / "course" / "pyproject.toml").write_text(KIT)
    (home / "notebooks" / ".lab").mkdir(parents=True, exist_ok=True)
    environ = HUB | {"HOME": str(home)}
    made = load(environ=environ, folder=home / where)
    assert made.state == home / ".lab"
    assert dotenv_path(home / where, environ) == home / ".lab" / ".env"
    (home / ".lab").mkdir()
    (home / ".lab" / ".env").write_text("NBHELPERS_MODE=live\nVONAGE_API_KEY=abcd1234\n")
    assert load(environ=environ, folder=home / where).api_key == "abcd1234"


def test_on_a_hub_too_what_was_wished_wins(tmp_path: Path):
    environ = HUB | {"HOME": str(tmp_path), "NBHELPERS_STATE": "other"}
    assert load(environ=environ, folder=tmp_path).state == tmp_path / "other"
    assert load(state="third", environ=environ, folder=tmp_path).state == tmp_path / "third"


NGROK = [{"NGROK_AUTHTOKEN": "2a"}, {"NGROK_DOMAIN": "ada.ngrok.app"}, {"NGROK_CONNECT_CAS": "host"}]


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({}, "ngrok"),
        ({"PUBLIC_URL": "https://ada.example"}, "url"),
        (HUB, "jupyter"),
        (HUB | {"PUBLIC_URL": "https://ada.example"}, "url"),
        *((HUB | some, "ngrok") for some in NGROK),
        ({"NBHELPERS_TUNNEL": "jupyter"}, "jupyter"),
        ({"NBHELPERS_TUNNEL": "jupyter", "PUBLIC_URL": "https://hub.example", "NGROK_AUTHTOKEN": "2a"}, "jupyter"),
        (HUB | {"NBHELPERS_TUNNEL": "ngrok"}, "ngrok"),
        (HUB | {"NBHELPERS_TUNNEL": "url"}, "url"),
    ],
)
def test_what_makes_the_receiver_public(tmp_path: Path, environ: dict[str, str], kind: str):
    environ = environ | {"HOME": str(tmp_path)}
    assert load("live", environ=environ, folder=tmp_path).tunnel == kind
    assert load("sandbox", environ=environ, folder=tmp_path).tunnel == kind
    assert load("simulator", environ=environ, folder=tmp_path).tunnel == "none"


def test_a_kind_of_tunnel_that_there_is_not_is_refused(tmp_path: Path):
    with pytest.raises(SettingsError, match="Set it to url, ngrok, jupyter"):
        load("live", environ={"NBHELPERS_TUNNEL": "cloud"}, folder=tmp_path)


def test_the_public_address_of_a_server_is_its_own_or_behind_the_hubs(tmp_path: Path):
    environ = HUB | {"HOME": str(tmp_path)}
    hub = {"JUPYTERHUB_PUBLIC_HUB_URL": "https://hub.example/hub/"}
    own = {"JUPYTERHUB_PUBLIC_URL": "https://ada.hub.example/user/ada/"}
    assert load("live", environ=environ, folder=tmp_path).hub_public_url is None
    assert load("live", environ=environ | hub, folder=tmp_path).hub_public_url == "https://hub.example/user/ada/"
    assert load("live", environ=environ | hub | own, folder=tmp_path).hub_public_url == own["JUPYTERHUB_PUBLIC_URL"]
    assert load(environ=environ | own, folder=tmp_path).hub_public_url is None, "simulator mode needs none"


def test_the_state_directory_is_found_whatever_else_cannot_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBHELPERS_MODE", "lively")
    assert state_directory() == tmp_path / ".lab"
    monkeypatch.setenv("NBHELPERS_STATE", str(tmp_path / "other"))
    assert state_directory() == tmp_path / "other"
