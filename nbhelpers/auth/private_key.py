"""Loads a private key from a path or PEM text, says what was repaired, makes one, shows its public half."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from nbhelpers.config.private_files import write_private
from nbhelpers.errors import CredentialsError

__all__ = ["PrivateKey", "generate_key", "load_key", "save_key"]

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+?)-----(.*?)-----END ([A-Z0-9 ]+?)-----", re.DOTALL)
_PIECE = re.compile(r"[A-Za-z0-9+/=]{48,}")  # what may be a line of a key, and must not be shown as a path
_LOADABLE = ("PRIVATE KEY", "RSA PRIVATE KEY")  # PKCS#8, as the service makes them, and PKCS#1, as older tools do
_SMALLEST = 2048  # bits; RFC 7518 section 3.3 asks RS256 keys for no less


@dataclass(frozen=True)
class PrivateKey:
    """An RSA private key that loaded. It never shows itself: only where it came from and what was repaired.

    `key` is the loaded key (parse a PEM once: signing with a loaded key is over a hundred times faster); `source` says
    where it came from; `repairs` what had to be mended, in words.
    """

    key: rsa.RSAPrivateKey = field(repr=False)
    source: str
    repairs: tuple[str, ...] = ()

    @property
    def public_pem(self) -> str:
        """The public half as PEM: what the service keeps, safe to show and to compare."""
        return (
            self.key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def pem(self) -> str:
        """Return the private key itself as PKCS#8 PEM, for a file. Never print it."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def fits(self, public_pem: str) -> bool:
        """Say whether `public_pem` is the public half of this key, however it is wrapped."""
        try:
            other = serialization.load_pem_public_key(public_pem.strip().encode())
        except (ValueError, UnsupportedAlgorithm):
            return False
        return isinstance(other, rsa.RSAPublicKey) and other.public_numbers() == self.key.public_key().public_numbers()


def generate_key() -> PrivateKey:
    """Make a new RSA key of 2048 bits, the size the service makes."""
    return PrivateKey(rsa.generate_private_key(public_exponent=65537, key_size=_SMALLEST), "made just now")


def save_key(key: PrivateKey | str, path: Path) -> Path:
    """Write the key (or its PEM text) to `path`, readable by you alone, and return the path."""
    pem = key.pem() if isinstance(key, PrivateKey) else key
    write_private(path, pem.encode())
    return path


def load_key(source: str | Path | None) -> PrivateKey:
    """Load the private key from a path, or from PEM text as it comes out of an environment variable.

    A key is parsed once; a file that has changed is read again. Repaired, and said so in `repairs`: a byte order mark,
    UTF-16, Windows line ends, quotes, a literal backslash-n in the place of a line end, lost line ends. Takes PKCS#8
    (`BEGIN PRIVATE KEY`) and PKCS#1 (`BEGIN RSA PRIVATE KEY`).

    Raises CredentialsError, in one sentence that names what was found and never the key, for a key that is
    missing, public, encrypted, not RSA, too short or not readable.
    """
    if source is None or not str(source).strip():
        raise CredentialsError(
            "There is no private key.",
            "Neither a path nor a PEM text was given.",
            "Give the path of the file that came with your application, such as private.key.",
        )
    if isinstance(source, str) and "-----BEGIN" in source:
        return _parsed_text(source)
    path = os.fspath(source)
    try:
        known = os.stat(os.path.expanduser(path))  # noqa: PTH111, PTH116 - each token asks, and a Path takes thrice as long
    except (OSError, ValueError):  # reading it says which, in words
        return _from_text(*_read(Path(path)))
    return _parsed_file(path, (known.st_mtime_ns, known.st_size, known.st_ino))


@functools.lru_cache(maxsize=8)
def _parsed_text(text: str) -> PrivateKey:
    return _from_text(text, "the text you gave", [])


# A file that has changed is another one: parsing a PEM takes a hundred times as long as a signature.
@functools.lru_cache(maxsize=8)
def _parsed_file(path: str, _version: tuple[int, int, int]) -> PrivateKey:
    return _from_text(*_read(Path(path)))


def _read(path: Path) -> tuple[str, str, list[str]]:
    shown = str(path)
    no_path = CredentialsError(
        "The private key cannot be read.",
        f"What was given is neither a path nor a PEM text: {len(shown)} characters without a BEGIN line.",
        "Give the path of the file, or the whole text from BEGIN to END.",
    )
    if len(shown) > 300 or not shown.isprintable():
        raise no_path
    try:
        path = path.expanduser()
        data = path.read_bytes()
    except FileNotFoundError:
        if _may_be_key(path):
            raise no_path from None
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix in (".key", ".pem") or "key" in p.name.lower())
        seen = f"There is no file {path.absolute()}."
        if near:
            seen += f" Beside it: {', '.join(near[:5])}."
        raise CredentialsError("The private key is missing.", seen, "Check the folder and the spelling.") from None
    except (OSError, RuntimeError, ValueError) as error:  # the latter two: no such user's home, a name no system takes
        if _may_be_key(path):
            raise no_path from None
        reason = getattr(error, "strerror", None) or error
        raise CredentialsError(
            "The private key cannot be read.", f"{path}: {reason}.", "Give the path of a file you may read."
        ) from None
    repairs = []
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        repairs.append("read as UTF-16 and stored as plain text")
        text = data.decode("utf-16", errors="replace")
    else:
        text = data.decode("utf-8", errors="replace")
    return text, str(path), repairs


def _may_be_key(path: Path) -> bool:
    # A real path can look so as well; its folder is then there.
    try:
        is_placed = path.is_absolute() and len(path.parts) > 2 and path.parent.is_dir()
    except OSError:
        is_placed = False
    return bool(_PIECE.search(str(path))) and not is_placed


def _from_text(text: str, source: str, repairs: list[str]) -> PrivateKey:
    if text.startswith("\ufeff"):
        text = text[1:]
        repairs.append("a byte order mark at the start was left out")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        repairs.append("Windows line ends were made plain")
    if "\\n" in text or "\\r" in text:
        text = text.replace("\\r", "").replace("\\n", "\n")
        repairs.append("literal \\n were made line ends")
    if text.strip()[:1] in ("'", '"'):
        text = text.strip().strip("'\"")
        repairs.append("quotes around the key were left out")

    found = _BLOCK.search(text)
    if found is None:
        raise _unreadable(text, source)
    label, body, end = found[1], found[2], found[3]
    _refuse_other_kinds(label, body, source)
    base64 = "".join(body.split())
    if body.strip() != "\n".join(body.split()) or not (body.startswith("\n") and body.endswith("\n")):
        repairs.append("lost line ends were put back")
    lines = [base64[at : at + 64] for at in range(0, len(base64), 64)]
    pem = "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {end}-----", ""])
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CredentialsError(
            "The private key is damaged.",
            f"{source} begins like a key, but its {len(base64)} characters cannot be decoded.",
            "Get the file again: part of it was lost on the way.",
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        kind = type(key).__name__.strip("_").replace("PrivateKey", "").replace("EllipticCurve", "elliptic curve")
        raise CredentialsError(
            "This is not an RSA key.",
            f"{source} holds a key of another kind ({kind}).",
            "The Messages API takes RS256 tokens: use the private.key of your application.",
        )
    if key.key_size < _SMALLEST:
        raise CredentialsError(
            "This key is too short.",
            f"{source} holds {key.key_size} bits.",
            f"Use a key of at least {_SMALLEST} bits, as the service makes them.",
        )
    return PrivateKey(key, source, tuple(repairs))


def _refuse_other_kinds(label: str, body: str, source: str) -> None:
    if "PUBLIC KEY" in label:
        raise CredentialsError(
            "This is the public half.",
            f"{source} begins with BEGIN {label}.",
            "Signing needs the private half: the file your browser saved when the key pair was made.",
        )
    if "ENCRYPTED" in label or "ENCRYPTED" in body:
        raise CredentialsError(
            "This key is locked with a password.",
            f"{source} holds an encrypted key.",
            "Save it without a password, or make a new key pair for the application.",
        )
    if label not in _LOADABLE:
        raise CredentialsError(
            "This is not an RSA private key.",
            f"{source} begins with BEGIN {label}.",
            "Use the private.key of your application: it begins with BEGIN PRIVATE KEY.",
        )


def _unreadable(text: str, source: str) -> CredentialsError:
    begins, ends = "-----BEGIN" in text, "-----END" in text
    if begins and not ends:
        seen = f"{source} has a BEGIN line, but no END line."
    elif not text.strip():
        seen = f"{source} is empty."
    else:
        seen = f"{source} has no BEGIN line: it holds {len(text)} characters of something else."
    return CredentialsError(
        "This is not a private key.", seen, "Give the whole text from BEGIN to END, or the path of its file."
    )
