"""The two webhook paths of the receiver, and their URLs under a base URL."""

from __future__ import annotations

__all__ = ["INBOUND_PATH", "STATUS_PATH", "webhook_urls"]

INBOUND_PATH, STATUS_PATH = "/webhooks/inbound", "/webhooks/status"


def webhook_urls(base: str) -> dict[str, str]:
    """Return the two webhook URLs under a base URL, as the ready line names them."""
    return {"inbound_url": base + INBOUND_PATH, "status_url": base + STATUS_PATH}
