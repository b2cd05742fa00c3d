"""Filling a step in does it for real: what the service, the disk and the inbox hold afterwards."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.course import autofill
from nbhelpers.errors import MessageError, ServiceError
from tests.support.labs import course_of, key_path, sent_body, written


def test_the_page_is_there_and_published(fresh: Lab) -> None:
    assert autofill.page(fresh._course) == "Corner Bakery"
    (page,) = fresh.simulator.pages()
    assert (page["name"], page["published"], page["people"]) == ("Corner Bakery", 1, [])
    assert fresh.facts["page_name"] == "Corner Bakery"


@pytest.mark.fast
def test_a_page_that_the_learner_took_off_is_published_again_under_its_name(ready: Lab) -> None:
    page = ready.simulator.create_page("Mine")
    ready.simulator.publish(page.name, False)
    assert autofill.page(ready._course) == "Mine"
    assert repr(page) == "Mine: published, 0 people"


@pytest.mark.fast
def test_the_application_is_the_guides_and_its_key_is_readable_by_its_owner_alone(ready: Lab) -> None:
    before = ready.facts["application_id"]
    made = autofill.application(ready._course)
    account = (ready.settings.api_key, ready.settings.api_secret)
    told = requests.get(f"{ready.settings.host}/v2/applications/{made}", auth=account, timeout=5).json()
    assert made == ready.facts["application_id"] != before
    assert told["capabilities"]["voice"]["webhooks"] == {
        "answer_url": {"address": "http://example.com/answer"},
        "event_url": {"address": "http://example.com/event"},
    }
    assert ready._course.key().fits(told["keys"]["public_key"])
    if os.name == "posix":
        assert stat.S_IMODE(key_path(ready).stat().st_mode) == 0o600


@pytest.mark.fast
def test_a_token_is_believed_or_the_step_is_not_filled_in(ready: Lab) -> None:
    ready.inbox.note(jwt=None)
    assert autofill.jwt(ready._course) == "jwt"
    assert ready.inbox.facts()["jwt"] is True
    with pytest.raises(ServiceError) as refused:
        autofill.jwt(course_of(ready, host=f"{ready.settings.host}/elsewhere"))
    assert "answered 404" in refused.value.seen
    assert "`lab.reset()`" in refused.value.next
    assert "eyJ" not in str(refused.value)


@pytest.mark.fast
def test_the_link_is_made_with_a_token_and_its_id_noted(ready: Lab) -> None:
    ready.simulator.create_page("Another")
    linked = autofill.link(ready._course)
    page = next(page for page in ready.simulator.pages() if page["name"] == "Another")
    assert page["application_id"] == ready.facts["application_id"]
    assert linked == page["id"] == ready.facts["page_id"]


@pytest.mark.fast
@pytest.mark.parametrize(("version", "shape"), [("v0.1", "v0.1"), ("beta", "v0.1"), ("v1", "v1")])
def test_the_form_holds_the_open_receiver_by_post_in_the_shape_that_is_sent(
    ready: Lab, version: str, shape: str
) -> None:
    ready.simulator.change_settings(inbound_url="", status_url="", http_method="GET")
    autofill.webhooks(course_of(ready, api_version=version))
    receiver = ready.receiver
    assert ready.simulator.settings() == {
        "inbound_url": receiver.inbound_url,
        "status_url": receiver.status_url,
        "http_method": "POST",
        "shape": shape,
        "balance": "ok",
    }


@pytest.mark.fast
def test_the_message_came_through_the_receiver(ready: Lab) -> None:
    uuid = autofill.receive(ready._course)
    event = ready.inbox.newest_message()
    assert (event.message_uuid, event.text, event.origin) == (uuid, "Hello from Facebook Messenger!", "wire")
    assert event.psid in {person["psid"] for page in ready.simulator.pages() for person in page["people"]}


@pytest.mark.fast
def test_the_answer_was_sent_delivered_and_read(ready: Lab) -> None:
    psid = written(ready).psid
    uuid = autofill.reply(ready._course)
    assert ready.inbox.receipts(uuid).states == ["submitted", "delivered", "read"]
    assert sent_body(ready, uuid)["to"] == {"type": "messenger", "id": psid}


@pytest.mark.fast
def test_nobody_is_answered_before_somebody_wrote(ready: Lab) -> None:
    with pytest.raises(MessageError, match="There is nobody to answer"):
        autofill.reply(ready._course)


@pytest.mark.fast
def test_private_keys_that_were_there_are_set_aside_though_within_one_second(
    ready: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = iter(datetime(2026, 1, 1, 12, 0, 0, micro, UTC) for micro in (1, 20, 300_000))
    monkeypatch.setattr(autofill, "datetime", SimpleNamespace(now=lambda: next(second)))
    before = set()
    for _ in range(3):
        before.add(key_path(ready).read_bytes())
        autofill.application(ready._course)
    folder = key_path(ready).parent
    assert {path.read_bytes() for path in folder.glob("private-20260101-120000*.key")} == before
    assert len(before) == 3
    for path in folder.glob("private-*.key"):  # those of the tests before, too
        path.unlink()
