"""Reads an RSA private key out of the forms in which people have one; says what was mended, or what it is instead."""

from __future__ import annotations

import base64
import binascii
import json
import re
import shlex
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from nbhelpers.errors import CredentialsError

__all__ = ["SMALLEST", "is_key_text", "may_be_key", "read_key"]

SMALLEST = 2048  #: bits; RFC 7518 section 3.3 asks RS256 keys for no less

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----).)*)-----END ([A-Z0-9 ]+)-----", re.DOTALL)
# BEGIN and END as they should be, as word processors dress them, and what is left of a line that was cut.
_DASHED = re.compile(r"[-‐-―−]{2,}[ \t]*(BEGIN|END) ([A-Z0-9 ]*[A-Z0-9])[ \t]*[-‐-―−]{2,}")
_MARK = re.compile(r"-*[ \t]*(?:\b(?:BEGIN|END) )?\b(?:(?:RSA|EC|ENCRYPTED|OPENSSH) )?PRIVATE KEY\b[ \t]*-*")
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|([nr/]))")
_BARE = re.compile(r"\s*b?['\"]?[A-Za-z0-9+/_=\\\s-]+['\"]?\s*")
_PIECE = re.compile(r"[A-Za-z0-9+/=]{48,}")  # what may be a line of a key, and must not be shown as a path
_SHORTEST = 300  # characters of base64 that may be a key and no path: those of 2048 bits have some 1,600
_DEPTH = 2  # base64 in base64: what a setting holds that was encoded once too often
_PKCS12 = re.compile(rb"\x30(?:\x80|[\x00-\x7f]|\x81.|\x82..|\x83...)\x02\x01\x03\x30", re.DOTALL)
_FROM_JWK = (
    "import sys;from jwt.algorithms import RSAAlgorithm as A;from cryptography.hazmat.primitives import serialization "
    "as s;print(A.from_jwk(open(sys.argv[1]).read()).private_bytes(s.Encoding.PEM,s.PrivateFormat.PKCS8,"
    "s.NoEncryption()).decode())"
)


def is_key_text(text: str) -> bool:
    """Say whether a text is a key itself, whole or not, and no path."""
    if "-----" in text or "PuTTY-User-Key-File" in text or text.lstrip()[:1] == "{":
        return True
    if "PRIVATE KEY" in text and ("BEGIN" in text or "END" in text):
        return True
    return len(text) >= _SHORTEST and _BARE.fullmatch(text) is not None


def may_be_key(path: str) -> bool:
    """Say whether what is no file may be a piece of a key, which no error must show."""
    return len(path) > _SHORTEST or not path.isprintable() or _PIECE.search(path) is not None


def read_key(data: str | bytes, source: str, path: str = "") -> tuple[rsa.RSAPrivateKey, tuple[str, ...]]:
    """Return the key in `data` and what had to be mended, in words.

    Taken: PKCS#8, PKCS#1 and OpenSSH, as PEM or DER; PEM in base64, or with BEGIN, END or both lost; UTF-16 with or
    without its mark; line ends that are Windows', lost, or escaped once or twice; quotes; whatever stands around the
    key, such as a certificate. `source` names where it is from, `path` its file.

    Raises CredentialsError that names what was found, never the key: a public half, a certificate, a locked key, one
    of another kind or too short; a JWK, PKCS#12 or PuTTY file with the command that makes PEM of it.
    """
    reader = _Reader(source, path)
    key = reader.of_text(data) if isinstance(data, str) else reader.of_bytes(data)
    return _usable(key, source), tuple(reader.repairs)


class _Reader:
    # What is found on the way, and where it is from.
    def __init__(self, source: str, path: str) -> None:
        self.source, self.path, self.repairs, self.depth = source, path, list[str](), 0

    def of_bytes(self, data: bytes) -> Any:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            self.repairs.append("read as UTF-16")
            return self.of_text(data.decode("utf-16", errors="replace"))
        half = len(data) // 2
        for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if half > 1 and data[start::2].count(0) > 0.9 * half:
                self.repairs.append("read as UTF-16, though without its mark")
                return self.of_text(data.decode(encoding, errors="replace"))
        if data[:1] == b"\x30" and b"-----BEGIN" not in data:
            try:
                data.decode()
            except UnicodeDecodeError:  # the length after the first byte of DER is no text
                self.repairs.append("read as DER, not PEM")
                return self._of_der(data) or self._refuse_der(data)
        return self.of_text(data.decode("utf-8", errors="replace"))

    def of_text(self, text: str) -> Any:
        text = self._cleaned(text)
        blocks = list(_BLOCK.finditer(text))
        keys = [block for block in blocks if block[1].endswith("PRIVATE KEY")]
        if keys:
            if (text[: keys[0].start()] + text[keys[0].end() :]).strip():
                self.repairs.append("what stands around the key was left out")
            return self._of_block(*keys[0].groups())
        if blocks:
            self._refuse_label(blocks[0][1])
        self._refuse_other_forms(text)
        return self._of_bare(text)

    def _cleaned(self, text: str) -> str:
        if text.startswith("\ufeff"):
            text = text[1:]
            self.repairs.append("a byte order mark at the start was left out")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            self.repairs.append("Windows line ends were made plain")
        if text.strip()[:1] in ("'", '"') or text.strip()[:2] in ("b'", 'b"'):
            text = text.strip().removeprefix("b").strip("'\"")
            self.repairs.append("quotes around the key were left out")
        if "{" not in text[:1] or "-----BEGIN" in text:  # in a JWK an escape stands for itself
            plain = _ESCAPE.sub(_unescaped, text)
            if plain != text:
                self.repairs.append("literal \\n were made line ends" if "\n" in plain else "escapes were resolved")
            text = plain
        dashed = _DASHED.sub(r"-----\1 \2-----", text)
        if dashed != text:
            self.repairs.append("the dashes of BEGIN and END were put right")
        return dashed

    def _of_block(self, label: str, body: str, end: str) -> Any:
        if "ENCRYPTED" in label or "ENCRYPTED" in body:
            raise _locked(self.source)
        bare = "".join(body.split())
        if body.strip() != "\n".join(body.split()) or not (body.startswith("\n") and body.endswith("\n")):
            self.repairs.append("lost line ends were put back")
        if label == "OPENSSH PRIVATE KEY":
            self.repairs.append("read from the form of OpenSSH")
            lines = [bare[at : at + 64] for at in range(0, len(bare), 64)]
            pem = "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {end}-----", ""])
            found = self._loaded(serialization.load_ssh_private_key, pem.encode())
        else:
            found = self._of_der(_decoded(bare))
        if found is None:
            raise CredentialsError(
                "The private key is damaged.",
                f"{self.source} begins like a key, but its {len(bare)} characters cannot be decoded.",
                "Get the file again: part of it was lost on the way.",
            )
        return found

    def _of_bare(self, text: str) -> Any:
        # Base64 without BEGIN and END: the body of a key, or a whole PEM.
        bare = "".join(_MARK.sub(" ", text).split())
        data = _decoded(bare.strip("-"))
        whole = data if len(bare) >= _SHORTEST and self.depth < _DEPTH else b""
        inner = whole.replace(b"\0", b"")
        if b"-----" in inner or (inner.isascii() and is_key_text(inner.decode())):
            self.depth += 1
            self.repairs.append("decoded from base64")
            return self.of_bytes(whole)
        found = self._of_der(whole)
        if found is None:
            if whole[:1] == b"\x30" and "BEGIN " not in text and "END " not in text:
                self._refuse_der(whole)
            raise self._unreadable(text)
        lost = [name for name in ("BEGIN", "END") if not re.search(rf"-----{name} [A-Z ]+-----", text)]
        self.repairs.append(f"the lost {' and '.join(lost)} {'line was' if len(lost) == 1 else 'lines were'} put back")
        return found

    def _of_der(self, data: bytes) -> Any:
        return self._loaded(serialization.load_der_private_key, data) if data else None

    def _loaded(self, load: Any, data: bytes) -> Any:
        # None for what is no key. Of one that is locked, and of a kind that is not known here, nobody can say more.
        try:
            return load(data, password=None)
        except TypeError:
            raise _locked(self.source) from None
        except UnsupportedAlgorithm:
            raise _not_rsa(self.source, "which is not known here") from None
        except ValueError:
            return None

    def _refuse_label(self, label: str) -> None:
        seen = f"{self.source} begins with BEGIN {label}."
        if "PUBLIC KEY" in label:
            raise _public(seen)
        if label.endswith("CERTIFICATE"):
            raise _certificate(seen)
        raise CredentialsError(
            "This is not an RSA private key.",
            seen,
            "Use the private.key of your application: it begins with BEGIN PRIVATE KEY.",
        )

    def _refuse_der(self, data: bytes) -> Any:
        if _PKCS12.match(data):
            name = self._name("key.p12")
            command = f"openssl pkcs12 -in {name} -nocerts -nodes -out private.pem"
            raise _other_form("a PKCS#12 file (.p12 or .pfx)", f"{self.source} holds one.", command)
        for load in (serialization.load_der_public_key, x509.load_der_x509_certificate):
            try:
                load(data)
            except (ValueError, UnsupportedAlgorithm):
                continue
            if load is x509.load_der_x509_certificate:
                raise _certificate(f"{self.source} is a certificate in DER.")
            raise _public(f"{self.source} is a public key in DER.")
        raise CredentialsError(
            "This is not a private key.",
            f"{self.source} holds {len(data)} bytes that are no key, or not the whole of one.",
            "Use the private.key of your application, or get the file again.",
        )

    def _refuse_other_forms(self, text: str) -> None:
        if "PuTTY-User-Key-File" in text:
            command = f"puttygen {self._name('key.ppk')} -O private-openssh -o private.pem"
            windows = "on Windows open it in PuTTYgen and choose Conversions, Export OpenSSH key"
            raise _other_form(
                "a key of PuTTY (.ppk)", f"{self.source} begins with PuTTY-User-Key-File.", command, windows
            )
        if re.match(r"\s*(ssh-|ecdsa-sha2-|---- BEGIN SSH2 PUBLIC)", text):
            raise _public(f"{self.source} is a public key of OpenSSH.")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(found, dict):
            return
        if isinstance(found.get("keys"), list):
            raise CredentialsError(
                "This is a set of JWKs, the JSON form of keys.",
                f"{self.source} holds {len(found['keys'])}.",
                "Save the one that has a `d` in a file of its own, and give its path.",
            )
        if found.get("kty") not in ("RSA", None):
            raise _not_rsa(self.source, f"kty {str(found['kty'])[:10]}")
        if "kty" in found and "d" not in found:
            raise _public(f"{self.source} is a JWK, the JSON form of a key, without `d`.")
        if "kty" in found:
            command = f'python -c "{_FROM_JWK}" {self._name("key.jwk")} > private.pem'
            raise _other_form("a JWK, the JSON form of a key", f"{self.source} holds one with kty RSA.", command)

    def _name(self, otherwise: str) -> str:
        return shlex.quote(self.path or otherwise)

    def _unreadable(self, text: str) -> CredentialsError:
        begins, ends = "BEGIN " in text, "END " in text
        following = "Give the whole text from BEGIN to END, or the path of its file."
        if not text.strip():
            seen = f"{self.source} is empty."
        elif begins and not ends:
            seen = f"{self.source} has a BEGIN line, but no END line, and what is between them is not whole."
            following = "Give the path of its file; in .env a text of many lines must stand in double quotes."
        elif ends and not begins:
            seen = f"{self.source} has an END line, but no BEGIN line, and what is before it is not whole."
        else:
            seen = f"{self.source} has no BEGIN line: it holds {len(text)} characters of something else."
        return CredentialsError("This is not a private key.", seen, following)


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return {"n": "\n", "r": "", "/": "/"}[found[2]]


def _decoded(bare: str) -> bytes:
    # Nothing for what is no base64. Its padding may be lost, and it may be that of URLs.
    bare = bare.translate({ord("-"): "+", ord("_"): "/"}).rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _usable(key: Any, source: str) -> rsa.RSAPrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey):
        kind = type(key).__name__.strip("_").replace("PrivateKey", "").replace("EllipticCurve", "elliptic curve")
        raise _not_rsa(source, kind)
    if key.key_size < SMALLEST:
        raise CredentialsError(
            "This key is too short.",
            f"{source} holds {key.key_size} bits.",
            f"Use a key of at least {SMALLEST} bits, as the service makes them.",
        )
    return key


def _public(seen: str) -> CredentialsError:
    following = "Signing needs the private half: the file your browser saved when the key pair was made."
    return CredentialsError("This is the public half.", seen, following)


def _certificate(seen: str) -> CredentialsError:
    following = "Use the private.key of your application: a certificate holds no private key."
    return CredentialsError("This is a certificate.", seen, following)


def _not_rsa(source: str, kind: str) -> CredentialsError:
    return CredentialsError(
        "This is not an RSA key.",
        f"{source} holds a key of another kind ({kind}).",
        "The Messages API takes RS256 tokens: use the private.key of your application.",
    )


def _locked(source: str) -> CredentialsError:
    return CredentialsError(
        "This key is locked with a password.",
        f"{source} holds an encrypted key.",
        "Save it without a password, or make a new key pair for the application.",
    )


def _other_form(what: str, seen: str, command: str, otherwise: str = "") -> CredentialsError:
    more = f"; {otherwise}" if otherwise else ""
    return CredentialsError(f"This is {what}.", seen, f"Run `{command}`{more}. Then give the path of private.pem.")
