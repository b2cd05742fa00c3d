"""Loads a private key from a path, a text or bytes, says what was repaired, makes one, shows its public half."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from nbhelpers.auth.key_forms import SMALLEST, is_key_text, may_be_key, read_key
from nbhelpers.auth.key_paths import MeantPath, meant_path
from nbhelpers.config.private_files import file_version, write_private
from nbhelpers.errors import CredentialsError

__all__ = ["PrivateKey", "generate_key", "key_path", "load_key", "save_key"]

_LONGEST = 1 << 20  # bytes of a file that are looked at: no key has more, and a device never ends


@dataclass(frozen=True)
class PrivateKey:
    """An RSA private key that loaded. It never shows itself: only where it came from and what was repaired.

    `key` is the loaded key (parse a PEM once: signing with a loaded key is over a hundred times faster); `source` says
    where it came from; `repairs` what had to be mended, in words; `version` is its file's, None when it is of no file.
    """

    key: rsa.RSAPrivateKey = field(repr=False)
    source: str
    repairs: tuple[str, ...] = ()
    version: tuple[int, int, int] | None = field(default=None, repr=False)

    @property
    def is_current(self) -> bool:
        """Whether its file, if it came from one, is still the one that was read."""
        return self.version is None or self.version == _version(self.source)

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
    return PrivateKey(rsa.generate_private_key(public_exponent=65537, key_size=SMALLEST), "made just now")


def fingerprint(public: rsa.RSAPublicKey | str | bytes) -> str:
    """Return the first eight digits of a public key's SHA-256 (DER): enough to tell two keys apart by eye.

    Takes the key or its PEM. Raises CredentialsError, which shows nothing of it, for what is no public RSA key.
    """
    key: object = public
    if isinstance(key, str | bytes):
        try:
            key = serialization.load_pem_public_key(key.strip().encode() if isinstance(key, str) else key.strip())
        except (ValueError, UnsupportedAlgorithm):
            key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise CredentialsError("This is no public key.", f"It is of type {type(public).__name__}.", "Give it as PEM.")
    whole = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(whole).hexdigest()[:8]


def save_key(key: PrivateKey | str, path: Path) -> Path:
    """Write the key (or its PEM text) to `path`, readable by you alone, and return the path."""
    pem = key.pem() if isinstance(key, PrivateKey) else key
    write_private(path, pem.encode())
    return path


def load_key(source: str | bytes | os.PathLike[str] | None) -> PrivateKey:
    """Load the private key from a path, from a text as it comes out of an environment variable, or from bytes.

    A key is parsed once; a file that has changed is read again. What is mended in a path says `meant_path`, what in a
    key `read_key`; each of it is said in `repairs`. A file that is there is taken whatever its name looks like.

    Raises CredentialsError, in one sentence that names what was found and never the key, for a key that is missing,
    not readable, or not one that can be used.
    """
    if isinstance(source, bytes):
        return _of_bytes(source)
    if source is None or not str(source).strip():
        raise CredentialsError(
            "There is no private key.",
            "Neither a path nor a PEM text was given.",
            "Give the path of the file that came with your application, such as private.key.",
        )
    if not isinstance(source, str | os.PathLike):
        seen = f"It is of type {type(source).__name__}."
        raise CredentialsError("This is no private key.", seen, "Give the path of its file, or its text.")
    given = os.fspath(source)
    if "-----BEGIN" in given:
        return _parsed_text(given)
    version = _version(given)
    if version is not None:
        return _parsed_file(given, version)
    if is_key_text(given):
        return _parsed_text(given)
    meant = meant_path(given)
    version = _version(meant.path)
    if version is not None:
        return _parsed_file(meant.path, version, meant.repairs)
    if is_key_text(meant.path):  # in quotes, or the value of the variable that was named
        return _parsed_text(meant.path, meant.repairs)
    raise _missing(meant)


def key_path(source: str | None) -> Path | None:
    """Return the file that a configured key means, there or not; None when it is the key itself, or nothing."""
    if not source or not source.strip():
        return None
    if _version(source) is not None:
        return Path(source)
    meant = meant_path(source)
    is_text = _version(meant.path) is None and (is_key_text(source) or is_key_text(meant.path))
    return None if is_text else Path(meant.path)


def _version(path: str) -> tuple[int, int, int] | None:
    try:
        return file_version(path)
    except (OSError, ValueError):  # not there, or a name that no system takes
        return None


def _of_bytes(data: bytes) -> PrivateKey:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    found = _parsed_bytes(data) if "\0" in text else load_key(text)
    return dataclasses.replace(found, repairs=("read from bytes", *found.repairs))


# Parsing a PEM takes a hundred times as long as a signature. A file that has changed is another one.
@functools.lru_cache(maxsize=8)
def _parsed_file(path: str, version: tuple[int, int, int], repairs: tuple[str, ...] = ()) -> PrivateKey:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LONGEST)
    except OSError as error:
        raise _not_read(path, error) from None
    key, mended = read_key(data, path, path)
    return PrivateKey(key, path, (*repairs, *mended), version)


@functools.lru_cache(maxsize=8)
def _parsed_text(text: str, repairs: tuple[str, ...] = ()) -> PrivateKey:
    source = "the text you gave"
    key, mended = read_key(text, source)
    return PrivateKey(key, source, (*repairs, *mended))


@functools.lru_cache(maxsize=8)
def _parsed_bytes(data: bytes) -> PrivateKey:
    source = "the bytes you gave"
    key, mended = read_key(data, source)
    return PrivateKey(key, source, mended)


def _missing(meant: MeantPath) -> CredentialsError:
    path = Path(meant.path)
    if may_be_key(meant.path) and not _is_placed(path):
        return CredentialsError(
            "The private key cannot be read.",
            f"What was given is neither a path nor a PEM text: {len(meant.path)} characters without a BEGIN line.",
            "Give the path of the file, or the whole text from BEGIN to END.",
        )
    try:
        path.stat()
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix in (".key", ".pem") or "key" in p.name.lower())
        # A value that was put in may be a secret: then the path is shown as it was written.
        seen = f"There is no file {path.absolute() if meant.shown == meant.path else meant.shown}."
        if near:
            seen += f" Beside it: {', '.join(near[:5])}."
        following = "Check the folder and the spelling."
        if meant.unset:
            names, are = " and ".join(meant.unset), "is" if len(meant.unset) == 1 else "are"
            following = f"{names} {are} not set here: write the path out."
        return CredentialsError("The private key is missing.", seen, following)
    except (OSError, ValueError) as error:
        return _not_read(meant.shown, error)
    return CredentialsError("The private key is missing.", "It was there a moment ago, or is now.", "Try again.")


def _not_read(path: str, error: OSError | ValueError) -> CredentialsError:
    reason = getattr(error, "strerror", None) or error
    return CredentialsError(
        "The private key cannot be read.", f"{path}: {reason}.", "Give the path of a file you may read."
    )


def _is_placed(path: Path) -> bool:
    # A real path can look like a piece of a key as well; its folder is then there.
    try:
        return len(str(path)) < 1000 and path.is_absolute() and len(path.parts) > 2 and path.parent.is_dir()
    except (OSError, ValueError):
        return False
