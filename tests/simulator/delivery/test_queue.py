"""What a webhook says, where the switches have a say in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from nbhelpers.messages.inbound import InboundMessage
from nbhelpers.simulator.delivery.queue import Sent, StatusChange, queue_inbound, queue_statuses, time_text
from nbhelpers.simulator.storage.switches import DEFAULTS

pytestmark = pytest.mark.fast

MOMENT = 1577887200.125  # 2020-01-01 14:00:00.125 UTC


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:")
    made.row_factory = sqlite3.Row
    made.execute("CREATE TABLE webhooks (uuid, kind, application_id, webhook_url, body, at, due, held, answer)")
    yield made
    made.close()


def queued(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    return [json.loads(row["body"]) for row in connection.execute("SELECT body FROM webhooks ORDER BY rowid")]


def sent(shape: str = "v1", channel: str = "messenger", workflow: str | None = None) -> Sent:
    return Sent("uuid", "app", "page", "psid", channel, "v1", "{}", None, "delivered", MOMENT, shape, None, workflow)


def status(connection: sqlite3.Connection, told: Sent, name: str = "delivered", **switches: str) -> dict[str, Any]:
    queue_statuses(connection, told, [StatusChange(name, MOMENT)], DEFAULTS | switches, held=False)
    return queued(connection)[-1]


def test_a_moment_is_written_in_milliseconds() -> None:
    assert time_text(MOMENT) == "2020-01-01T14:00:00.125Z"


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("2020-01-01T14:00:00.000Z", "2020-01-01T14:00:00.125Z"),
        ("2020-01-01T14:00:00Z", "2020-01-01T14:00:00Z"),
        ("2020-01-01 14:00:00 UTC", "2020-01-01 14:00:00 UTC"),
    ],
)
def test_the_time_of_todays_shape_has_the_form_of_the_switch_and_the_guides_does_not(
    connection: sqlite3.Connection, form: str, written: str
) -> None:
    assert status(connection, sent("v1"), time_form=form)["timestamp"] == written
    assert status(connection, sent("v0.1"), time_form=form)["timestamp"] == "2020-01-01T14:00:00.125Z"


def test_the_code_of_an_error_is_a_text_or_a_number(connection: sqlite3.Connection) -> None:
    for choice, title in (("text", "1340"), ("number", 1340)):
        switches = DEFAULTS | {"error_title": choice}
        told = StatusChange("rejected", MOMENT, "1340", "Outside of the allowed window")
        queue_statuses(connection, sent(), [told], switches, held=False)
        error = queued(connection)[-1]["error"]
        assert (error["title"], error["detail"]) == (title, "Outside of the allowed window")
        assert error["type"].endswith("#1340")


@pytest.mark.parametrize("shape", ["v1", "v0.1"])
def test_of_two_refusals_that_are_alike_each_has_its_own_uuid_and_moment(
    connection: sqlite3.Connection, shape: str
) -> None:
    for uuid, moment in (("first", MOMENT), ("second", MOMENT + 1)):
        told = sent(shape)._replace(uuid=uuid, client_ref="{order} 7")
        queue_statuses(connection, told, [StatusChange("rejected", moment, "1340", "Too late")], DEFAULTS, held=False)
    one, other = queued(connection)
    assert (one["message_uuid"], one["timestamp"]) == ("first", "2020-01-01T14:00:00.125Z")
    assert (other["message_uuid"], other["timestamp"]) == ("second", "2020-01-01T14:00:01.125Z")
    assert (other["client_ref"], other["error"].get("instance", "second")) == ("{order} 7", "second")


def test_a_price_is_stated_only_when_delivered_and_only_with_the_switch(connection: sqlite3.Connection) -> None:
    assert "usage" not in status(connection, sent())
    assert status(connection, sent(), usage="yes")["usage"] == {"currency": "EUR", "price": "0.0333"}
    assert "usage" not in status(connection, sent(), "read", usage="yes")
    assert status(connection, sent("v0.1"), usage="yes")["usage"]["currency"] == "EUR"


def test_direction_is_said_only_in_the_guides_shape_and_only_with_the_switch(connection: sqlite3.Connection) -> None:
    message = InboundMessage("uuid", "psid", "page", "text", "hi", timestamp=time_text(MOMENT))
    for shape, choice, says in (("v0.1", "no", False), ("v0.1", "yes", True), ("v1", "yes", False)):
        body = queue_inbound(connection, message, shape, "app", DEFAULTS | {"direction": choice}, held=False)
        assert (body.get("direction") == "inbound") is says
        assert queued(connection)[-1] == body


def test_a_workflow_is_told_in_todays_shape_alone(connection: sqlite3.Connection) -> None:
    place = {"workflow_id": "w", "items_number": "1", "items_total": "2"}
    assert status(connection, sent(workflow=json.dumps(place)))["workflow"] == place
    assert "workflow" not in status(connection, sent("v0.1", workflow=json.dumps(place)))


def test_another_channel_has_numbers_in_the_guides_shape(connection: sqlite3.Connection) -> None:
    told = status(connection, sent("v0.1", channel="sms"))
    assert (told["to"], told["from"]) == ({"type": "sms", "number": "psid"}, {"type": "sms", "number": "page"})
    assert status(connection, sent(channel="sms"))["channel"] == "sms"
