"""What an answer means that came from somewhere between the public address of a hub and the learner's server."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

__all__ = ["AGAIN", "hub_answer"]

#: The service's help centre says 429 and 5xx, the documentation of its hosted sandbox everything but 200; not tried.
AGAIN = "What was answered 5xx the service sends again for a day; of a 403 its documentation says both."

_VERSION = "x-jupyterhub-version"  # the hub says its version in every answer, and so do its servers


def hub_answer(url: str, status: int, headers: Mapping[str, str]) -> tuple[str, str]:
    """Return what was met on the way to a learner's receiver, and what to do."""
    asked, headers = urlsplit(url), {name.lower(): value for name, value in headers.items()}
    by_hub = _VERSION in headers
    place = f"{asked.scheme}://{asked.netloc}"
    if 300 <= status < 400:
        goal = urlsplit(headers.get("location", ""))
        if goal.scheme == "https" and asked.scheme == "http" and goal.hostname == asked.hostname:
            return (
                f"{place} answers http with {status}, a redirect to https: a POST does not follow it.",
                f"Give the address with https: PUBLIC_URL=https://{goal.netloc} and NBHELPERS_TUNNEL=jupyter in .env.",
            )
        return _login(place, f"{status}, a redirect to {goal.netloc or place}{goal.path[:80]}")
    if status == 403 and by_hub:
        return (
            f"The hub answered {status} itself: to it, no server is at {_user_path(asked.path)}. It was stopped, or "
            "something in front of the hub changes the path.",
            "Start your server on the hub's control panel. If it runs, ask whoever runs the hub to pass paths on as "
            f"they come. {AGAIN}",
        )
    if status in (502, 503, 504):
        return (
            f"The hub answered {status}: your server does not answer it, as while it is stopped or started.",
            f"Wait half a minute, and try again. {AGAIN}",
        )
    if status == 404:
        whose = "A Jupyter server or the hub" if by_hub else "Somebody who is not the hub"
        return (
            f"{whose} answered 404: to it, {_user_path(asked.path)} is not your server, or the path was changed.",
            "Check that the address is the hub's, and that what stands in front of it passes paths on as they come.",
        )
    if status in (401, 403, 407, 200):
        return _login(place, str(status))
    return f"{place} answered {status}, and the nonce did not come back.", "Check that the address is the hub's."


def _login(place: str, seen: str) -> tuple[str, str]:
    return (
        f"Somebody in front of the hub asks for a login: {place} answered {seen}.",
        "Ask whoever runs it to let POSTs to …/nbhelpers/webhooks/ through without; or set NBHELPERS_TUNNEL=ngrok.",
    )


def _user_path(path: str) -> str:
    # Without the secret behind it.
    return path.partition("nbhelpers/")[0] or "/"
