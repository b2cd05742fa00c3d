"""The export of the inbox as text."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.errors import InboxError
from nbhelpers.inbox.events import Delivery, Event
from nbhelpers.inbox.export import export
from nbhelpers.inbox.inbox import Inbox

pytestmark = pytest.mark.fast


PSID, PAGE = "1111111111111111", "0000000000000000"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "simulator" / "lab.sqlite3"


@pytest.fixture
def inbox(path: Path) -> Iterator[Inbox]:
    made = Inbox(path)
    yield made
    made.close()


def delivery(body: Any, **more: Any) -> Delivery:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(**{"method": "POST", "path": "/webhooks/inbound", "headers": (), "answer": 200, **more}, body=data)


def inbound(text: str = "Hello!", uuid: str | None = None, psid: Any = PSID, **more: Any) -> Delivery:
    body = {"message_uuid": uuid or f"u-{text}", "from": psid, "to": PAGE, "message_type": "text", "text": text}
    return delivery(body, **more)


def status(state: str, uuid: str = "r-1", **more: Any) -> Delivery:
    return delivery({"message_uuid": uuid, "from": PAGE, "to": PSID, "status": state, **more}, path="/webhooks/status")


def put(inbox: Inbox, *deliveries: Delivery) -> None:
    for one in deliveries:
        inbox.record(one).result(10)


def told(event: Event) -> dict[str, Any]:
    """What an event says, without its row number and its revision."""
    columns = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {name: value for name, value in columns.items() if name not in ("id", "revision")}


def test_an_export_as_json_is_one_object_a_line(inbox: Inbox):
    put(inbox, inbound("Zoë 👋\nsecond line"), status("delivered"))
    rows = [json.loads(line) for line in export(inbox).splitlines()]
    assert [row["kind"] for row in rows] == ["inbound", "status"]
    assert (rows[0]["psid"], rows[0]["text"]) == (PSID, "Zoë 👋\nsecond line")
    assert rows[0]["body"]["message_type"] == "text"
    assert datetime.fromisoformat(rows[0]["received"]).tzinfo is not None


def test_numbers_that_json_does_not_know_do_not_spoil_the_export(inbox: Inbox):
    put(inbox, delivery(b'{"message_uuid": "n", "from": "1", "x": NaN}'), delivery(b'{"from": "1", "x": 1e999}'))

    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    rows = [json.loads(line, parse_constant=no_constant) for line in export(inbox, "json").splitlines()]
    assert [row["body"] for row in rows] == [
        '{"message_uuid": "n", "from": "1", "x": NaN}',
        '{"from": "1", "x": 1e999}',
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "=HYPERLINK(1)"])
def test_an_export_as_csv_holds_no_formula(inbox: Inbox, text: str):
    put(inbox, inbound(text))
    (row,) = list(csv.DictReader(io.StringIO(export(inbox, "csv"))))
    assert row["text"][0] not in "=+-@\t\r"


def test_an_export_as_csv_keeps_ids_as_text_and_a_row_on_its_line(inbox: Inbox):
    put(inbox, inbound('two\nlines, "quoted"', psid="0012345678901234567"))
    text = export(inbox, "csv")
    assert '"0012345678901234567"' in text
    assert len(text.splitlines()) == 2
    (row,) = list(csv.DictReader(io.StringIO(text)))
    assert row["psid"] == "0012345678901234567"
    assert row["text"] == 'two�lines, "quoted"'
    assert row["deliveries"] == "1"


def test_no_other_form_is_exported(inbox: Inbox):
    with pytest.raises(InboxError, match="xml"):
        export(inbox, "xml")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())


bodies = st.binary(max_size=100) | st.dictionaries(
    st.sampled_from(["message_uuid", "from", "to", "timestamp", "message", "message_type", "status", "text", "error"]),
    scalars | st.dictionaries(st.sampled_from(["id", "content", "type", "text", "url", "code"]), scalars, max_size=3),
).map(lambda body: json.dumps(body).encode())


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(bodies, st.sampled_from([200, 400, 401]), st.sampled_from(["wire", "replay"])), max_size=6))
@example(
    [(b'{"message_uuid": "\\ud800", "from": "\\ud800", "text": "\\u0000", "message_type": "\\ud800"}', 200, "wire")]
)
@example([(b'{"from": 1' + b"0" * 4000 + b"}", 200, "wire"), (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", 200, "wire")])
def test_no_body_stops_the_inbox_and_rebuilding_gives_the_same(inbox: Inbox, many: list[tuple[bytes, int, str]]):
    for body, answer, origin in many:
        inbox.record(delivery(body, answer=answer, origin=origin)).result(10)
    before = [told(event) for event in inbox.events()]
    for event in inbox.events():
        assert len(event.line.splitlines()) == 1
        assert event.shown_as("v1") is not None and event.shown_as("v0.1") is not None
    assert len(export(inbox, "json").splitlines()) == len(before)
    assert len(list(csv.reader(io.StringIO(export(inbox, "csv"))))) == len(before) + 1
    assert inbox.rebuild() == len(before)
    assert [told(event) for event in inbox.events()] == before
