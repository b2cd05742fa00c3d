"""Says why a call of `requests` got no answer: refused, cut off, not trusted; read from the exceptions below it."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3

from nbhelpers.errors import ApiError, cure_for

__all__ = ["no_answer", "reason"]

_requests, _urllib3 = requests.exceptions, urllib3.exceptions
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL)
# OpenSSL's numbers of what it found wrong with a certificate (X509_V_ERR_…): its texts differ between versions.
_CERTIFICATE = {
    **dict.fromkeys((9, 10), "tls-expired"),
    **dict.fromkeys((2, 18, 19, 20, 21, 27), "tls-unknown"),
    **dict.fromkeys((62, 63, 64), "tls-name"),
}
# What OpenSSL makes of plain text in the place of a handshake; which one depends on its version and on the text.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")

# The first that is found among what was raised decides: an outer circumstance (proxy, TLS) before what it led to.
_KINDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    ((_requests.ProxyError, _requests.InvalidProxyURL, _urllib3.ProxyError), "proxy"),
    ((_requests.InvalidURL, _requests.InvalidSchema, _requests.MissingSchema), "address"),
    (_requests.TooManyRedirects, "redirects"),
    ((_requests.SSLError, ssl.SSLError), "tls"),
    # Not urllib3's ConnectTimeoutError: a refused connection is one too.
    (_requests.ConnectTimeout, "timeout-connect"),
    ((_requests.ReadTimeout, _urllib3.ReadTimeoutError), "timeout"),
    ((_requests.ChunkedEncodingError, _requests.ContentDecodingError), "cut"),
    ((socket.gaierror, _urllib3.NameResolutionError), "name"),
    (ConnectionRefusedError, "refused"),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError), "reset"),
    (TimeoutError, "timeout-connect"),  # the system's own, before ours: only while a connection is made
)
_SEEN = {
    "address": "Nobody was asked at {host}",
    "redirects": "Only redirects from {host}",
    "cut": "Half an answer from {host}",
}


def no_answer(error: requests.RequestException, host: str) -> ApiError:
    """Say in words why a call got no answer from `host`, with a cure; the error's own text is not repeated."""
    code = reason(error)
    cure = cure_for("connection", code)
    seen = _SEEN.get(code, "No answer from {host}").format(host=host)
    return ApiError(
        cure.what if cure else "The connection broke.",
        f"{seen} ({type(error).__name__}).",
        cure.next if cure else "",
        code=code,
    )


def reason(error: requests.RequestException) -> str:
    """Return why a call got no answer, as a code of the space `connection` in `cures.toml`."""
    raised = list(_raised(error))
    for kinds, code in _KINDS:
        if any(isinstance(each, kinds) for each in raised):
            return _why_not_secure(raised) if code == "tls" else code
    return "unreachable" if any(isinstance(each, OSError) and each.errno in _NO_WAY for each in raised) else "other"


def _why_not_secure(raised: list[BaseException]) -> str:
    for each in raised:
        if isinstance(each, ssl.SSLCertVerificationError):
            return _CERTIFICATE.get(each.verify_code, "tls")
        if isinstance(each, ssl.SSLError) and each.reason in _NO_TLS:
            return "tls-not"
    return "tls"


def _raised(error: BaseException) -> Iterator[BaseException]:
    # requests and urllib3 wrap what they caught, as a cause, a `reason` or an argument. Not `__context__`: whoever asks
    # again after a failed call has that failure there.
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, getattr(each, "reason", None), *each.args]
