"""The two webhook paths of the receiver, their URLs under a base URL, and which of them a mistyped path means."""

from __future__ import annotations

import difflib
import re

__all__ = ["INBOUND_PATH", "JUPYTER_PATH", "NONCE_HEADER", "STATUS_PATH", "meant_by", "webhook_urls"]

#: The paths of the two webhook URLs: for messages, and for message statuses.
INBOUND_PATH, STATUS_PATH = "/webhooks/inbound", "/webhooks/status"

#: A Jupyter server passes on what comes to this path, a secret behind it, and then `/inbound` or `/status`.
JUPYTER_PATH = "nbhelpers/webhooks"
#: A POST there with this header asks for the receiver's answer to a nonce, and is no webhook.
NONCE_HEADER = "X-Nbhelpers-Nonce"

_STATUS_WORDS = {"status", "statuses", "receipt", "receipts", "delivery", "dlr"}
_INBOUND_WORDS = {"inbound", "incoming", "message", "messages", "mo"}
_ALIKE = 0.8  # of difflib: two letters of the shorter path may be wrong
_LONGEST = 100  # characters of a path that is looked at: nobody mistypes a longer one, and difflib takes its time


def webhook_urls(base: str) -> dict[str, str]:
    """Return the two webhook URLs under a base URL, as the ready line names them."""
    if f"/{JUPYTER_PATH}/" in base:  # the base has the first half of the path already
        return {"inbound_url": f"{base}/inbound", "status_url": f"{base}/status"}
    return {"inbound_url": base + INBOUND_PATH, "status_url": base + STATUS_PATH}


def meant_by(path: str) -> str | None:
    """Return the webhook path that a path without its query means; None when it looks like neither.

    Slashes too many, another case and a slip of the pen are overlooked; `/webhooks/inbound-message` says what it is.
    """
    path = path[:_LONGEST].lower()
    bare = "/" + "/".join(part for part in path.split("/") if part)
    words = set(re.findall(r"[a-z]+", bare))
    if bare in (INBOUND_PATH, STATUS_PATH):
        return bare
    if words & {"webhook", "webhooks"} and words & _STATUS_WORDS:
        return STATUS_PATH
    if words & {"webhook", "webhooks"} and words & _INBOUND_WORDS:
        return INBOUND_PATH
    return next(iter(difflib.get_close_matches(bare, (INBOUND_PATH, STATUS_PATH), 1, _ALIKE)), None)
