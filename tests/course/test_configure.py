"""configuring: asks, checks, and writes .env for you alone; what is secret is asked for secretly and never shown."""

from __future__ import annotations

import base64
import getpass
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.config import settings as configuration
from nbhelpers.config.private_files import make_private_folder
from nbhelpers.config.settings import Settings
from nbhelpers.course.configure import QUESTIONS, Configured, configure
from nbhelpers.errors import KitError, SettingsError

APPLICATION = "11111111-2222-4333-8444-555555554f2a"
SECRET, SIGNING, TOKEN = "the-api-secret-9x", "the-signature-secret-7y", "2aSecretTokenOfNgrok_7fQx9"
NOBODY = "Nobody can be asked here. This front end takes no input. Write the values into .env by hand."
SECRETS = ("VONAGE_API_SECRET", "VONAGE_SIGNATURE_SECRET", "NGROK_AUTHTOKEN")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with no kit above it, so that .env is here."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def key_path(tmp_path: Path, key: PrivateKey) -> Path:
    return save_key(key, make_private_folder(tmp_path / "keys") / "private.key")


@pytest.fixture
def answers(key_path: Path) -> dict[str, str]:
    """A whole set of good answers."""
    return {
        "VONAGE_API_KEY": "abcd1234",
        "VONAGE_API_SECRET": SECRET,
        "VONAGE_APPLICATION_ID": APPLICATION,
        "VONAGE_PRIVATE_KEY": str(key_path),
        "VONAGE_SIGNATURE_SECRET": SIGNING,
        "MESSENGER_SENDER_ID": "200",
        "NGROK_AUTHTOKEN": TOKEN,
        "NGROK_DOMAIN": "ada.ngrok-free.dev",
    }


class Person:
    """Answers by name, a list one after the other, and Enter to everything else; remembers what was asked, and how."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = {
            name: list(said) if isinstance(said, list) else [said] for name, said in (answers or {}).items()
        }
        self.openly: list[str] = []
        self.secretly: list[str] = []

    def _say(self, prompt: str) -> str:
        name = next((name for name in self.answers if f"{name}, " in prompt or prompt.endswith(f"{name}: ")), None)
        said = self.answers.get(name or "", [])
        return said.pop(0) if said else ""

    def answer(self, prompt: str) -> str:
        self.openly.append(prompt)
        return self._say(prompt)

    def whisper(self, prompt: str) -> str:
        self.secretly.append(prompt)
        return self._say(prompt)

    def asked(self) -> list[str]:
        """The names that were asked for, each once."""
        names = [question.name for question in QUESTIONS]
        prompts = [*self.openly, *self.secretly]
        return [name for name in names if any(name in prompt for prompt in prompts)]


def ask(person: Person, mode: str | None = None, again: bool = False, of: str = "live") -> Configured:
    return configure(loaded(of), mode, again, person.answer, person.whisper)


def loaded(mode: str = "live") -> Settings:
    return configuration.load(mode)


def env(folder: Path) -> Path:
    return folder / ".env"


def bits(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# What is written


def test_what_was_answered_is_what_the_settings_are_then(folder: Path, answers: dict[str, str]) -> None:
    done = ask(Person(answers), "live", of="simulator")
    assert done.names == ("NBHELPERS_MODE", *answers)
    assert repr(done).startswith(f"Written to {env(folder)}, readable by you alone: NBHELPERS_MODE, VONAGE_API_KEY, ")
    assert repr(done).endswith("Now run `lab = Lab()` again.")
    settings = configuration.load()
    assert settings.mode == "live"
    assert (settings.api_key, settings.api_secret, settings.signature_secret) == ("abcd1234", SECRET, SIGNING)
    assert (settings.application_id, settings.private_key) == (APPLICATION, answers["VONAGE_PRIVATE_KEY"])
    assert (settings.sender_id, settings.ngrok_authtoken) == ("200", TOKEN)
    assert (settings.ngrok_domain, settings.public_url) == ("ada.ngrok-free.dev", None)


@pytest.mark.parametrize("before", [None, 0o644, 0o666, 0o400])
def test_the_file_is_readable_by_you_alone_whatever_it_was(
    folder: Path, answers: dict[str, str], before: int | None
) -> None:
    if before is not None:
        env(folder).write_text("MESSAGES_API_VERSION=v1\n")
        env(folder).chmod(before)
    ask(Person(answers))
    assert bits(env(folder)) == 0o600
    assert [path.name for path in folder.iterdir() if path.name.startswith(".env")] == [".env"], "no copy lies about"


def test_a_dash_takes_a_value_out_and_without_a_tunnel_of_ones_own_ngrok_is_asked_for(
    folder: Path, answers: dict[str, str]
) -> None:
    tunnels = ("NGROK_AUTHTOKEN", "NGROK_DOMAIN")
    without = {name: value for name, value in answers.items() if name not in tunnels}
    ask(Person(without | {"PUBLIC_URL": "https://ada.example"}))
    assert loaded().public_url == "https://ada.example"
    person = Person({"PUBLIC_URL": "-", "NGROK_AUTHTOKEN": TOKEN, "VONAGE_API_SECRET": "-"})
    ask(person, again=True)
    assert any("Enter leaves it as it is, - takes it out" in prompt for prompt in person.openly)
    after = loaded()
    assert (after.public_url, after.ngrok_authtoken, after.api_secret) == (None, TOKEN, None)
    assert after.application_id == APPLICATION
    assert "PUBLIC_URL" not in env(folder).read_text()


def test_comments_and_all_other_lines_stay_as_they_are(folder: Path, answers: dict[str, str]) -> None:
    env(folder).write_text(
        "# mine\n\nMESSAGES_API_VERSION=v1 # today's\nexport OTHER='a b'\nVONAGE_API_KEY=old\n#NGROK_DOMAIN=\nLAST=1"
    )
    ask(Person(answers), again=True)
    lines = env(folder).read_text().splitlines()
    assert lines[:7] == [
        "# mine",
        "",
        "MESSAGES_API_VERSION=v1 # today's",
        "export OTHER='a b'",
        "VONAGE_API_KEY='abcd1234'",
        "#NGROK_DOMAIN=",
        "LAST=1",
    ]
    assert len([line for line in lines if line.startswith("VONAGE_API_KEY")]) == 1
    settings = loaded()
    assert (settings.api_version, settings.api_key, settings.ngrok_domain) == ("v1", "abcd1234", "ada.ngrok-free.dev")


ODD = [
    "with spaces in it",
    "a$b${HOME}c$(id)`id`",
    "it's",
    "'quoted'",
    '"double"',
    "'",
    '"',
    "a#b #c",
    "#a",
    "a=b",
    "=a",
    "back\\slash",
    "two\\\\slashes",
    "a\\'b",
    "a\\nb",
    "C:\\new\\table",
    "ends in \\",
    "ends in two \\\\",
    "ends in a quote'",
    "\\",
    "\\'",
    "%s %(a)s {b}",
    "Zoë 👋",
    "export A=b",
    "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
]


@pytest.mark.parametrize("secret", ODD)
def test_any_secret_survives_the_way_through_the_file_and_so_do_its_neighbours(
    folder: Path, answers: dict[str, str], secret: str
) -> None:
    ask(Person(answers | {"VONAGE_API_SECRET": secret}))
    settings = loaded()
    assert settings.api_secret == secret
    # And once more, when there is something behind it that must not be swallowed.
    ask(Person({"VONAGE_API_SECRET": secret, "VONAGE_SIGNATURE_SECRET": secret}), again=True)
    settings = loaded()
    assert (settings.api_secret, settings.signature_secret) == (secret, secret)
    assert (settings.api_key, settings.application_id, settings.sender_id) == ("abcd1234", APPLICATION, "200")
    assert (settings.ngrok_authtoken, settings.ngrok_domain) == (TOKEN, "ada.ngrok-free.dev")


def test_white_space_around_an_answer_is_left_out(folder: Path, answers: dict[str, str], key_path: Path) -> None:
    ask(Person({name: f"  {value}\t" for name, value in answers.items()} | {"VONAGE_PRIVATE_KEY": f" '{key_path}' "}))
    assert loaded().api_key == "abcd1234"
    assert loaded().private_key == str(key_path)
    assert loaded().ngrok_authtoken == TOKEN


def test_a_key_may_be_named_from_here_or_from_home_and_is_found_from_everywhere(
    folder: Path, key_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    for name in ("keys/private.key", "~/keys/private.key"):
        ask(Person({"VONAGE_PRIVATE_KEY": name}), again=True)
        assert loaded().private_key == str(key_path)


@pytest.mark.parametrize("dress", ["'{}'", '"{}"\t', "file://{}", "$KEYS/private.key", "{}"])
def test_the_path_of_a_key_is_written_as_the_file_that_is_meant(
    folder: Path, key_path: Path, monkeypatch: pytest.MonkeyPatch, dress: str
) -> None:
    monkeypatch.setenv("KEYS", str(key_path.parent))
    ask(Person({"VONAGE_PRIVATE_KEY": dress.format(key_path)}))
    assert loaded().private_key == str(key_path)


def test_a_key_that_is_given_in_the_place_of_its_path_is_not_written(folder: Path, key: PrivateKey) -> None:
    person = Person({"VONAGE_PRIVATE_KEY": base64.b64encode(key.pem().encode()).decode()})
    ask(person)
    assert not env(folder).exists()
    assert "This is the key itself. Here its path is asked for." in "".join(person.openly)


def test_a_file_in_utf_16_is_refused_and_stays_as_it_is(folder: Path, answers: dict[str, str]) -> None:
    before = "VONAGE_API_KEY=abcd1234\r\n".encode("utf-16")
    env(folder).write_bytes(before)
    assert loaded().api_key == "abcd1234"  # reading it is no problem
    with pytest.raises(SettingsError, match=r"\.env cannot be changed\. It is not stored as UTF-8\. Save it as UTF-8"):
        ask(Person(answers))
    assert env(folder).read_bytes() == before


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_kept(folder: Path, answers: dict[str, str]) -> None:
    env(folder).write_bytes("MESSAGES_API_VERSION=v1\r\nVONAGE_API_KEY=old\r\n".encode("utf-8-sig"))
    ask(Person(answers), again=True)
    assert (loaded().api_version, loaded().api_key, loaded().api_secret) == ("v1", "abcd1234", SECRET)


def test_what_an_editor_called_env_txt_goes_on_counting(folder: Path, answers: dict[str, str]) -> None:
    (folder / ".env.txt").write_text("MESSAGES_API_VERSION=v1\nVONAGE_API_KEY=abcd1234\n")
    assert loaded().api_key == "abcd1234"
    ask(Person({"VONAGE_API_SECRET": SECRET}))
    assert (loaded().api_version, loaded().api_key, loaded().api_secret) == ("v1", "abcd1234", SECRET)


# What is asked


def test_enter_leaves_out_what_is_not_set_and_leaves_what_is(folder: Path, answers: dict[str, str]) -> None:
    done = ask(Person({"VONAGE_API_KEY": "abcd1234"}))
    assert done.names == ("VONAGE_API_KEY",)
    assert env(folder).read_text() == "VONAGE_API_KEY='abcd1234'\n"
    done = ask(Person(), again=True)
    assert (done.names, loaded().api_key) == ((), "abcd1234")


def test_only_what_is_missing_is_asked_for_unless_it_is_to_be_asked_again(answers: dict[str, str]) -> None:
    ask(Person({name: value for name, value in answers.items() if name != "VONAGE_PRIVATE_KEY"}))
    person = Person(answers)
    assert ask(person).names == ("VONAGE_PRIVATE_KEY",)
    assert person.asked() == ["VONAGE_PRIVATE_KEY", "PUBLIC_URL"]
    person = Person()
    assert repr(ask(person)) == 'Everything is set. To change it, run `lab.configure("live", again=True)`.'
    assert person.asked() == [], "what was left out once is not asked for for ever"
    person = Person()
    ask(person, again=True)
    assert person.asked() == [question.name for question in QUESTIONS]


def test_secrets_are_asked_for_secretly_and_nothing_else_is(answers: dict[str, str]) -> None:
    person = Person(answers)
    ask(person)
    assert sorted(prompt.partition(",")[0] for prompt in person.secretly) == sorted(SECRETS)
    assert all("nothing is shown while you type" in prompt for prompt in person.secretly)
    assert not any("nothing is shown" in prompt or name in prompt for prompt in person.openly for name in SECRETS)


def test_in_a_notebook_it_asks_with_input_and_getpass(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    person = Person(answers)
    monkeypatch.setattr("builtins.input", person.answer)
    monkeypatch.setattr(getpass, "getpass", person.whisper)
    configure(loaded())
    assert sorted(prompt.partition(",")[0] for prompt in person.secretly) == sorted(SECRETS)
    assert loaded().api_secret == SECRET
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("mode", "needed"),
    [
        ("live", {"VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY", "MESSENGER_SENDER_ID"}),
        ("sandbox", {"VONAGE_API_KEY", "VONAGE_API_SECRET"}),
    ],
)
def test_each_question_says_whether_it_is_needed(mode: str, needed: set[str]) -> None:
    person = Person()
    ask(person, mode, of="simulator")
    for prompt in (*person.openly, *person.secretly):
        name = prompt.partition(",")[0]
        assert ("(needed)" in prompt or "; needed)" in prompt or "type; needed" in prompt) == (name in needed), prompt
        assert ("Enter leaves it out" in prompt) == (name not in needed), prompt


def test_with_a_tunnel_of_your_own_ngrok_is_not_asked_about(answers: dict[str, str]) -> None:
    person = Person(answers | {"PUBLIC_URL": "https://ada.example/"})
    ask(person)
    assert not [name for name in person.asked() if name.startswith("NGROK")]
    assert loaded().public_url == "https://ada.example"
    person = Person()
    ask(person)  # nor later on
    assert not [name for name in person.asked() if name.startswith("NGROK")]


def test_what_the_file_says_already_is_not_asked_for_when_the_mode_changes(answers: dict[str, str]) -> None:
    ask(Person(answers))
    person = Person()
    assert ask(person, "sandbox").names == ("NBHELPERS_MODE",)
    assert person.asked() == []
    assert configuration.load().mode == "sandbox"


# What cannot be meant


WRONG = [
    ("VONAGE_APPLICATION_ID", "abcd1234", APPLICATION, "This is no application ID."),
    ("VONAGE_APPLICATION_ID", APPLICATION[:-1], APPLICATION, "This is no application ID."),
    ("VONAGE_PRIVATE_KEY", "nowhere/private.key", "{key}", "missing"),
    ("VONAGE_PRIVATE_KEY", ".", "{key}", ""),
    ("MESSENGER_SENDER_ID", "my page", "200", "This is no Page ID."),
    ("MESSENGER_SENDER_ID", "-200", "200", "This is no Page ID."),
    ("NGROK_AUTHTOKEN", "ngrok config add-authtoken 2abc", TOKEN, "It holds a whole command line."),
    ("NGROK_AUTHTOKEN", "ak_2abcdefghijklmnop", TOKEN, "It is the ID of an API key or credential"),
    ("NGROK_AUTHTOKEN", "two words", TOKEN, "NGROK_AUTHTOKEN is no ngrok token."),
    ("PUBLIC_URL", "ada.example", "https://ada.example", "PUBLIC_URL is not the address of a tunnel."),
    ("PUBLIC_URL", "https://ada.example/webhooks/inbound", "https://ada.example", "with no path behind it"),
]


@pytest.mark.parametrize(("name", "wrong", "right", "words"), WRONG)
def test_what_cannot_be_meant_is_asked_for_again_with_the_reason(
    key_path: Path, name: str, wrong: str, right: str, words: str
) -> None:
    right = right.format(key=key_path)
    person = Person({name: [wrong, wrong, right]})
    assert ask(person).names == (name,)
    prompts = [prompt for prompt in (*person.openly, *person.secretly) if prompt.endswith(f"{name}: ")]
    assert len(prompts) == 2
    assert all(words in prompt for prompt in prompts)
    assert name not in SECRETS or not any(wrong in prompt for prompt in prompts)


@pytest.mark.parametrize(("name", "wrong", "right", "words"), WRONG)
@pytest.mark.parametrize("before", [None, "# mine\nVONAGE_API_KEY=old\n"])
def test_after_three_of_them_it_gives_up_and_nothing_at_all_is_written(
    folder: Path, answers: dict[str, str], name: str, wrong: str, right: str, words: str, before: str | None
) -> None:
    if before is not None:
        env(folder).write_text(before)
    person = Person(answers | {name: [wrong, wrong, wrong, answers.get(name, right)]})
    with pytest.raises(SettingsError, match=rf"^{name} was not set\. 3 answers could not be meant\.") as gave_up:
        ask(person, "live", again=True, of="simulator")
    assert (env(folder).read_text() if env(folder).exists() else None) == before
    assert [path.name for path in folder.iterdir() if path.name.startswith(".env")] == ([".env"] if before else [])
    assert not any(part in str(gave_up.value) for part in (SECRET, SIGNING, TOKEN, wrong) if part != ".")


def test_enter_after_a_wrong_one_leaves_it_out(folder: Path) -> None:
    assert ask(Person({"VONAGE_APPLICATION_ID": ["wrong", ""], "VONAGE_API_KEY": "abcd1234"})).names == (
        "VONAGE_API_KEY",
    )


# Modes


@pytest.mark.parametrize("again", [False, True])
def test_in_simulator_mode_nothing_is_asked_and_nothing_is_written(folder: Path, again: bool) -> None:
    person = Person()
    done = ask(person, again=again, of="simulator")
    assert repr(done) == 'In simulator mode nothing is needed. To go live, run `lab.configure("live")`.'
    assert (person.asked(), done.names, env(folder).exists()) == ([], (), False)


def test_back_to_the_simulator_is_one_word_and_keeps_the_rest(folder: Path, answers: dict[str, str]) -> None:
    ask(Person(answers), "live", of="simulator")
    person = Person()
    done = ask(person, "simulator")
    assert (done.names, person.asked()) == (("NBHELPERS_MODE",), [])
    assert configuration.load().mode == "simulator"
    assert loaded("live").api_secret == SECRET


@pytest.mark.parametrize("mode", ["Live", "production", "", " "])
def test_a_mode_that_there_is_not_is_said_before_anything_is_asked(folder: Path, mode: str) -> None:
    person = Person()
    if not mode:  # the one that is: simulator
        assert ask(person, mode, of="simulator").names == ()
        return
    with pytest.raises(SettingsError, match=r"There is no such mode\..*Use simulator, sandbox, live\."):
        ask(person, mode)
    assert (person.asked(), env(folder).exists()) == ([], False)


def test_an_environment_that_says_something_else_is_named_because_it_wins(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]
) -> None:
    monkeypatch.setenv("VONAGE_API_KEY", "another")
    monkeypatch.setenv("VONAGE_API_SECRET", "another-secret-of-the-shell")
    monkeypatch.setenv("VONAGE_APPLICATION_ID", APPLICATION)
    words = repr(ask(Person(answers), again=True))
    assert words.endswith(
        "But the environment says something else of VONAGE_API_KEY, VONAGE_API_SECRET, and wins: take it out there."
    )
    assert "another" not in words
    assert loaded().api_key == "another"


def test_an_environment_that_holds_the_mode_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBHELPERS_MODE", "live")
    assert "says something else of NBHELPERS_MODE, and wins" in repr(ask(Person(), "simulator"))


# Who cannot be asked, and what is never shown


def raising(error: type[BaseException]) -> Callable[[str], str]:
    def ask_nobody(prompt: str) -> str:
        raise error

    return ask_nobody


@pytest.mark.parametrize("error", [EOFError, NotImplementedError, RuntimeError])
def test_where_nobody_can_be_asked_one_sentence_says_what_to_do(folder: Path, error: type[BaseException]) -> None:
    with pytest.raises(SettingsError) as told:
        configure(loaded(), ask=raising(error), ask_secretly=raising(error))
    assert str(told.value) == NOBODY
    assert not env(folder).exists()


def test_who_leaves_in_the_middle_leaves_no_half_of_a_file(folder: Path, answers: dict[str, str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        configure(loaded(), ask=Person(answers).answer, ask_secretly=raising(KeyboardInterrupt))
    with pytest.raises(SettingsError, match="Nobody can be asked here"):
        configure(loaded(), ask=Person(answers).answer, ask_secretly=raising(EOFError))
    assert not env(folder).exists()


def test_in_a_kernel_that_nobody_sits_at_it_is_one_sentence_and_no_traceback(folder: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell('from nbhelpers import Lab\nlab = Lab(mode="live")'),
        nbformat.v4.new_code_cell("lab.configure()"),
        nbformat.v4.new_code_cell('lab.configure("sandbox", again=True)'),
    ]
    client = NotebookClient(notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    client.execute(env=os.environ | {"JPY_PARENT_PID": str(os.getpid())})
    for cell in notebook.cells[1:]:
        (output,) = cell.outputs
        assert output["output_type"] == "error"
        assert output["traceback"] == [f"SettingsError: {NOBODY}"]
    assert not env(folder).exists()


def test_no_secret_is_in_anything_that_is_shown(
    answers: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person = Person(answers)
    done = ask(person)
    shown = [repr(done), str(done), done._repr_html_(), json.dumps(done.__dict__, default=str), *person.openly]
    shown += [*person.secretly, *capsys.readouterr(), repr(loaded()), str(loaded())]
    for text in shown:
        assert not any(secret in text for secret in (SECRET, SIGNING, TOKEN))
    assert done._repr_html_().startswith('<p role="status">Written to ')


def test_a_file_that_cannot_be_written_is_told_without_what_was_to_stand_in_it(
    folder: Path, answers: dict[str, str]
) -> None:
    env(folder).mkdir()
    with pytest.raises((KitError, OSError)) as told:
        ask(Person(answers))
    assert not any(secret in f"{told.value!r} {told.value}" for secret in (SECRET, SIGNING, TOKEN))


def test_the_lab_hands_it_out(folder: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]) -> None:
    person = Person(answers)
    monkeypatch.setattr("builtins.input", person.answer)
    monkeypatch.setattr(getpass, "getpass", person.whisper)
    lab = Lab(state=folder / "lab", mode="live")
    assert "Written to" in repr(lab.configure())
    lab.inbox.close()
    lab = Lab(state=folder / "lab", mode="live")
    assert lab.facts["application_id"] == APPLICATION
    lab.inbox.close()


def test_on_a_hub_nothing_is_asked_about_a_tunnel_and_the_file_stands_beside_the_state(
    folder: Path, answers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "home" / ".lab").mkdir(parents=True)
    person = Person({name: value for name, value in answers.items() if not name.startswith("NGROK")})
    ask(person)
    assert not {"PUBLIC_URL", "NGROK_AUTHTOKEN", "NGROK_DOMAIN"} & set(person.asked())
    assert not env(folder).exists()
    assert bits(folder / "home" / ".lab" / ".env") == 0o600
    assert loaded().tunnel == "jupyter"
    again = Person()
    assert ask(again).names == () and again.asked() == [], "nothing is missing"
