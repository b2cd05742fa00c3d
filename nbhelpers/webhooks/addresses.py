"""The two webhook paths of the receiver, and their URLs under a base URL."""

from __future__ import annotations

__all__ = ["INBOUND_PATH", "JUPYTER_PATH", "NONCE_HEADER", "STATUS_PATH", "webhook_urls"]

INBOUND_PATH, STATUS_PATH = "/webhooks/inbound", "/webhooks/status"

# A Jupyter server passes on what comes to this path, a secret behind it, and then `/inbound` or `/status`.
JUPYTER_PATH = "nbhelpers/webhooks"
# A POST there with this header asks for the receiver's answer to a nonce, and is no webhook.
NONCE_HEADER = "X-Nbhelpers-Nonce"


def webhook_urls(base: str) -> dict[str, str]:
    """Return the two webhook URLs under a base URL, as the ready line names them."""
    if f"/{JUPYTER_PATH}/" in base:  # the base has the first half of the path already
        return {"inbound_url": f"{base}/inbound", "status_url": f"{base}/status"}
    return {"inbound_url": base + INBOUND_PATH, "status_url": base + STATUS_PATH}
