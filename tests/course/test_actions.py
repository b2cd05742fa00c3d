"""Screens and phones as a notebook says them: the Page, the link page, the settings form, the person."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.course.actions import ActionResult, LinkPage, Saved, Simulator, Webhooks
from nbhelpers.errors import KitError, ServiceError, SettingsError
from nbhelpers.messages.outbound import OutboundMessage
from tests.conftest import wait_until
from tests.support.labs import course_of

pytestmark = pytest.mark.fast


# The Page


def test_a_new_page_is_published_and_knows_nobody(ready: Lab) -> None:
    page = ready.simulator.create_page("Quiet corner")
    assert repr(page) == "Quiet corner: published, 0 people"
    assert page.people() == []


def test_a_page_shows_no_psid_and_no_page_id_before_a_person_wrote_and_never_its_id(ready: Lab) -> None:
    page = ready.simulator.create_page("Shy corner")
    ids = [found["id"] for found in ready.simulator.pages()]
    assert not any(ident in repr(page) + page._repr_html_() for ident in ids)
    said = ready.user.write("Hello")
    assert page.people() == [said.psid]
    assert repr(page) == "Shy corner: published, 1 person"
    ready.user.write("Hello", person="Bob")
    assert repr(page) == "Shy corner: published, 2 people"
    assert not any(ident in repr(page) for ident in [*ids, *page.people()])


def test_the_same_name_twice_is_the_same_page(ready: Lab) -> None:
    before = len(ready.simulator.pages())
    ready.simulator.create_page("Twice")
    ready.simulator.create_page("Twice")
    assert len(ready.simulator.pages()) == before + 1


def test_nobody_can_write_to_a_page_that_was_taken_off(ready: Lab) -> None:
    page = ready.simulator.create_page("Shutters down")
    ready.simulator.publish(page.name, False)
    assert repr(page) == "Shutters down: not published, 0 people"
    with pytest.raises(ServiceError, match="“Shutters down” is not published"):
        ready.user.write("Hello?")
    assert repr(page.publish()) == "Shutters down: published, 0 people"
    ready.user.write("Hello!")


def test_a_page_name_is_escaped(ready: Lab) -> None:
    page = ready.simulator.create_page("<b>Bold & Sons</b>")
    assert page._repr_html_() == "<p>&lt;b&gt;Bold &amp; Sons&lt;/b&gt;: published, 0 people</p>"


@pytest.mark.parametrize("name", ["", "   ", "x" * 76])
def test_a_page_needs_a_name_that_facebook_takes(ready: Lab, name: str) -> None:
    with pytest.raises(ServiceError, match="A Page needs a name"):
        ready.simulator.create_page(name)


def test_a_page_that_is_gone_says_what_to_run(ready: Lab) -> None:
    page = ready.simulator.create_page("Here")
    page.name = "Gone"
    with pytest.raises(KitError, match=r"There is no “Gone”\. Run \*Make the Page\*"):
        page.people()


# The link page


def test_the_link_page_is_a_link_that_opens_a_new_tab(ready: Lab) -> None:
    shown = ready.simulator.link_page
    assert repr(shown) == f"Open the link page: {ready.settings.host}/_simulator/link"
    assert f'<a href="{shown.url}" target="_blank" rel="noopener">' in shown._repr_html_()
    assert "Link your Facebook Page" in requests.get(shown.url, timeout=5).text


def test_under_a_jupyter_server_a_browser_opens_it_there_and_code_has_the_simulators_own(ready: Lab) -> None:
    settings = ready.settings
    course = course_of(ready, jupyter_url="http://127.0.0.1:8888/user/ada/", jupyter_state=settings.state)
    shown = Simulator(course).link_page
    assert shown.url == f"{settings.host}/_simulator/link"
    assert repr(shown) == "Open the link page: /user/ada/nbhelpers/link, at the address of this Jupyter"
    assert '<a href="/user/ada/nbhelpers/link" target="_blank" rel="noopener">' in shown._repr_html_()
    # A server that looks into another state would show another simulator.
    elsewhere = course_of(ready, jupyter_url="http://127.0.0.1:8888/", jupyter_state=settings.state / "other")
    assert Simulator(elsewhere).link_page.shown == shown.url


def test_its_address_is_escaped() -> None:
    assert '"><b>' not in LinkPage('http://x/"><b>')._repr_html_()


# The person


def test_the_person_writes_and_the_message_is_there_when_the_cell_is_done(ready: Lab) -> None:
    said = ready.user.write("Are you open?")
    assert repr(said) == "Ada wrote “Are you open?” to Corner Bakery."
    event = ready.inbox.newest_message()
    assert (event.text, event.psid) == ("Are you open?", said.psid)


def test_two_people_have_two_psids_and_one_person_one(ready: Lab) -> None:
    ada, bob, again = (ready.user.write("Hello", person=name).psid for name in ("Ada", "Bob", "Ada"))
    assert ada == again != bob


def test_one_person_has_another_psid_on_another_page(ready: Lab) -> None:
    first = ready.user.write("Hello")
    ready.simulator.create_page("Second Page")
    second = ready.user.write("Hello", page="Second Page")
    assert first.psid != second.psid


def test_a_message_to_a_page_without_a_link_is_not_passed_on_and_says_so(ready: Lab) -> None:
    ready.simulator.create_page("Not linked")
    assert repr(ready.user.write("Hello?")) == (
        "Ada wrote “Hello?” to Not linked. It was not passed on: this Page is linked to no application."
    )
    assert ready.inbox.newest_message() is None


def test_a_person_may_send_something_that_is_no_text(ready: Lab) -> None:
    said = ready.user.write(kind="image", person="Grace")
    assert repr(said) == f"Grace sent a picture to {ready.facts['page_name']}."
    assert ready.inbox.wait_for_message(said, timeout=10).message_type == "image"
    ready.user.write(kind="sticker")
    assert ready.inbox.newest_message().message_type == "unsupported"
    with pytest.raises(ServiceError, match="Nobody can write that"):
        ready.user.write(kind="smell")


def test_live_the_phone_is_asked_for_it(ready: Lab, tmp_path: Path) -> None:
    live = Lab(state=tmp_path / "lab", mode="live")
    assert repr(live.user.write(kind="image")) == "On your phone, open Messenger and send your Page a picture."
    live.inbox.close()


def test_the_person_reads_what_was_delivered_and_only_once(ready: Lab) -> None:
    ready.user.write("Hello")
    ready.reply("One")
    ready.reply("Two")
    wait_until(lambda: len([e for e in ready.inbox.events("status") if e.status == "delivered"]) == 2, 5)
    assert repr(ready.user.read()) == "Ada has read 2 messages."
    assert repr(ready.user.read()) == "Ada has read 0 messages."
    ready.reply("Three")
    wait_until(lambda: repr(ready.user.read(person="Ada")) == "Ada has read 1 message.", 5)


def test_what_a_person_wrote_is_escaped_in_a_cell(ready: Lab) -> None:
    said = ready.user.write("<script>alert(1)</script>")
    assert "<script>" not in said._repr_html_()
    assert ActionResult("a <b> & c")._repr_html_() == "<p>a &lt;b&gt; &amp; c</p>"


def test_on_a_real_phone_it_says_what_to_do(live: Lab) -> None:
    said = live.user.write("Hello")
    assert repr(said) == "On your phone, open Messenger and write to your Page: “Hello”"
    assert said.psid is None
    assert repr(live.user.read()) == "On your phone, open the conversation with your Page: that is reading."
    assert live.inbox.events() == []


# The settings form


def test_the_form_is_get_until_it_is_set_to_post(ready: Lab) -> None:
    """The two sentences of step 5."""
    assert repr(ready.webhooks.save()) == "Saved. Test call: GET, answered 405."
    assert repr(ready.webhooks.save(method="POST")) == "Saved. Test call: POST, answered 200."


def test_the_test_call_is_labelled_and_makes_no_event_and_no_psid(ready: Lab) -> None:
    saved = ready.webhooks.save(method="POST")
    receiver = ready.receiver
    assert [call["url"] for call in saved.calls] == [receiver.inbound_url, receiver.status_url]
    first, second = ready.inbox.deliveries()[-2:]
    for call, path in ((first, "/webhooks/inbound"), (second, "/webhooks/status")):
        assert (call.method, call.path, call.answer) == ("POST", path, 200)
        assert call.body == b'{"test":"This is a test call of the settings form."}'
        assert call.verdict == "signed", "it is signed as every webhook is"
    assert ready.inbox.events() == []


def test_the_test_call_by_get_is_labelled_too(ready: Lab) -> None:
    ready.webhooks.save()
    assert ready.inbox.deliveries()[-1].path == ("/webhooks/status?test=This+is+a+test+call+of+the+settings+form.")


def test_two_answers_to_the_test_calls_stand_beside_their_fields_and_one_and_the_same_is_shown_once() -> None:
    calls = [{"words": "answered 404"}, {"words": "answered 200"}]
    said = "Saved. Test calls by POST. Inbound Message: answered 404. Delivery Receipt: answered 200."
    assert repr(Saved("POST", calls)) == said
    assert repr(Saved("POST", calls[:1] * 2)) == "Saved. Test call: POST, answered 404."
    assert Saved("POST", calls)._repr_html_() == f'<p role="status">{Saved("POST", calls)!r}</p>'


def test_an_address_where_nobody_answers_is_told(ready: Lab) -> None:
    saved = ready.webhooks.save(inbound="http://127.0.0.1:9/in", method="POST")
    assert repr(saved) == (
        "Saved. Test calls by POST. Inbound Message: no answer (nobody listens there). Delivery Receipt: answered 200."
    )


@pytest.mark.parametrize(("given", "words"), [({"method": "PUT"}, "GET or POST"), ({"inbound": "here"}, "no URL")])
def test_what_the_form_does_not_take_is_said_in_words(ready: Lab, given: dict[str, str], words: str) -> None:
    before = ready.simulator.settings()
    with pytest.raises(ServiceError, match=words):
        ready.webhooks.save(**given)
    assert ready.simulator.settings() == before


def test_the_form_shows_its_labels_in_the_order_of_the_dashboard(ready: Lab) -> None:
    receiver = ready.receiver
    ready.webhooks.save(status="http://127.0.0.1:9/s")
    assert repr(ready.webhooks) == (
        f"Webhook URL for Inbound Message: {receiver.inbound_url}\n"
        "Webhook URL for Delivery Receipt: http://127.0.0.1:9/s\n"
        "HTTP method: GET"
    )
    ready.simulator.change_settings(inbound_url="")
    assert repr(ready.webhooks).startswith("Webhook URL for Inbound Message: (empty)\n")


def test_in_live_mode_the_form_is_the_dashboards(live: Lab) -> None:
    assert repr(live.webhooks).startswith("These two fields are on the dashboard.")
    with pytest.raises(SettingsError, match="There is no simulator here"):
        live.simulator  # noqa: B018


# The tunnel


def test_no_tunnel_is_needed_while_the_service_is_simulated(ready: Lab) -> None:
    assert repr(ready.tunnel) == "None needed: the service runs on this computer."
    assert ready.tunnel.public_url is None


# Tapping, places and emoji


def test_the_person_taps_reacts_and_sends_a_place_and_the_phone_shows_it_all(ready: Lab) -> None:
    psid = ready.user.write("Hello", person="Zoe").psid
    buttons = [{"title": "Yes", "payload": "YES"}, {"title": "No", "payload": "NO"}]
    ready.client.send(
        OutboundMessage(ready.facts["page_id"], psid, {"text": "Rye?", "quick_replies": buttons}, "custom")
    )
    assert repr(ready.user.phone(person="Zoe")).splitlines() == [
        "Zoe: Hello",
        f"{ready.facts['page_name']}: Rye? [Yes] [No]",
    ]
    reacted = ready.user.react("🥐", person="Zoe")
    assert (repr(reacted), reacted.psid) == ("Zoe reacted with 🥐.", psid)
    place = ready.user.send_location(52.52, 13.405, person="Zoe")
    assert repr(place) == "Zoe sent a place: 52.52, 13.405."
    said = [ready.inbox.wait_for_message(each, timeout=5).said for each in (reacted, place)]
    assert said == ["reaction 🥐", "location 52.52, 13.405"]
    with pytest.raises(ServiceError, match="cannot be tapped"):
        ready.user.tap("Yes", person="Zoe")  # quick replies go with the next message
    assert repr(ready.user.phone(person="Zoe")).splitlines()[-1] == "Zoe: location 52.52, 13.405"
    assert "<pre" in ready.user.phone()._repr_html_()


def test_in_live_mode_the_phone_is_a_real_one(live: Lab) -> None:
    assert repr(live.user.tap("Yes")) == "On your phone, tap “Yes”."
    assert "react to your Page's message with 👍" in repr(live.user.react())
    assert "send your location" in repr(live.user.send_location(1, 2))
    assert "Your phone shows it" in repr(live.user.phone())


@pytest.mark.fast
@pytest.mark.parametrize(("version", "method"), [("v0.1", "GET"), ("v1", "POST")])
def test_the_method_that_nobody_names_is_the_guides_or_todays(ready: Lab, version: str, method: str) -> None:
    assert Webhooks(course_of(ready, api_version=version)).save().method == method
    assert ready.simulator.settings()["http_method"] == method


@pytest.mark.fast
def test_what_the_real_form_needs_is_said_not_to_be_needed_here_and_changes_nothing(ready: Lab) -> None:
    before = ready.simulator.settings()
    with pytest.raises(SettingsError, match=r"is not needed here\. The simulator's form asks nothing"):
        ready.webhooks.save(yes=True)
    for given in ({}, {"yes": True}):
        with pytest.raises(SettingsError, match="has no old addresses to put back"):
            ready.webhooks.put_back(**given)
    assert ready.simulator.settings() == before
