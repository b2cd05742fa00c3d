"""Webhooks as the tests make them: deliveries for an inbox, and bodies of a message status."""

from __future__ import annotations

import json
from typing import Any

from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox

PSID, PAGE = "1111111111111111", "0000000000000000"


def delivery(body: Any, **more: Any) -> Delivery:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(**{"method": "POST", "path": "/webhooks/inbound", "headers": (), "answer": 200, **more}, body=data)


def inbound(text: str = "Hello!", uuid: str | None = None, psid: Any = PSID, **more: Any) -> Delivery:
    body = {"message_uuid": uuid or f"u-{text}", "from": psid, "to": PAGE, "message_type": "text", "text": text}
    return delivery(body, **more)


def put(inbox: Inbox, *deliveries: Delivery) -> None:
    for one in deliveries:
        inbox.record(one).result(10)


def status(uuid: str, state: str, psid: str, **more: Any) -> dict[str, Any]:
    """The body of a message status in the guide's shape."""
    ends = {"to": {"type": "messenger", "id": psid}, "from": {"type": "messenger", "id": "200"}}
    return {"message_uuid": uuid, "status": state, "timestamp": "2020-01-01T14:00:00.000Z"} | ends | more
