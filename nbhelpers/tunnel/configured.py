"""Checks what is configured for a tunnel before it is used: the ngrok token, or a public URL of one's own."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from nbhelpers.errors import ServiceError, cure_for

__all__ = ["checked_token", "public_base"]

_HERE = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104 - not bound: a paste by mistake


def checked_token(token: str | None) -> str:
    """Return the token as it is to be used. Raises ServiceError, which never shows it, for what cannot be one."""
    given = (token or "").strip()
    if not given:
        cure = cure_for("ngrok", "4018")
        raise ServiceError(
            cure.what if cure else "ngrok needs a token.",
            "NGROK_AUTHTOKEN is not set.",
            cure.next if cure else "Put it into .env: `lab.configure()` asks for it.",
        )
    if "authtoken" in given:
        seen = "It holds a whole command line."
    elif given.startswith(("ak_", "cr_")):
        seen = "It is the ID of an API key or credential, not a token."
    elif not re.fullmatch(r"[\w-]{10,200}", given, re.ASCII):
        seen = f"Its {len(given)} characters hold something that no token has, or are too few or too many."
    else:
        return given
    raise ServiceError(
        "NGROK_AUTHTOKEN is no ngrok token.",
        seen,
        "Copy the token alone, from dashboard.ngrok.com/get-started/your-authtoken; `lab.configure()` asks for it.",
    )


def public_base(url: str, service: str | None = None) -> str:
    """Return the base of an address that somebody gave as PUBLIC_URL. Raises ServiceError when it cannot be one.

    An address of this computer is public to nobody, unless the `service` (its base URL) is simulated here too.
    """
    given = url.strip()
    try:
        asked = urlsplit(given)
        host = (asked.hostname or "").encode("idna").decode()
        usable = asked.scheme in ("http", "https") and re.fullmatch(r"[\w.:-]+", host) and (asked.port or 1) > 0
        here = host in _HERE and urlsplit(service or "").hostname not in _HERE
    except ValueError:  # a port that is none, a bracket without its other half, a label that is empty or too long
        raise _no_address(given) from None
    if here:
        raise ServiceError(
            "PUBLIC_URL is not public.",
            f"It says {given}, which is this computer to everybody.",
            "Set it to the address that your tunnel shows you, with https://.",
        )
    if not usable or asked.path.strip("/") or asked.query or asked.fragment or asked.username:
        raise _no_address(given)
    return f"{asked.scheme}://{asked.netloc}"


def _no_address(given: str) -> ServiceError:
    shown = re.sub(r"//[^/@]*@", "//••••@", given)  # a password may stand there
    return ServiceError(
        "PUBLIC_URL is not the address of a tunnel.",
        f"It says “{shown[:80]}”.",
        "Set it to https:// and a host, with no path behind it.",
    )
