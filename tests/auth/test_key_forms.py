"""A key in whatever form people have it is taken, the repair named; what cannot be one is called what it is."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, pkcs12
from jwt.algorithms import RSAAlgorithm

from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.errors import CredentialsError

pytestmark = pytest.mark.fast

PKCS1, PKCS8, OPENSSH = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8, PrivateFormat.OpenSSH
Form = Callable[[PrivateKey], str | bytes]


def pem(key: PrivateKey, form: PrivateFormat = PKCS8) -> str:
    return key.key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def der(key: PrivateKey, form: PrivateFormat = PKCS8) -> bytes:
    return key.key.private_bytes(Encoding.DER, form, NoEncryption())


def body(key: PrivateKey) -> str:
    return "".join(pem(key).splitlines()[1:-1])


def b64(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def wrapped(text: str, width: int = 76) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width)) + "\n"


def certificate(key: PrivateKey, encoding: Encoding = Encoding.PEM) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ada")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.key.public_key(), 1, now, now + timedelta(days=1))
    return made.sign(key.key, hashes.SHA256()).public_bytes(encoding)


BAG = "Bag Attributes\n    friendlyName: José\n    localKeyID: 54 69 6D\nKey Attributes: <No Attributes>\n"
AROUND = "what stands around the key was left out"
BASE64, NEWLINES = "decoded from base64", "literal \\n were made line ends"

# A form that is taken, by what makes it of a key; and the repairs that are named.
TAKEN: dict[str, tuple[Form, tuple[str, ...]]] = {
    "PKCS#8": (pem, ()),
    "PKCS#1": (lambda key: pem(key, PKCS1), ()),
    "OpenSSH": (lambda key: pem(key, OPENSSH), ("read from the form of OpenSSH",)),
    "DER, PKCS#8": (der, ("read as DER, not PEM",)),
    "DER, PKCS#1": (lambda key: der(key, PKCS1), ("read as DER, not PEM",)),
    "UTF-16 with its mark": (lambda key: pem(key).encode("utf-16"), ("read as UTF-16",)),
    "UTF-16 without its mark": (
        lambda key: pem(key).encode("utf-16-le"),
        ("read as UTF-16, though without its mark",),
    ),
    "UTF-16 of the other order without its mark": (
        lambda key: pem(key).encode("utf-16-be"),
        ("read as UTF-16, though without its mark",),
    ),
    "PEM in base64": (lambda key: b64(pem(key)), (BASE64,)),
    "PEM in base64, in lines": (lambda key: wrapped(b64(pem(key))), (BASE64,)),
    "PEM in base64 without its padding": (lambda key: b64(pem(key) + "\n").rstrip("="), (BASE64,)),
    "PEM in base64 for URLs": (
        lambda key: base64.urlsafe_b64encode(pem(key).encode()).decode(),
        (BASE64,),
    ),
    "PEM in base64, quoted": (lambda key: f'"{b64(pem(key))}"', ("quotes around the key were left out", BASE64)),
    "PEM in base64, encoded twice": (lambda key: b64(b64(pem(key))), (BASE64, BASE64)),
    "PEM in base64, made by PowerShell": (
        lambda key: b64(pem(key).encode("utf-16-le")),
        (BASE64, "read as UTF-16, though without its mark"),
    ),
    "PKCS#1 in base64": (lambda key: b64(pem(key, PKCS1)), (BASE64,)),
    "DER in base64": (lambda key: b64(der(key)), ("the lost BEGIN and END lines were put back",)),
    "line ends escaped": (lambda key: pem(key).replace("\n", "\\n"), (NEWLINES,)),
    "line ends escaped twice": (lambda key: pem(key).replace("\n", "\\\\n"), (NEWLINES,)),
    "line ends escaped twice, Windows'": (lambda key: pem(key).replace("\n", "\\\\r\\\\n"), (NEWLINES,)),
    "as JSON writes it": (
        lambda key: json.dumps(pem(key)).replace("/", "\\/").replace("+", "\\u002B"),
        ("quotes around the key were left out", NEWLINES),
    ),
    "the service's answer that made it": (
        lambda key: json.dumps({"id": "1", "keys": {"private_key": pem(key), "public_key": key.public_pem}}),
        (NEWLINES, AROUND),
    ),
    "bytes as they print": (lambda key: repr(pem(key).encode()), ("quotes around the key were left out", NEWLINES)),
    "BEGIN lost": (lambda key: pem(key).partition("\n")[2], ("the lost BEGIN line was put back",)),
    "END lost": (
        lambda key: pem(key).rpartition("-----END")[0],
        ("the lost END line was put back",),
    ),
    "BEGIN and END lost": (body, ("the lost BEGIN and END lines were put back",)),
    "BEGIN and END lost, in lines": (
        lambda key: wrapped(body(key), 64),
        ("the lost BEGIN and END lines were put back",),
    ),
    "the dashes lost": (lambda key: pem(key).replace("-----", ""), ("the lost BEGIN and END lines were put back",)),
    "dashes of a word processor": (
        lambda key: pem(key).replace("-----", "—–-"),
        ("the dashes of BEGIN and END were put right",),
    ),
    "bag attributes before it": (lambda key: BAG + pem(key), (AROUND,)),
    "a certificate before it": (lambda key: certificate(key).decode() + pem(key), (AROUND,)),
    "a certificate and bag attributes around it": (
        lambda key: BAG + certificate(key).decode() + BAG + pem(key) + certificate(key).decode(),
        (AROUND,),
    ),
    "its public half before it": (lambda key: key.public_pem + pem(key), (AROUND,)),
    "a certificate that broke off before it": (
        lambda key: certificate(key).decode()[:200] + "\n" + pem(key),
        (AROUND,),
    ),
}


BINARY = [name for name in TAKEN if name.startswith(("DER, ", "UTF-16"))]  # what is no text comes as bytes or file
WAYS = [(name, way) for name in TAKEN for way in ("text", "bytes", "file") if way != "text" or name not in BINARY]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_a_form_is_taken_and_each_repair_is_named(key: PrivateKey, tmp_path: Path, name: str, way: str):
    make, repairs = TAKEN[name]
    made = make(key)
    if way == "file":
        path = tmp_path / "private.key"
        path.write_bytes(made if isinstance(made, bytes) else made.encode())
        found, expected = load_key(path), repairs
    elif way == "bytes":
        found = load_key(made if isinstance(made, bytes) else made.encode())
        expected = ("read from bytes", *repairs)
    else:
        found, expected = load_key(made), repairs
    assert found.fits(key.public_pem)
    assert found.repairs == expected


def private(name: str) -> Callable[..., bytes]:
    return lambda key: {
        "elliptic": ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PKCS8, NoEncryption()),
        "locked": key.key.private_bytes(Encoding.DER, PKCS8, serialization.BestAvailableEncryption(b"secret")),
        "p12": pkcs12.serialize_key_and_certificates(
            b"ada", key.key, None, None, serialization.BestAvailableEncryption(b"secret")
        ),
    }[name]


def jwk(key: PrivateKey, *without: str) -> str:
    found = RSAAlgorithm.to_jwk(key.key, as_dict=True)
    return json.dumps({name: value for name, value in found.items() if name not in without}, indent=2)


PUTTY = "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: ada\nPublic-Lines: 6\n"

# What is refused: what makes it; what is said of it, what was seen, what to do.
REFUSED: dict[str, tuple[Form, str, str, str]] = {
    "JWK": (jwk, "This is a JWK", "kty RSA", "python -c "),
    "JWK, public": (
        lambda key: jwk(key, "d", "p", "q", "dp", "dq", "qi"),
        "This is the public half.",
        "JWK",
        "private half",
    ),
    "JWK, elliptic": (lambda _: '{"kty": "EC", "crv": "P-256", "d": "x"}', "not an RSA key", "kty EC", "RS256"),
    "JWK, a set": (lambda key: f'{{"keys": [{jwk(key)}]}}', "a set of JWKs", "holds 1.", "file of its own"),
    "JSON of something else": (lambda _: '{"type": "service_account"}', "not a private key", "27 characters", "BEGIN"),
    "PKCS#12": (private("p12"), "This is a PKCS#12 file", "holds one", "openssl pkcs12 -in "),
    "PKCS#12 in base64": (lambda key: b64(private("p12")(key)), "PKCS#12", "holds one", "openssl pkcs12 -in "),
    "PuTTY": (lambda _: PUTTY, "This is a key of PuTTY", "PuTTY-User-Key-File", "-O private-openssh -o private.pem"),
    "a locked key in DER": (private("locked"), "locked with a password", "encrypted", "without a password"),
    "an elliptic key": (private("elliptic"), "not an RSA key", "EC", "RS256"),
    "a public key in DER": (
        lambda key: key.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "This is the public half.",
        "in DER",
        "private half",
    ),
    "a public key of OpenSSH": (
        lambda key: key.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "This is the public half.",
        "of OpenSSH",
        "private half",
    ),
    "a certificate": (certificate, "This is a certificate.", "BEGIN CERTIFICATE", "private.key of your application"),
    "a certificate in DER": (
        lambda key: certificate(key, Encoding.DER),
        "This is a certificate.",
        "in DER",
        "private.key of your application",
    ),
    "a certificate in base64": (
        lambda key: b64(certificate(key)),
        "This is a certificate.",
        "BEGIN CERTIFICATE",
        "private.key",
    ),
    "DER cut off": (lambda key: der(key)[:-40], "not a private key", "not the whole of one", "get the file again"),
    "DER of something else": (lambda _: b"\x30\x82\x00\xff" + bytes(range(255)), "not a private key", "259 bytes", ""),
    "PEM in base64, cut off": (
        lambda key: b64(pem(key))[:1500],
        "not a private key",
        "no END line",
        "double quotes",
    ),
    "the first line alone, as .env holds many lines without quotes": (
        lambda _: "-----BEGIN PRIVATE KEY-----",
        "not a private key",
        "no END line",
        "in double quotes",
    ),
    "the last lines alone": (lambda key: pem(key)[-400:], "not a private key", "no BEGIN line", "from BEGIN to END"),
    "a key for PGP": (
        lambda _: "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdG\n-----END PGP PRIVATE KEY BLOCK-----",
        "not an RSA private key",
        "PGP",
        "BEGIN PRIVATE KEY",
    ),
    "a picture": (lambda _: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not a private key", "something else", ""),
}


def pieces(text: str) -> set[str]:
    bare = re.sub(r"[^A-Za-z0-9+/=_-]", "", text)
    return {bare[at : at + 40] for at in range(len(bare) - 39)}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("way", ["given", "file"])
def test_what_cannot_be_taken_is_called_what_it_is_and_never_shown(
    key: PrivateKey, tmp_path: Path, name: str, way: str
):
    make, what, seen, following = REFUSED[name]
    made = make(key)
    source: str | bytes | Path = made
    if way == "file":
        source = tmp_path / "my key"
        source.write_bytes(made if isinstance(made, bytes) else made.encode())
    with pytest.raises(CredentialsError) as refused:
        load_key(source)
    error = refused.value
    assert (what in error.what, seen in error.seen, following in error.next) == (True, True, True), str(error)
    assert "\n" not in str(error)
    texts = [made if isinstance(made, str) else made.decode("latin-1"), pem(key), b64(pem(key))]
    shown = f"{error} {error!r}".replace(str(tmp_path), "")
    assert not [piece for text in texts for piece in pieces(text) if piece in shown and piece not in PUTTY]


@pytest.mark.parametrize("name", ["JWK", "PKCS#12"])
def test_the_command_that_is_named_makes_a_key_that_is_taken(key: PrivateKey, tmp_path: Path, name: str):
    if name == "PKCS#12" and shutil.which("openssl") is None:
        pytest.skip("no openssl on this computer")
    made = REFUSED[name][0](key)
    path = tmp_path / "it's mine"
    path.write_bytes(made if isinstance(made, bytes) else made.encode())
    with pytest.raises(CredentialsError) as refused:
        load_key(path)
    command = re.search("`(.+)`", refused.value.next)[1]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = command.replace("openssl pkcs12", "openssl pkcs12 -passin pass:secret")
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert load_key(tmp_path / "private.pem").fits(key.public_pem)


def test_an_ssh_key_as_its_own_program_makes_it_is_taken_or_called_locked(tmp_path: Path):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen on this computer")
    for name, password in (("plain", ""), ("locked", "secret")):
        command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", password, "-f", str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True)
    assert load_key(tmp_path / "plain").repairs == ("read from the form of OpenSSH",)
    with pytest.raises(CredentialsError, match="locked with a password"):
        load_key(tmp_path / "locked")


def test_what_is_no_path_no_text_and_no_bytes_is_refused_by_its_type():
    with pytest.raises(CredentialsError, match="It is of type int"):
        load_key(5)  # type: ignore[arg-type]


def test_of_a_device_that_never_ends_only_the_beginning_is_read():
    if not Path("/dev/zero").exists():
        pytest.skip("no such device")
    with pytest.raises(CredentialsError, match="not a private key"):
        load_key("/dev/zero")
