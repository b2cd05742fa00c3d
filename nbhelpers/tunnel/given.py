"""What a person gives for a tunnel, looked at before it is used: the ngrok token, and an address of their own."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from nbhelpers.errors import ServiceError, cure_for

__all__ = ["checked_token", "public_base"]


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


def public_base(url: str) -> str:
    """Return the base of an address that somebody gave as PUBLIC_URL. Raises ServiceError when it cannot be one."""
    asked = urlsplit(url.strip())
    try:
        usable = asked.scheme in ("http", "https") and bool(asked.hostname) and (asked.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or asked.path.strip("/") or asked.query or asked.fragment or asked.username:
        raise ServiceError(
            "PUBLIC_URL is not the address of a tunnel.",
            f"It says “{url[:80]}”.",
            "Set it to https:// and a host, with no path behind it.",
        )
    return f"{asked.scheme}://{asked.netloc}"
