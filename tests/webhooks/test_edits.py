"""The edits of a delivery that is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from nbhelpers.errors import MessageError
from nbhelpers.webhooks import edits
from nbhelpers.webhooks.edits import typed

fast = pytest.mark.fast


def flat(**more: Any) -> dict[str, Any]:
    """An inbound webhook in today's shape."""
    return {"message_uuid": "uuid-1", "from": "100", "to": "200", "message_type": "text", "text": "Hello"} | more


def status(state: str, uuid: str, psid: str) -> dict[str, Any]:
    ends = {"from": {"type": "messenger", "id": "200"}, "to": {"type": "messenger", "id": psid}}
    return {"message_uuid": uuid, **ends, "timestamp": "2020-01-01T14:00:00.000Z", "status": state}


@fast
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text=12", "12"),
        ("text=a=b", "a=b"),
        ("text=", ""),
        ("number=12", 12),
        ("number=x", "x"),
        ('number={"a": [1]}', {"a": [1]}),
        ("number=" + "[" * 50_000, "[" * 50_000),
    ],
)
def test_a_typed_edit_is_a_text_where_a_text_stands_and_else_json(text: str, value: Any) -> None:
    body = flat(number=1)
    typed((text,))(body)
    assert body[text.partition("=")[0]] == value


@fast
def test_typed_edits_are_none_or_all_in_order_or_refused() -> None:
    assert typed(()) is None
    body = flat()
    typed(("text=one", "text=two", "from=3"))(body)
    assert (body["text"], body["from"]) == ("two", "3")
    for wrong in ("text", "=x", ""):
        with pytest.raises(MessageError, match="An edit is PATH=VALUE"):
            typed((wrong,))


@pytest.mark.fast
@pytest.mark.parametrize(
    "body",
    [
        {"message": {"content": {"type": "unsupported"}}, "message_uuid": "x"},
        {"message_type": "image", "image": {"url": "https://example.com/a.jpg"}},
        {"status": "delivered"},
    ],
)
def test_what_has_no_text_says_so_when_its_text_is_to_be_changed(body: dict[str, Any]) -> None:
    with pytest.raises(
        MessageError, match=r"This has no text to change\. It is a message of another type, or a receipt"
    ):
        edits._place(body, "text")
