"""unanswered: real sockets that refuse, hang up, keep silent or show a wrong certificate; each told as what it is."""

from __future__ import annotations

import contextlib
import datetime
import errno
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nbhelpers.errors import cure_for
from nbhelpers.errors.connection import no_answer, reason

pytestmark = pytest.mark.fast

Talk = Callable[[socket.socket], Any]
USAGE = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
) | dict.fromkeys(("digital_signature", "key_cert_sign"), True)
USAGE |= {"encipher_only": False, "decipher_only": False}


class Listener:
    """Listens on loopback, and does with each connection what it was told to."""

    def __init__(self, talk: Talk) -> None:
        self._talk, self._kept = talk, []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            connection.settimeout(5)
            self._kept.append(connection)
            if self._talk is None:
                return
            with contextlib.suppress(OSError):
                self._talk(connection)

    def close(self) -> None:
        self._talk = None
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        for each in (*self._kept, self._socket):
            each.close()


@pytest.fixture
def listen() -> Iterator[Callable[[Talk], int]]:
    """Open a listener and return its port; all are closed afterwards."""
    with contextlib.ExitStack() as stack:

        def opened(talk: Talk) -> int:
            made = Listener(talk)
            stack.callback(made.close)
            return made.port

        yield opened


@pytest.fixture
def nobody() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def told(url: str, timeout: float = 2, **options: Any) -> str:
    """Why a call got no answer; it is told in three parts, and with the cure of that code."""
    with pytest.raises(requests.RequestException) as caught:
        requests.get(url, timeout=timeout, **options)
    error = no_answer(caught.value, "the-host")
    cure = cure_for("connection", error.code)
    assert cure is not None
    assert (error.what, error.next, error.status) == (cure.what, cure.next, None)
    assert "the-host" in error.seen and type(caught.value).__name__ in error.seen
    return error.code


def certificate(folder: Path, name: str, begins: int = -1, ends: int = 1) -> Path:
    """A certificate that signed itself, for a name or address, from and until so many days from now; key included."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    try:
        host: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        host = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=begins))
        .not_valid_after(now + datetime.timedelta(days=ends))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**USAGE), critical=True)  # Python 3.13 is strict about it
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path


def secure(path: Path) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            inside.recv(1000)

    return talk


def says(data: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return talk


def reset(connection: socket.socket) -> None:
    connection.recv(10_000)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silence(connection: socket.socket) -> None:
    return


# Nobody, nowhere


def test_a_port_without_a_listener_is_refused(nobody: int):
    assert told(f"http://127.0.0.1:{nobody}") == "refused"
    assert told(f"https://127.0.0.1:{nobody}") == "refused"


def test_a_name_that_does_not_resolve_is_a_name():
    assert told("http://nothing.invalid") == "name"


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN])
def test_without_a_way_there_it_is_unreachable(monkeypatch: pytest.MonkeyPatch, number: int):
    def no_way(*_: Any, **__: Any) -> None:
        raise OSError(number, "no way")

    monkeypatch.setattr(socket.socket, "connect", no_way)  # no test may count on how its network is made
    assert told("http://127.0.0.1:9") == "unreachable"


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8711/v1", "nowhere", "http://", "ftp://127.0.0.1", "http://[::1", "http://a b"]
)
def test_what_is_no_address_is_told_as_such(url: str):
    assert told(url) == "address"


# Too late


def test_a_server_that_never_answers_is_a_timeout(listen: Callable[[Talk], int]):
    assert told(f"http://127.0.0.1:{listen(silence)}", timeout=0.2) == "timeout"
    assert told(f"https://127.0.0.1:{listen(silence)}", timeout=0.2) == "timeout"


def test_an_answer_that_stops_half_way_is_a_timeout_too(listen: Callable[[Talk], int]):
    def half(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")

    assert told(f"http://127.0.0.1:{listen(half)}", timeout=0.2) == "timeout"


def test_a_connection_that_is_not_made_in_time_is_another_matter(monkeypatch: pytest.MonkeyPatch):
    def too_late(*_: Any, **__: Any) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", too_late)
    assert told("http://127.0.0.1:9") == "timeout-connect"


def test_the_systems_own_patience_with_a_connection_ends_as_ours_does(monkeypatch: pytest.MonkeyPatch):
    def too_late(*_: Any, **__: Any) -> None:
        raise OSError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(socket.socket, "connect", too_late)
    assert told("http://127.0.0.1:9") == "timeout-connect"


# Cut off


def test_a_listener_that_closes_at_once_has_reset(listen: Callable[[Talk], int]):
    assert told(f"http://127.0.0.1:{listen(lambda connection: connection.close())}") == "reset"
    assert told(f"http://127.0.0.1:{listen(says(b''))}") == "reset"
    assert told(f"http://127.0.0.1:{listen(reset)}") == "reset"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
    ],
)
def test_an_answer_that_breaks_off_or_cannot_be_unpacked_is_cut(listen: Callable[[Talk], int], answer: bytes):
    assert told(f"http://127.0.0.1:{listen(says(answer))}") == "cut"


def test_what_is_no_http_is_none_of_these(listen: Callable[[Talk], int]):
    assert told(f"http://127.0.0.1:{listen(says(b'what is this'))}") == "other"


def test_an_answer_that_always_leads_on_is_a_loop_of_redirects(listen: Callable[[Talk], int]):
    again = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert told(f"http://127.0.0.1:{listen(says(again))}") == "redirects"


# Not trusted


def test_a_certificate_that_signed_itself_is_unknown(listen: Callable[[Talk], int], tmp_path: Path):
    path = certificate(tmp_path, "127.0.0.1")
    assert told(f"https://127.0.0.1:{listen(secure(path))}") == "tls-unknown"


@pytest.mark.parametrize(("begins", "ends"), [(-9, -1), (1, 9)])
def test_a_certificate_that_has_expired_or_not_begun_is_not_valid_today(
    listen: Callable[[Talk], int], tmp_path: Path, begins: int, ends: int
):
    path = certificate(tmp_path, "127.0.0.1", begins, ends)
    assert told(f"https://127.0.0.1:{listen(secure(path))}", verify=str(path)) == "tls-expired"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_another_host_is_a_wrong_name(listen: Callable[[Talk], int], tmp_path: Path, host: str):
    path = certificate(tmp_path, "other.example")
    assert told(f"https://{host}:{listen(secure(path))}", verify=str(path)) == "tls-name"


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<html>Blocked by your network</html>", b"x" * 99]
)
def test_a_server_that_speaks_no_tls_is_told_apart_from_one_that_is_not_trusted(
    listen: Callable[[Talk], int], answer: bytes
):
    assert told(f"https://127.0.0.1:{listen(says(answer))}") == "tls-not"


def test_a_handshake_that_breaks_off_is_tls_and_no_more_can_be_said(listen: Callable[[Talk], int]):
    assert told(f"https://127.0.0.1:{listen(says(b''))}") == "tls"


# The proxy


def test_a_proxy_that_refuses_is_told_before_what_lies_behind_it(listen: Callable[[Talk], int], nobody: int):
    no = listen(says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
    assert told("https://nothing.invalid", proxies={"https": f"http://127.0.0.1:{no}"}) == "proxy"
    assert told("http://nothing.invalid", proxies={"http": f"http://127.0.0.1:{nobody}"}) == "proxy"
    assert told("http://nothing.invalid", proxies={"http": "http://no-proxy.invalid:1"}) == "proxy"
    assert told("http://nothing.invalid", proxies={"http": "http://:1"}) == "proxy"


# What was raised before


def test_a_call_after_a_failed_one_is_told_for_itself(nobody: int):
    try:
        requests.get(f"http://127.0.0.1:{nobody}", timeout=2)
    except requests.RequestException:
        assert told("http://nothing.invalid") == "name"
        assert told("nowhere") == "address"


def test_an_exception_without_a_cause_is_none_of_these():
    assert reason(requests.ConnectionError("something")) == "other"
    assert reason(requests.RequestException()) == "other"
    circle = requests.ConnectionError()
    circle.args = (circle,)
    assert reason(circle) == "other"
