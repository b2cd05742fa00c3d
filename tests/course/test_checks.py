"""Every wording of a check, brought about for real: what is done, not yet, wrong, or cannot be told."""

from __future__ import annotations

import re
import sqlite3
import time
import uuid
from typing import Any

import jwt
import pytest
import requests

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.auth.tokens import Minter
from nbhelpers.course import checks
from nbhelpers.messages.outbound import OutboundMessage
from tests.conftest import wait_until
from tests.support.labs import CLOCK, arrive, course_of, key_path, message, own_key, shut, waiting, written

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


def end(text: str) -> str:
    return f"…{text[-4:]}"


def signed(lab: Lab, key: PrivateKey | None = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token by hand, as in step 3, with some claims changed; None leaves a claim out."""
    now = int(time.time())
    usual = {"application_id": lab.facts["application_id"], "iat": now, "exp": now + 900, "jti": str(uuid.uuid4())}
    claims = {name: value for name, value in (usual | changed).items() if value is not None}
    return jwt.encode(claims, (key or own_key(lab)).key, algorithm="RS256", headers=header)


def by_hand(lab: Lab, to: str, sender: str | None = None) -> str:
    """Send a text with `requests`, as cell 7 of step 7 does; return its uuid."""
    body = {
        "from": {"type": "messenger", "id": sender or lab.facts["page_id"]},
        "to": {"type": "messenger", "id": to},
        "message": {"content": {"type": "text", "text": "By hand"}},
    }
    headers = {"Authorization": f"Bearer {lab.token()}"}
    answer = requests.post(f"{lab.settings.host}/v0.1/messages", json=body, headers=headers, timeout=5)
    return answer.json()["message_uuid"]


# 1: page


def test_page_not_yet(fresh: Lab) -> None:
    """And the other untouched steps: none of them is wrong."""
    assert repr(fresh.check("page")) == "Not yet. There is no Page. Run *Make the Page*."
    assert repr(fresh.check("application")) == "Not yet. No application ID is noted. Run *Save both together*."
    assert repr(fresh.check("jwt")) == "Not yet. `token` holds no token. Run *Sign it*."
    assert repr(fresh.check("link")) == "Not yet. There is no Page. Open 01 and run *Make the Page*."
    both = "Not yet. Inbound Message and Delivery Receipt are empty. Run *Save*, then *Mend*."
    assert repr(fresh.check("webhooks")) == both
    none = "Not yet. No message so far. Write one; if you did, `lab.doctor()` finds where it stopped."
    assert repr(fresh.check("receive")) == none
    assert repr(fresh.check("reply")) == 'Not yet. No answer was sent. Run *Send it*, or `lab.reply("…")`.'


@pytest.mark.fast
def test_page_done(ready: Lab) -> None:
    ready.simulator.create_page("A quiet Page")
    assert repr(ready.check("page")) == (
        "Done. Your Page is “A quiet Page”. Nobody has written to it, so there is nobody you may write to."
    )


@pytest.mark.fast
def test_page_done_counts_who_wrote(ready: Lab) -> None:
    ready.simulator.create_page("A busy Page")
    ready.user.write("Hello")
    assert repr(ready.check("page")) == "Done. Your Page is “A busy Page”. 1 person has written to it."
    ready.user.write("Hello", person="Bob")
    assert repr(ready.check("page")) == "Done. Your Page is “A busy Page”. 2 people have written to it."


@pytest.mark.fast
def test_page_wrong(ready: Lab) -> None:
    page = ready.simulator.create_page("A shut Page")
    ready.simulator.publish(page.name, False)
    assert repr(ready.check("page")) == (
        "Wrong. “A shut Page” is not published, so nobody can write to it. Run `page.publish()`."
    )
    page.publish()
    assert ready.check("page").kind == "done"


# 2: application


@pytest.mark.fast
def test_application_done(ready: Lab) -> None:
    ready.note(application_id=ready.facts["application_id"])  # the learner's own
    assert repr(ready.check("application")) == (
        f"Done. Application {end(ready.facts['application_id'])} exists, "
        "and your `private.key` fits the public key it holds."
    )


@pytest.mark.fast
def test_application_not_yet_without_its_file(ready: Lab) -> None:
    key_path(ready).unlink()
    assert repr(ready.check("application")) == (f"Not yet. The ID is noted, but there is no file {key_path(ready)}.")


@pytest.mark.fast
@pytest.mark.parametrize("unknown", [False, True])
def test_application_wrong_with_a_key_or_an_id_of_another(ready: Lab, other_key: PrivateKey, unknown: bool) -> None:
    if unknown:
        ready.note(application_id=str(uuid.uuid4()))
    else:
        save_key(other_key, key_path(ready))
    assert repr(ready.check("application")) == (
        f"Wrong. {key_path(ready)} does not fit application {end(ready.facts['application_id'])}. "
        "Run *Send it* and *Save both together* again, both."
    )


@pytest.mark.fast
def test_application_wrong_with_a_file_that_holds_no_key(ready: Lab) -> None:
    key_path(ready).write_text("Dear diary")
    outcome = ready.check("application")
    assert outcome.kind == "wrong"
    assert "This is not a private key." in outcome.words


@pytest.mark.fast
def test_application_cannot_be_told_without_the_account(ready: Lab) -> None:
    assert repr(checks.application(course_of(ready, api_secret=None))) == (
        "Cannot tell. Without API key and secret the stored half cannot be read: compare it with the credentials card."
    )


@pytest.mark.fast
def test_application_cannot_be_told_when_the_account_is_refused(ready: Lab) -> None:
    assert repr(checks.application(course_of(ready, api_secret="wrong"))) == (
        "Cannot tell. The service did not accept API key and secret. "
        f"It answered 401 to API key {ready.settings.api_key}. "
        "Copy both again from the dashboard: the secret belongs to this key and to no other."
    )


@pytest.mark.fast
def test_application_cannot_be_told_when_nobody_answers(ready: Lab) -> None:
    outcome = checks.application(course_of(ready, host=NOWHERE))
    assert outcome.kind == "cannot tell"
    assert f"No answer from {NOWHERE} (ConnectionError)." in outcome.words


@pytest.mark.fast
def test_application_never_shows_a_key_that_was_configured_as_text(
    ready: Lab, key: PrivateKey, other_key: PrivateKey
) -> None:
    course = course_of(ready, application_id=ready.facts["application_id"], private_key=other_key.pem())
    course.simulator = None  # as in live mode: what the settings say counts
    shown = repr(checks.application(course))
    assert shown.startswith("Wrong. the text you gave does not fit application")
    assert "PRIVATE KEY" not in shown


@pytest.mark.fast
def test_application_not_yet_in_live_mode_without_a_key(ready: Lab) -> None:
    course = course_of(ready, application_id="some", private_key=None)
    course.simulator = None
    assert (
        repr(checks.application(course))
        == "Not yet. The ID is set, but VONAGE_PRIVATE_KEY is not. Run `lab.configure()`."
    )


# 3: jwt


@pytest.mark.fast
def test_jwt_done(ready: Lab) -> None:
    assert re.fullmatch(
        r"Done\. The service believes this token\. It is good for another (14:5\d|15:00)\.",
        repr(ready.check("jwt", signed(ready))),
    )


@pytest.mark.fast
@pytest.mark.parametrize("wrapped", ["Bearer {}", " {}\n", '"{}"'])
def test_jwt_done_with_what_pasting_leaves_around_it(ready: Lab, wrapped: str) -> None:
    assert ready.check("jwt", wrapped.format(signed(ready))).kind == "done"


@pytest.mark.fast
def test_jwt_done_for_bytes(ready: Lab) -> None:
    assert ready.check("jwt", signed(ready).encode()).kind == "done"


@pytest.mark.fast
@pytest.mark.parametrize("rubbish", ["", "no token", "a.b.c", 5, object(), b"\xff.\xff.\xff", [], {}, 1.5, "a.\0.x"])
def test_jwt_not_yet_with_rubbish_in_hand(ready: Lab, rubbish: Any) -> None:
    assert repr(ready.check("jwt", rubbish)) == "Not yet. `token` holds no token. Run *Sign it*."


@pytest.mark.fast
@pytest.mark.parametrize("odd", ["\u2022", "\0", "é"])
def test_jwt_with_a_character_that_no_header_can_hold_is_not_sent(ready: Lab, odd: str) -> None:
    head, claims, signature = signed(ready).split(".")
    for token in (f"{head}.{claims}{odd}.{signature}", f"{head}.{claims}.{signature}{odd}"):
        outcome = ready.check("jwt", token)
        assert outcome.kind in ("not yet", "wrong")
        assert "Sign it" in outcome.words
        assert "eyJ" not in outcome.words


@pytest.mark.fast
def test_jwt_wrong_when_part_of_it_is_missing(ready: Lab) -> None:
    token = signed(ready)
    outcome = ready.check("jwt", token[:200].rpartition(".")[0])
    assert outcome.kind == "wrong"
    assert outcome.words.startswith("This token is not whole. A JWT is three parts with two dots between; this is ")
    assert "eyJ" not in outcome.words


@pytest.mark.fast
@pytest.mark.parametrize(("ago", "words"), [(200, "3 minutes ago"), (65, "1 minute ago"), (5, "1 minute ago")])
def test_jwt_wrong_when_it_ran_out(ready: Lab, ago: int, words: str) -> None:
    now = int(time.time())
    token = signed(ready, iat=now - 1000, exp=now - ago)
    assert repr(ready.check("jwt", token)) == f"Wrong. This token ran out {words}: sign a new one."


def test_jwt_counts_the_time_that_was_let_pass(fresh: Lab) -> None:
    fresh.need("application")
    old = fresh.token()
    fresh.simulator.advance(minutes=5)
    assert re.fullmatch(r"Done\. .* It is good for another (09:\d\d|10:00)\.", repr(fresh.check("jwt", old)))
    fresh.simulator.advance(minutes=15)
    assert repr(fresh.check("jwt", old)) == "Wrong. This token ran out 5 minutes ago: sign a new one."
    assert re.search(r"good for another 1[45]:\d\d", repr(fresh.check("jwt", fresh.token())))


@pytest.mark.fast
def test_jwt_wrong_with_another_key(ready: Lab, other_key: PrivateKey) -> None:
    assert repr(ready.check("jwt", signed(ready, other_key))) == (
        f"Wrong. Its key does not fit application {end(ready.facts['application_id'])}. "
        "Or a letter was changed on the way."
    )


@pytest.mark.fast
@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"application_id": "another"}, "application_id another; expected the ID of step 2, {end}"),
        ({"application_id": None}, "no application_id; expected the ID of step 2, {end}"),
        ({"jti": None}, "no jti; expected an ID of its own"),
        ({"jti": 5}, "jti 5; expected an ID of its own"),
        ({"iat": None}, "no iat; expected the time it was issued, in seconds"),
        ({"iat": 1_800_000_000_000}, "iat 1800000000000; expected the time it was issued, in seconds"),
        ({"iat": "today"}, "iat today; expected the time it was issued, in seconds"),
        ({"exp": "soon"}, "exp soon; expected the time it ends, in seconds"),
        (
            {"iat": 4_000_000_000, "exp": 4_000_000_900},
            "iat 4000000000; expected a time that is past: one of the two clocks is wrong",
        ),
        ({"iat": 1_000_000_000}, "iat 1000000000; expected a time within the last 24 hours"),
    ],
)
def test_jwt_wrong_names_the_claim_that_the_service_refuses(ready: Lab, claims: dict[str, Any], says: str) -> None:
    token = signed(ready, **claims)
    answer = requests.post(
        f"{ready.settings.host}/v0.1/messages", json={}, headers={"Authorization": f"Bearer {token}"}, timeout=5
    )
    # An own application_id that exists nowhere is refused too: in each case the service says no.
    assert answer.status_code == 401
    expected = says.format(end=end(ready.facts["application_id"]))
    assert repr(ready.check("jwt", token)) == f"Wrong. It says {expected}."


@pytest.mark.fast
def test_jwt_wrong_with_another_algorithm(ready: Lab) -> None:
    claims = jwt.decode(signed(ready), options={"verify_signature": False})
    token = jwt.encode(claims, "a secret of thirty-two characters", algorithm="HS256")
    assert repr(ready.check("jwt", token)) == "Wrong. It says alg HS256; expected RS256."


@pytest.mark.fast
def test_jwt_cannot_be_told_when_nobody_answers(ready: Lab) -> None:
    assert repr(checks.jwt(course_of(ready, host=NOWHERE), signed(ready))) == (
        "Cannot tell. No answer within 10 s (ConnectionError). "
        "The token itself reads well: application_id, iat, exp, jti."
    )


@pytest.mark.fast
def test_jwt_cannot_be_told_from_an_answer_about_something_else(ready: Lab) -> None:
    elsewhere = course_of(ready, host=f"{ready.settings.host}/elsewhere")
    assert repr(checks.jwt(elsewhere, signed(ready))) == (
        "Cannot tell. The service answered 404, which says nothing of the token. Try again."
    )


# 4: link


@pytest.mark.fast
def test_link_done(ready: Lab) -> None:
    ready.note(page_id=ready.facts["page_id"])
    assert repr(ready.check("link")) == (
        f"Done. “Corner Bakery” is linked. Your Page ID is {ready.facts['page_id']}: the SENDER_ID of step 7."
    )


@pytest.mark.fast
def test_link_not_yet(ready: Lab) -> None:
    ready.simulator.unlink("Corner Bakery")
    assert repr(ready.check("link")) == (
        "Not yet. “Corner Bakery” exists, but is not linked. Paste a JWT on the link page, or run *Send the form*."
    )


@pytest.mark.fast
def test_link_not_yet_without_its_id(ready: Lab) -> None:
    ready.note(page_id=None)
    assert repr(ready.check("link")) == "Not yet. “Corner Bakery” is linked, but its ID is not noted. Run *Note it*."


@pytest.mark.fast
def test_link_wrong_when_the_form_was_refused_and_done_when_it_was_sent_again(ready: Lab) -> None:
    ready.simulator.unlink("Corner Bakery")
    now = int(time.time())
    old = {"jwt": signed(ready, iat=now - 1000, exp=now - 190), "page": "Corner Bakery"}
    assert requests.post(ready.simulator.link_page.url, data=old, timeout=5).status_code == 401
    assert repr(ready.check("link")) == (
        "Wrong. Refused: This token ran out 3 minutes ago. Copy a new JWT and try again."
    )
    new = {"jwt": signed(ready), "page": "Corner Bakery"}
    assert requests.post(ready.simulator.link_page.url, data=new, timeout=5).status_code == 200
    assert ready.check("link").good


@pytest.mark.fast
def test_link_a_refusal_that_is_mended_is_forgotten(ready: Lab) -> None:
    test_link_wrong_when_the_form_was_refused_and_done_when_it_was_sent_again(ready)
    ready.simulator.unlink("Corner Bakery")
    assert ready.check("link").kind == "not yet"


@pytest.mark.fast
def test_link_wrong_when_it_belongs_to_another_application(ready: Lab) -> None:
    linked = ready.facts["application_id"]
    another = str(uuid.uuid4())
    ready.note(page_id=ready.facts["page_id"], application_id=another)  # steps 2 and 4 are the learner's own
    assert repr(ready.check("link")) == (f"Wrong. “Corner Bakery” is linked to {end(linked)}, not to {end(another)}.")


@pytest.mark.fast
def test_link_that_was_filled_in_is_not_wrong_because_step_2_was_done_since(ready: Lab) -> None:
    ready.note(application_id=str(uuid.uuid4()))
    assert repr(ready.check("link")) == (
        "Not yet. “Corner Bakery” is linked to a sample application. "
        "Paste a JWT on the link page, or run *Send the form*."
    )


@pytest.mark.fast
def test_link_wrong_with_another_id_noted(ready: Lab) -> None:
    right = ready.facts["page_id"]
    ready.note(page_id=123)
    assert repr(ready.check("link")) == (
        f"Wrong. You noted 123; the ID of “Corner Bakery” is {right}. Run *Note it* again."
    )


# 5: webhooks


@pytest.mark.fast
def test_webhooks_done(ready: Lab) -> None:
    ready.webhooks.save(method="POST")
    assert repr(ready.check("webhooks")) == "Done. Both addresses answered a POST with 200. The receiver runs."


@pytest.mark.fast
@pytest.mark.parametrize(
    ("empty", "words"),
    [
        ("status_url", "Inbound Message is set, Delivery Receipt is empty."),
        ("inbound_url", "Delivery Receipt is set, Inbound Message is empty."),
    ],
)
def test_webhooks_not_yet_with_one_address(ready: Lab, empty: str, words: str) -> None:
    ready.simulator.change_settings(**{empty: ""})
    assert repr(ready.check("webhooks")) == f"Not yet. {words} Run *Save*, then *Mend*."


@pytest.mark.fast
def test_webhooks_wrong_method(ready: Lab) -> None:
    ready.webhooks.save()
    assert repr(ready.check("webhooks")) == "Wrong. The method is GET: set POST."


@pytest.mark.fast
def test_webhooks_wrong_way_round(ready: Lab) -> None:
    receiver = ready.receiver
    ready.webhooks.save(inbound=receiver.status_url, status=receiver.inbound_url, method="POST")
    assert repr(ready.check("webhooks")) == "Wrong. The addresses are swapped."


@pytest.mark.fast
def test_webhooks_wrong_address(ready: Lab) -> None:
    receiver = ready.receiver
    ready.webhooks.save(status="https://example.com/old", method="POST")
    assert repr(ready.check("webhooks")) == (
        f"Wrong. The form holds https://example.com/old; your receiver is {receiver.status_url}."
    )


# 6: receive


@pytest.mark.fast
def test_receive_done(ready: Lab) -> None:
    psid = written(ready, "Hello from Facebook Messenger!").psid
    assert re.fullmatch(
        rf"Done\. “Hello from Facebook Messenger!” came at {CLOCK}\. "
        rf"PSID {psid}: the person\. Page ID {ready.facts['page_id']}: you\.",
        repr(ready.check("receive", psid)),
    )


@pytest.mark.fast
def test_receive_done_for_a_picture(ready: Lab) -> None:
    ready.simulator.write(kind="image", page="Corner Bakery")
    wait_until(ready.inbox.newest_message, 5)
    assert repr(ready.check("receive")).startswith("Done. A message (image picture.jpg) came at ")


@pytest.mark.fast
def test_receive_done_with_the_psid_of_somebody_who_did_not_write_last(ready: Lab) -> None:
    ada = written(ready, "I am Ada").psid
    written(ready, "I am Bob", person="Bob")
    assert repr(ready.check("receive", ada)).startswith("Done. “I am Ada” came at ")


@pytest.mark.fast
def test_receive_wrong_with_the_page_id(ready: Lab) -> None:
    written(ready)
    assert repr(ready.check("receive", ready.facts["page_id"])) == (
        "Wrong. `psid` holds your Page ID. The person is in `from`."
    )


@pytest.mark.fast
@pytest.mark.parametrize(
    ("rubbish", "shown"),
    [
        (5, "5"),
        ("", ""),
        ("somebody", "somebody"),
        ("\ud800", "�"),
        (b"123", "something of type bytes"),
        (object(), "something of type object"),
        ([], "something of type list"),
        ("x" * 51, "something of type str"),
    ],
)
def test_receive_wrong_with_rubbish_in_hand(ready: Lab, rubbish: Any, shown: str) -> None:
    psid = written(ready).psid
    assert repr(ready.check("receive", rubbish)) == (
        f"Wrong. `psid` holds {shown}; the person who wrote last is {psid}."
    )


@pytest.mark.fast
def test_receive_never_shows_a_token_that_is_in_hand_by_mistake(ready: Lab) -> None:
    written(ready)
    assert "eyJ" not in repr(ready.check("receive", str(ready.token())))


@pytest.mark.fast
def test_receive_wrong_when_a_message_came_with_get(ready: Lab) -> None:
    ready.webhooks.save()
    ready.simulator.write(text="Lost", page="Corner Bakery")
    refused = 'SELECT 1 FROM deliveries WHERE answer = 405 AND path LIKE "%message_uuid%"'
    wait_until(lambda: ready.inbox._rows(refused, []), 5, "the call")
    assert repr(ready.check("receive")) == "Wrong. A call came with GET, and was refused: see step 5."
    ready.webhooks.save(method="POST")
    assert ready.check("receive").kind == "not yet"  # mended, and not yet tried again


@pytest.mark.fast
def test_receive_is_not_wrong_for_the_wrong_on_purpose_of_step_5(ready: Lab) -> None:
    ready.webhooks.save()
    assert any(delivery.answer == 405 for delivery in ready.inbox.deliveries())
    assert ready.check("receive").kind == "not yet"


# 7: reply


@pytest.mark.fast
def test_reply_done_when_it_was_read_and_before(ready: Lab) -> None:
    psid = written(ready).psid
    uuid = ready.client.send(OutboundMessage(ready.facts["page_id"], psid, "Good morning!")).message_uuid
    ready.inbox.wait_for_receipt(uuid, "delivered", 5)
    assert re.fullmatch(
        rf"Done\. Your answer to {psid} was delivered at {CLOCK}; not read yet\.", repr(ready.check("reply"))
    )
    ready.simulator.read()
    ready.inbox.wait_for_receipt(uuid, "read", 5)
    assert re.fullmatch(
        rf"Done\. Your answer to {psid} was delivered at {CLOCK} and read at {CLOCK}\.", repr(ready.check("reply"))
    )


@pytest.mark.fast
def test_reply_done_for_an_answer_that_was_sent_by_hand(ready: Lab) -> None:
    psid = written(ready).psid
    ready.inbox.wait_for_receipt(by_hand(ready, psid), "delivered", 5)
    assert repr(ready.check("reply")).startswith(f"Done. Your answer to {psid} was delivered at ")


@pytest.mark.fast
def test_reply_is_about_the_newest_answer_even_when_an_older_one_is_read_later(ready: Lab) -> None:
    psid = written(ready).psid
    first, second = by_hand(ready, psid), by_hand(ready, psid)
    for each in (first, second):
        ready.inbox.wait_for_receipt(each, "delivered", 5)
    status = {"message_uuid": first, "status": "read", "to": message()["from"], "from": message()["to"]}
    arrive(ready, status, "/webhooks/status")
    assert ready.inbox.last_answer()[0].message_uuid == second


@pytest.mark.fast
def test_reply_wrong_when_it_went_to_your_own_page(ready: Lab) -> None:
    psid, page_id = written(ready).psid, ready.facts["page_id"]
    ready.inbox.wait_for_receipt(by_hand(ready, page_id), "delivered", 5)
    assert repr(ready.check("reply")) == (
        f"Wrong. You wrote to {page_id}: that is your own Page. The person is {psid}."
    )


@pytest.mark.fast
def test_reply_wrong_when_it_was_refused(ready: Lab) -> None:
    ready.inbox.wait_for_receipt(by_hand(ready, "4242424242"), "delivered", 5)
    assert repr(ready.check("reply")) == (
        "Wrong. Refused: 1300 Not part of the provider network. "
        "This recipient is not somebody who wrote to this Page. "
        "Use the PSID from an inbound message to the same Page: a person has another PSID on each Page."
    )


@pytest.mark.fast
def test_reply_cannot_be_told_when_receipts_go_elsewhere(ready: Lab) -> None:
    psid = written(ready).psid
    ready.webhooks.save(status=f"{NOWHERE}/status", method="POST")
    ready.reply("Into the blue")
    assert repr(ready.check("reply")) == (
        f"Cannot tell. Accepted, but receipts go to {NOWHERE}/status, which is not this receiver."
    )
    assert psid


@pytest.mark.fast
def test_reply_not_yet_without_a_receipt(ready: Lab) -> None:
    psid = written(ready).psid
    ready.inbox.sent("v0.1", {}, "uuid-of-mine", psid=psid, page_id=ready.facts["page_id"], text="Hello")
    assert re.fullmatch(
        rf"Not yet\. Accepted at {CLOCK}, no receipt yet\. After 20 s, run `lab\.doctor\(\)`\.",
        repr(ready.check("reply")),
    )


# When nothing can be read


@pytest.mark.parametrize(("key", "gone"), [("receive", "VIEW told"), ("reply", "TABLE events")])
def test_an_inbox_that_cannot_be_read_is_told_and_nothing_is_lost(fresh: Lab, key: str, gone: str) -> None:
    path = fresh.inbox.path
    with sqlite3.connect(path) as connection:
        connection.execute(f"DROP {gone}")
    connection.close()
    assert repr(fresh.check(key)) == (
        f"Cannot tell. The inbox cannot be read: {path}: no such table: {gone.split()[1]}. Nothing is deleted."
    )


def test_webhooks_not_yet_when_the_receiver_is_shut(fresh: Lab) -> None:
    fresh.webhooks.save(method="POST")
    shut(fresh, "receiver")
    assert repr(fresh.check("webhooks")) == (
        "Not yet. The addresses are set, but your receiver does not run. Run `lab.receiver`."
    )


@pytest.mark.fast
def test_no_check_makes_an_event_or_a_psid(ready: Lab) -> None:
    for key in range(1, 8):
        ready.check(key)
    assert ready.inbox.events() == []
    assert ready.simulator.webhooks() == [] or not waiting(ready)


@pytest.mark.fast
def test_a_token_of_the_kit_is_believed(ready: Lab) -> None:
    minted = Minter(ready.facts["application_id"], own_key(ready))()
    assert ready.check("jwt", minted).kind == "done"
