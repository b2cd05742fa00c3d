"""credentials: one key in whatever state it arrives; what cannot be one is refused in a sentence, never shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.auth.private_key import PrivateKey, generate_key, load_key, save_key
from nbhelpers.errors import CredentialsError

pytestmark = pytest.mark.fast

PKCS1 = PrivateFormat.TraditionalOpenSSL


def written(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def numbers(key: PrivateKey) -> object:
    return key.key.private_numbers()


def shows(error: CredentialsError, pem: str) -> list[str]:
    """The pieces of a key, three quarters of a line each, that an error shows."""
    body = re.sub(r"-----[^-]*-----|[^A-Za-z0-9+/=]", "", pem)
    text = f"{error!r} {error}"
    return [body[at : at + 48] for at in range(len(body) - 47) if body[at : at + 48] in text]


def refused(source: str | Path | None, pem: str = "") -> CredentialsError:
    with pytest.raises(CredentialsError) as caught:
        load_key(source)
    error = caught.value
    assert error.what and error.seen and error.next
    assert "\n" not in str(error)
    assert not shows(error, pem)
    return error


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PKCS1])
def test_both_forms_of_an_rsa_key_load_from_text_and_from_a_file(key: PrivateKey, tmp_path: Path, form: PrivateFormat):
    pem = written(key, form)
    path = tmp_path / "private.key"
    path.write_text(pem)
    for source in (pem, path, str(path)):
        loaded = load_key(source)
        assert numbers(loaded) == numbers(key)
        assert loaded.repairs == ()
    assert load_key(path).source == str(path)


def test_a_path_under_the_home_folder_is_found(key: PrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "private.key").write_text(written(key))
    assert numbers(load_key("~/private.key")) == numbers(key)


LINE_ENDS = {  # what stands between the lines, and what is said of it
    "\n": (),
    "\r\n": ("Windows line ends",),
    "\r": ("Windows line ends",),
    "\\n": ("literal \\n",),
    "\\r\\n": ("literal \\n",),
    "": ("lost line ends",),
    " ": ("lost line ends",),
}


@pytest.mark.thorough
@hypothesis_settings(max_examples=45, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from([PrivateFormat.PKCS8, PKCS1]),
    between=st.sampled_from(list(LINE_ENDS)),
    quote=st.sampled_from(["", "'", '"']),
    mark=st.booleans(),
    around=st.sampled_from(["", "\n", "  ", "\n\n"]),
    file=st.sampled_from([None, "utf-8", "utf-16-le", "utf-16-be"]),
)
def test_a_key_mangled_in_any_combination_loads_and_every_repair_is_said(
    key: PrivateKey,
    tmp_path: Path,
    form: PrivateFormat,
    between: str,
    quote: str,
    mark: bool,
    around: str,
    file: str | None,
):
    text = quote + between.join(written(key, form).strip().splitlines()) + quote + around
    expected = list(LINE_ENDS[between])
    if quote:
        expected.append("quotes")
    if file is None or file == "utf-8":
        if mark:
            text = "\ufeff" + text
            expected.append("byte order mark")
    else:
        text = "\ufeff" + text
        expected.append("UTF-16")
    source: str | Path = text
    if file is not None:
        source = tmp_path / "mangled.key"
        source.write_bytes(text.encode(file))
    loaded = load_key(source)
    assert numbers(loaded) == numbers(key)
    assert len(loaded.repairs) == len(expected)
    for words in expected:
        assert any(words in repair for repair in loaded.repairs), (words, loaded.repairs)


@hypothesis_settings(max_examples=45, deadline=None)
@given(data=st.data())
def test_a_damaged_key_is_refused_without_a_piece_of_it(key: PrivateKey, data: st.DataObject):
    pem = written(key)
    start = data.draw(st.integers(0, len(pem) - 1))
    end = data.draw(st.integers(start, len(pem)))
    damaged = data.draw(
        st.sampled_from(
            [
                pem[start:end],
                pem[:start] + pem[end:],
                pem[:start] + "#" + pem[start:],
                "".join(pem[start:end].split()),
                pem.replace("-----", ""),
                pem.replace("\n", "\\\\n"),
            ]
        )
    )
    try:
        loaded, error = load_key(damaged), None
    except CredentialsError as raised:
        loaded, error = None, raised
    if error is not None:
        assert not shows(error, pem)
    else:  # what was cut out was no part of the key
        assert loaded is not None and numbers(loaded) == numbers(key)


def test_text_around_the_key_does_not_matter(key: PrivateKey):
    assert numbers(load_key(f"Bag Attributes\n  friendlyName: mine\n{written(key)}\nsome more\n")) == numbers(key)


def test_a_public_key_is_refused_as_the_wrong_half(key: PrivateKey, tmp_path: Path):
    path = tmp_path / "public.key"
    path.write_text(key.public_pem)
    error = refused(path)
    assert "public half" in error.what
    assert "BEGIN PUBLIC KEY" in error.seen
    pkcs1 = key.key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert "BEGIN RSA PUBLIC KEY" in refused(pkcs1).seen


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PKCS1])
def test_an_encrypted_key_is_refused_as_locked(key: PrivateKey, form: PrivateFormat):
    pem = key.key.private_bytes(Encoding.PEM, form, serialization.BestAvailableEncryption(b"secret")).decode()
    assert ("Proc-Type: 4,ENCRYPTED" in pem) == (form is PKCS1)
    error = refused(pem, pem)
    assert "password" in error.what
    assert "encrypted" in error.seen


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PKCS1])
def test_an_elliptic_curve_key_is_refused_by_name(form: PrivateFormat):
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    error = refused(pem, pem)
    assert "RSA" in error.what
    assert "EC" in error.seen or "elliptic" in error.seen


def test_an_ed25519_key_is_refused_by_name():
    made = ed25519.Ed25519PrivateKey.generate()
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert "Ed25519" in refused(pem, pem).seen
    openssh = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    assert "Ed25519" in refused(openssh, openssh).seen


def test_a_key_of_1024_bits_is_refused_with_its_size():
    made = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    error = refused(pem, pem)
    assert "1024" in error.seen
    assert "2048" in error.next


def test_a_missing_file_is_named_with_what_lies_beside_it(key: PrivateKey, tmp_path: Path):
    for name in ("private.key.txt", "my.pem", "notes.txt"):
        (tmp_path / name).touch()
    error = refused(tmp_path / "private.key")
    assert str(tmp_path / "private.key") in error.seen
    assert "private.key.txt" in error.seen
    assert "my.pem" in error.seen
    assert "notes.txt" not in error.seen


def test_a_missing_file_in_a_missing_folder_is_named(tmp_path: Path):
    assert "nowhere" in refused(tmp_path / "nowhere" / "private.key").seen


@pytest.mark.parametrize("source", [None, "", "  \n"])
def test_nothing_at_all_is_refused_as_nothing(source: str | None):
    assert "no private key" in refused(source).what


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_refused_as_empty(tmp_path: Path, content: str):
    path = tmp_path / "private.key"
    path.write_text(content)
    assert "is empty" in refused(path).seen


def test_a_file_of_something_else_is_refused_with_its_length(tmp_path: Path):
    path = tmp_path / "private.key"
    path.write_text("<html>not found</html>")
    assert "22 characters" in refused(path).seen


def test_a_key_cut_off_at_the_end_is_told_by_its_missing_end_line(key: PrivateKey):
    pem = written(key)
    assert "no END line" in refused(pem[:800], pem).seen
    assert "no END line" in refused("-----BEGIN PRIVATE KEY-----").seen


def test_a_key_with_a_lost_line_is_refused_as_damaged(key: PrivateKey):
    pem = written(key)
    lines = pem.splitlines()
    assert "damaged" in refused("\n".join(lines[:5] + lines[6:]), pem).what


def test_a_folder_is_refused_as_one(tmp_path: Path):
    assert "irectory" in refused(tmp_path).seen


@pytest.mark.parametrize("source", ["~nosuchuser_at_all/private.key", "private\0.key", "x" * 260, "line\nline"])
def test_a_name_that_no_system_takes_is_refused_in_words(source: str):
    refused(source)


def test_one_line_of_a_key_is_never_shown_as_if_it_were_a_path(key: PrivateKey):
    pem = written(key)
    body = "".join(pem.splitlines()[1:-1])
    slash = body.index("/")
    for piece in (
        pem.splitlines()[1],
        body[100:160],
        body[:280],
        body[slash : slash + 64],
        "--BEGIN--" + body[:60],
    ):
        refused(piece, pem)


def test_a_key_never_shows_itself(key: PrivateKey):
    for shown in (repr(key), str(key), f"{key}"):
        assert "PRIVATE KEY" not in shown
        assert str(key.key.private_numbers().d) not in shown


def test_a_saved_key_loads_again_and_is_yours_alone(key: PrivateKey, tmp_path: Path):
    path = save_key(key, tmp_path / "private.key")
    assert path.stat().st_mode & 0o777 == 0o600
    assert numbers(load_key(path)) == numbers(key)
    assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    save_key(written(key, PKCS1), path)
    assert numbers(load_key(path)) == numbers(key)


def test_a_new_key_has_the_size_the_service_makes():
    made = generate_key()
    assert made.key.key_size == 2048
    assert numbers(load_key(made.pem())) == numbers(made)


def test_a_key_knows_its_public_half_however_it_is_wrapped(key: PrivateKey, other_key: PrivateKey):
    pem = key.public_pem
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")
    pkcs1 = key.key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    for wrapped in (pem, f"\n  {pem}  ", pem.replace("\n", "\r\n"), pkcs1):
        assert key.fits(wrapped)
        assert not other_key.fits(wrapped)
    for other in ("", "rubbish", "\ud800", written(key)):
        assert not key.fits(other)


# ---- loaded once ----


def test_a_key_file_is_parsed_once_and_again_when_it_has_changed(
    key: PrivateKey, other_key: PrivateKey, tmp_path: Path
):
    path = save_key(key, tmp_path / "private.key")
    first = load_key(path)
    assert load_key(str(path)) is first
    save_key(other_key, path)
    assert load_key(path).fits(other_key.public_pem)
    save_key(key, path)
    assert load_key(path).fits(key.public_pem)


def test_a_changed_key_is_seen_although_its_time_is_the_same(key: PrivateKey, other_key: PrivateKey, tmp_path: Path):
    path = tmp_path / "private.key"
    path.write_text(key.pem())
    before = path.stat()
    load_key(path)
    path.write_text("\n" + other_key.pem() + "\n\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_key(path).fits(other_key.public_pem)


def test_a_key_file_that_is_gone_is_missed_at_once(key: PrivateKey, tmp_path: Path):
    path = save_key(key, tmp_path / "private.key")
    load_key(path)
    path.unlink()
    with pytest.raises(CredentialsError, match=r"The private key is missing\."):
        load_key(path)


def test_a_text_is_parsed_once(key: PrivateKey):
    assert load_key(key.pem()) is load_key(key.pem())
