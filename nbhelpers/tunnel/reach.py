"""Does a public address lead to this very receiver? A nonce goes out through it and must come back."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import requests

from nbhelpers.api import no_answer
from nbhelpers.errors import cure_for

__all__ = ["HEADERS", "Reached", "ngrok_code", "reach", "wait_until_reached"]

_CODE = re.compile(r"ERR_NGROK_(\d+)")
# Whatever ngrok shows to browsers on its free plan it shows to nobody who says this (source: its documentation).
HEADERS = {"ngrok-skip-browser-warning": "1", "User-Agent": "nbhelpers"}
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
        answer = requests.get(
            f"{base}/healthz", params={"nonce": nonce}, headers=HEADERS, timeout=timeout, allow_redirects=False
        )
    except requests.RequestException as error:
        silent = no_answer(error, base)
        return Reached(False, f"{silent.what} {silent.seen}", silent.next)
    if answer.status_code == 200 and _says(answer, nonce):
        return Reached(True, "The nonce came back through the public address: it is this receiver.")
    code = ngrok_code(answer.headers.get("ngrok-error-code", "") + answer.text[:20_000])
    cure = cure_for("ngrok", code)
    if code:
        words = f" {cure.what}" if cure else ""
        return Reached(
            False, f"ngrok answered {answer.status_code} (ERR_NGROK_{code}).{words}", cure.next if cure else ""
        )
    return Reached(
        False,
        f"Somebody else answered there: {answer.status_code}, and the nonce did not come back.",
        "Let this address lead to your door, and to its port.",
    )


def wait_until_reached(base: str, nonce: str, timeout: float) -> Reached:
    """Try until the nonce comes back, for `timeout` seconds; return what the last try met."""
    until = time.monotonic() + timeout
    while True:
        met = reach(base, nonce, timeout=max(1.0, until - time.monotonic()))
        if met.here or time.monotonic() + _BETWEEN >= until:
            return met
        time.sleep(_BETWEEN)


def _says(answer: requests.Response, nonce: str) -> bool:
    try:
        return answer.json().get("nonce") == nonce
    except (ValueError, AttributeError):
        return False
