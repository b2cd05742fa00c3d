"""Checks that a public URL leads to this very receiver: a nonce goes out through it and must come back."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass

import requests

from nbhelpers.errors import ApiError, cure_for
from nbhelpers.errors.connection import no_answer
from nbhelpers.messages.addresses import JUPYTER_PATH, NONCE_HEADER, webhook_urls
from nbhelpers.tunnel.hub_answers import hub_answer

__all__ = ["HEADERS", "Reached", "ngrok_code", "passes_a_hub", "reach", "to_reach", "wait_until_reached"]

_CODE = re.compile(r"ERR_NGROK_(\d+)")
#: Whatever ngrok shows to browsers on its free plan it shows to nobody who says this (source: its documentation).
HEADERS = {"ngrok-skip-browser-warning": "1", "User-Agent": "nbhelpers"}
_LONGEST = 20_000  # bytes of an answer that are looked at; ngrok's pages have some 2,000
_NONE = '"error": "There is no receiver."'  # in the answer of the server extension
_BETWEEN = 0.25  # seconds between two tries: an address that was opened just now may take a moment


@dataclass(frozen=True)
class Reached:
    """What a call through the public address met: whether it was this receiver, what was seen, and what to do."""

    here: bool
    seen: str
    next: str = ""


def ngrok_code(text: str) -> str | None:
    """Return the number of ngrok's error that a text names, None when it names none."""
    found = _CODE.search(text)
    return found[1] if found else None


def reach(base: str, nonce: str, timeout: float = 10.0) -> Reached:
    """Send a nonce through a public address, once; `timeout` in seconds. Never raises for what the network does."""
    try:
        with _asked(base, nonce, timeout) as answer:
            body = _beginning(answer, time.monotonic() + timeout)
    except requests.RequestException as error:
        silent = no_answer(error, base)
        return Reached(False, f"{silent.what} {silent.seen}", to_reach(silent))
    if answer.status_code == 200 and _says(body, nonce):
        return Reached(True, "The nonce came back through the public address: it is this receiver.")
    if passes_a_hub(base):
        return Reached(False, *(_no_receiver(body) or hub_answer(base, answer.status_code, answer.headers)))
    code = ngrok_code(answer.headers.get("ngrok-error-code", "") + body)
    cure = cure_for("ngrok", code)
    if code:
        words = f" {cure.what}" if cure else ""
        return Reached(
            False, f"ngrok answered {answer.status_code} (ERR_NGROK_{code}).{words}", cure.next if cure else ""
        )
    return Reached(
        False,
        f"Somebody else answered there: {answer.status_code}, and the nonce did not come back.",
        "Let this address lead to your receiver, and to its port.",
    )


def passes_a_hub(url: str) -> bool:
    """Whether a public address is that of a Jupyter server, which takes only a POST, and a secret in its path."""
    return f"/{JUPYTER_PATH}/" in url


def _asked(base: str, nonce: str, timeout: float) -> requests.Response:
    method, url, headers = "GET", f"{base}/healthz?nonce={nonce}", HEADERS
    if passes_a_hub(base):
        method, url, headers = "POST", webhook_urls(base)["inbound_url"], HEADERS | {NONCE_HEADER: nonce}
    return requests.request(method, url, headers=headers, timeout=timeout, allow_redirects=False, stream=True)


def _no_receiver(body: str) -> tuple[str, str] | None:
    """Return what it means when the server extension has found no receiver, and what to do."""
    return ("It leads to your server, but no receiver runs there.", "Run `lab.receiver`.") if _NONE in body else None


def to_reach(silent: ApiError) -> str:
    """Return what to do when an address of ours gave no answer; the usual cure is for calls that send a message."""
    name_or_tls = silent.code.startswith(("tls", "name", "proxy", "unreachable"))
    return silent.next if name_or_tls else "Run `lab.tunnel` again; with PUBLIC_URL, start your tunnel, or correct it."


def wait_until_reached(base: str, nonce: str, timeout: float) -> Reached:
    """Try until the nonce comes back, for `timeout` seconds; return what the last try met."""
    until = time.monotonic() + timeout
    while True:
        met = reach(base, nonce, timeout=max(1.0, until - time.monotonic()))
        if met.here or time.monotonic() + _BETWEEN >= until:
            return met
        time.sleep(_BETWEEN)


def _beginning(answer: requests.Response, until: float) -> str:
    # No more and no longer: it may be a stranger, whose answer need not end.
    body = b""
    for piece in answer.iter_content(1):
        body += piece
        if len(body) >= _LONGEST or time.monotonic() > until:
            break
    return body.decode("utf-8", "replace")


def _says(body: str, nonce: str) -> bool:
    try:
        return bool(json.loads(body).get("nonce") == nonce)
    except (ValueError, AttributeError, RecursionError):
        return False
