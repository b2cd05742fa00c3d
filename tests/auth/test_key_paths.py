"""A path in whatever dress it is pasted is taken, and what was taken off is said."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.auth.key_paths import meant_path
from nbhelpers.auth.private_key import PrivateKey, load_key, save_key
from nbhelpers.errors import CredentialsError

pytestmark = pytest.mark.fast

BLANKS, QUOTES, SCHEME, HOME, ESCAPES = (
    "blanks or a line end around the path were left out",
    "quotes around the path were left out",
    "file:// was left out of the path",
    "~ was read as the home folder",
    "backslashes before blanks were left out of the path",
)

# What is pasted, with {folder} for where the keys are; and the repairs that are named.
PASTED = {
    "as it is": ("{folder}/private.key", ()),
    "double quotes": ('"{folder}/private.key"', (QUOTES,)),
    "single quotes": ("'{folder}/private.key'", (QUOTES,)),
    "one quote alone": ('{folder}/private.key"', (QUOTES,)),
    "a word processor's quotes": ("“{folder}/private.key”", (QUOTES,)),
    "bytes as they print": ("b'{folder}/private.key'", (QUOTES,)),
    "a line end": ("{folder}/private.key\n", (BLANKS,)),
    "a Windows line end": ("{folder}/private.key\r\n", (BLANKS,)),
    "blanks around it": ("  {folder}/private.key\t ", (BLANKS,)),
    "a blank that does not break": ("{folder}/private.key\u00a0", (BLANKS,)),
    "the mark of Windows' properties": ("\u202a{folder}/private.key", (BLANKS,)),
    "quotes and blanks in them": ('" {folder}/private.key "\n', (BLANKS, QUOTES)),
    "the home folder": ("~/private.key", (HOME,)),
    "the home folder in quotes": ('"~/private.key"', (QUOTES, HOME)),
    "a variable": ("$KEYS/private.key", ("$KEYS got its value",)),
    "a variable in braces": ("${{KEYS}}/private.key", ("${KEYS} got its value",)),
    "a variable of Windows": ("%KEYS%/private.key", ("%KEYS% got its value",)),
    "a variable of PowerShell": ("$env:KEYS/private.key", ("$env:KEYS got its value",)),
    "two variables": ("$KEYS/$NAME.key", ("$KEYS and $NAME got their values",)),
    "a variable in quotes": ('"$KEYS/private.key"', (QUOTES, "$KEYS got its value")),
    "a variable for the whole path": ("$KEY_FILE", ("$KEY_FILE got its value",)),
    "a variable that begins at home": ("$AT_HOME", ("$AT_HOME got its value", HOME)),
    "file://": ("file://{folder}/private.key", (SCHEME,)),
    "file:// with localhost": ("file://localhost{folder}/private.key", (SCHEME,)),
    "file: with one slash": ("file:{folder}/private.key", (SCHEME,)),
    "file:// at home": ("file:///~/private.key", (SCHEME, HOME)),
    "file:// with a blank as a browser writes it": ("file://{folder}/my%20own.key", (SCHEME,)),
    "a blank": ("{folder}/my own.key", ()),
    "an escaped blank": ("{folder}/my\\ own.key", (ESCAPES,)),
    "an escaped bracket": ("{folder}/key\\ \\(1\\).key", (ESCAPES,)),
    "an escaped blank at home": ("~/my\\ own.key", (HOME, ESCAPES)),
    "quotes around a path with a blank": ('"{folder}/my own.key"', (QUOTES,)),
}


@pytest.fixture
def folder(tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "keys"
    place.mkdir()
    for name in ("private.key", "my own.key", "key (1).key"):
        save_key(key, place / name)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("USERPROFILE", str(place))
    monkeypatch.setenv("KEYS", str(place))
    monkeypatch.setenv("NAME", "private")
    monkeypatch.setenv("KEY_FILE", str(place / "private.key"))
    monkeypatch.setenv("AT_HOME", "~/private.key")
    return place


@pytest.mark.parametrize("how", PASTED)
def test_a_path_is_taken_as_it_was_pasted_and_each_repair_is_named(folder: Path, key: PrivateKey, how: str):
    pasted, repairs = PASTED[how]
    found = load_key(pasted.format(folder=folder))
    assert found.fits(key.public_pem)
    assert found.repairs == repairs
    assert Path(found.source).parent == folder


def test_a_path_of_windows_behind_file_loses_the_slash_before_its_letter():
    assert meant_path("file:///C:/Users/ada/private.key").path == "C:/Users/ada/private.key"
    assert meant_path('"C:\\Users\\ada lovelace\\private.key"').path == "C:\\Users\\ada lovelace\\private.key"


def test_a_file_that_is_there_is_taken_whatever_its_name_looks_like(tmp_path: Path, key: PrivateKey):
    for name in ("'quoted'", " blank ", "$KEYS.key", "a\\ b", "%KEYS%", "PRIVATE KEY-----"):
        found = load_key(str(save_key(key, tmp_path / name)))
        assert (found.repairs, found.source) == ((), str(tmp_path / name))


def test_a_file_that_is_not_there_is_named_as_it_is_meant(folder: Path):
    with pytest.raises(CredentialsError) as refused:
        load_key(f'"{folder}/privat.key"\n')
    assert (
        refused.value.seen == f"There is no file {folder}/privat.key. Beside it: key (1).key, my own.key, private.key."
    )


def test_what_a_variable_holds_is_not_shown(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "a-secret-that-somebody-chose")
    with pytest.raises(CredentialsError) as refused:
        load_key("$SECRET/private.key")
    assert refused.value.seen == "There is no file $SECRET/private.key."
    assert "somebody" not in repr(refused.value.args)


def test_a_variable_that_has_no_value_is_named():
    with pytest.raises(CredentialsError) as refused:
        load_key("$NOWHERE/%NOTHING%/private.key")
    assert "$NOWHERE/%NOTHING%/private.key" in refused.value.seen
    assert refused.value.next == "NOWHERE and NOTHING are not set here: write the path out."


def test_a_variable_may_hold_the_key_itself(key: PrivateKey, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_KEY", key.pem())
    found = load_key("${MY_KEY}")
    assert found.fits(key.public_pem)
    assert found.repairs == ("${MY_KEY} got its value",)
    assert key.pem()[100:150] not in repr(found)


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
@example("~\0")  # which is in no user's name
def test_no_text_makes_it_raise_anything_but_its_refusal(tmp_path: Path, text: str):
    with contextlib.chdir(tmp_path), pytest.raises(CredentialsError):
        load_key(text)
