"""The checks of the exercises: what they share, and that the reason of a refusal counts, also where a switch is set."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from nbhelpers import Lab
from nbhelpers.course.exercise_checks import CHECKS, answer_of, page_named, reason_of, says
from nbhelpers.course.exercises import tasks
from tests.support.exercising import POST, answered, arrived, run, untouched
from tests.support.labs import Shared, course_of, opened


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """A lab of this file's own: time that was let pass in it cannot be taken back."""
    with opened(tmp_path_factory.mktemp("checks") / "lab") as lab:
        yield Shared(lab)


# What they share


def response(status: int, body: bytes) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content = status, body
    return made


@pytest.mark.fast
def test_an_answer_is_read_from_a_response_or_from_its_json_and_from_nothing_else() -> None:
    assert answer_of(response(202, b'{"message_uuid": "u"}')) == (202, {"message_uuid": "u"})
    assert answer_of(response(500, b"<h1>no</h1>")) == (500, {})
    assert answer_of({"title": "t"}) == (None, {"title": "t"})
    assert answer_of("202") is None


@pytest.mark.fast
def test_the_reason_of_a_refusal_is_its_own_words_in_one_line() -> None:
    assert reason_of({"title": "Unauthorised", "detail": "Invalid\nToken"}) == "Unauthorised: Invalid�Token"
    assert reason_of({"other": 1}) == '{"other": 1}'


@pytest.mark.fast
def test_a_sentence_is_named_with_what_was_seen() -> None:
    assert says("returned", seen="3") == ("returned", {"seen": "3"})


@pytest.mark.fast
def test_a_page_is_found_by_its_name(ready: Lab) -> None:
    found = page_named(course_of(ready), ready.facts["page_name"])
    assert found is not None and found["id"] == ready.facts["page_id"]
    assert page_named(course_of(ready), "no such Page") is None


@pytest.mark.fast
def test_each_exercise_of_steps_1_to_5_has_one() -> None:
    assert {number.partition(".")[0] for number in CHECKS} == set("12345")


# What is the answer, and what is not


def names_for(number: str, ready: Lab) -> dict[str, Any]:
    """The variables above an exercise's cell, and those of the cell itself."""
    names = arrived(ready, number)
    run(untouched(number), names)
    return names


def said_of(number: str, code: str, names: dict[str, Any]) -> str:
    return repr(run(answered(number, code), names))


def test_with_the_second_page_as_yours_it_is_not_said_that_the_names_are_the_same(ready: Lab) -> None:
    said = said_of("1.1", 'second = lab.simulator.create_page("Corner Café")', names_for("1.1", ready))
    assert said.startswith("Wrong. `second` is “Corner Café”, the Page that counts as yours: give it another name, and")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ('{"jwt": "abc", "page": name}', "never was a token of yours: it cannot be read."),
        ('{"jwt": strange, "page": name}', "never was a token of yours: your key has not signed it."),
        ('{"jwt": other, "page": name}', "never was a token of yours: it names another application."),
        ('{"jwt": no_id, "page": name}', "never was a token of yours: it says no jti."),
        (
            '{"jwt": of_a_week_ago, "page": name}',
            "Done. The old token was refused (Unauthorised: Invalid Token), the new",
        ),
        ('{"page": name}', "never was a token of yours: it cannot be read."),
        ('{"jwt": lab.token(), "page": "Nowhere"}', "it is not the token that was refused."),
    ],
)
def test_only_a_link_that_is_refused_for_the_age_of_its_token_is_the_answer(sent: str, said: str, ready: Lab) -> None:
    names = names_for("4.1", ready)
    claims = {"application_id": ready.facts["application_id"], "iat": int(time.time()), "jti": "4-1"}
    own, fresh = ready.key_file.read_text(), rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names |= {
        "name": ready.facts["page_name"],
        "strange": jwt.encode(claims, fresh, algorithm="RS256"),
        "other": jwt.encode(claims | {"application_id": "another"}, own, algorithm="RS256"),
        "of_a_week_ago": jwt.encode(claims | {"iat": claims["iat"] - 7 * 86_400}, own, algorithm="RS256"),
        "no_id": jwt.encode({"application_id": claims["application_id"], "iat": claims["iat"]}, own, algorithm="RS256"),
    }
    code = f"""refused = requests.post(link_url, data={sent}, timeout=10)
linked = requests.post(link_url, data={{"jwt": lab.token(), "page": name}}, timeout=10)"""
    assert said in said_of("4.1", code, names)


def test_a_message_refused_for_its_shape_is_not_refused_for_who_sends(ready: Lab) -> None:
    turned = 'wrong = body | {"from": body["to"], "to": body["from"]}\n'
    turned += f'turned, who = {POST.format("url, json=wrong")}, "person"'
    said = said_of("7.1", turned, names_for("7.1", ready))
    assert said.startswith("Wrong. /v1/messages answered 422 “Invalid params: ")
    assert said.endswith("Post the message of *Turn the IDs round*, in the guide's shape, to /v0.1/messages.")


def test_a_token_that_was_over_before_it_was_sent_is_told_from_one_that_was_never_good(ready: Lab) -> None:
    code = """old = claims | {"iat": int(time.time()) - 300, "exp": int(time.time()) - 240}
short = jwt.encode(old, private_key, algorithm="RS256")
headers = {"Authorization": f"Bearer {short}"}
before = after = requests.post(url, json={}, headers=headers, timeout=10).status_code"""
    said = said_of("3.1", code, names_for("3.1", ready))
    assert re.match(
        r"Wrong\. This token was over before the service saw it: its `iat` is 30\d seconds old\. Take", said
    )


def test_a_second_page_that_counts_as_yours_is_told_with_the_way_back(ready: Lab) -> None:
    names = names_for("6.2", ready)
    try:
        # The cell stops before its end, and is run again: `mine` is the second Page now.
        ready.simulator.create_page("Corner Café")
        names |= {"mine": ready.facts["page_name"]}
        code = 'there = here = lab.user.write("Hello!", page=mine)'
        said = said_of("6.2", code, names)
    finally:
        ready.note(page_name="Corner Bakery")
    assert said.startswith("Not yet. “Corner Café” counts as yours now. Your own Page is “Corner Bakery”: run")


def test_where_an_unlinked_sender_is_refused_later_the_receipt_tells(ready: Lab) -> None:
    names = names_for("7.1", ready)
    ready.simulator.switch(unlinked_page="later")
    try:
        said = repr(run(tasks()["7.1"].solution, names))
        # Step 7 looks at the newest answer, and that one was refused.
        assert said.startswith("Not yet. Your answers are right. One thing is left, in step 7: ")
        ready.reply("Now from the Page.")
        said = said_of("7.1", "", names)
    finally:
        ready.simulator.switch(unlinked_page="at once")
    assert said.startswith("Done. Accepted with 202, and refused later with 1120 “Illegal Sender Address - rejected”: ")


def test_too_early_and_too_late_may_have_the_same_code(ready: Lab) -> None:
    names = names_for("7.2", ready)
    ready.simulator.switch(unknown_psid="1340")
    try:
        said = repr(run(tasks()["7.2"].solution, names))
    finally:
        ready.simulator.switch(unknown_psid="1300")
    assert said.startswith("Done. 202 twice, and refused twice: 1340 “")


def test_the_one_message_more_of_a_switch_is_named_and_the_next_one_is_too_late(ready: Lab) -> None:
    names = names_for("7.2", ready)
    ready.simulator.switch(window="24+1")
    try:
        said = repr(run(tasks()["7.2"].solution, names))
        assert "With the switch window=24+1 one message is let through even when the day is over" in said
        ready.simulator.advance(hours=25)
        once_more = f"late = {POST.format('url, json=flat')}"
        run(once_more, names)
        said = said_of(
            "7.2",
            f"{once_more}\nlab.inbox.wait_for_receipt(late.json())\nlab.user.write('Hello again')\nlab.reply('Hello')",
            names,
        )
    finally:
        ready.simulator.switch(window="24")
    assert said.startswith("Done. 202 twice, and refused twice: 1300 “")


def test_a_day_later_refused_for_something_else_is_not_too_late(ready: Lab) -> None:
    names = names_for("7.2", ready)
    ready.simulator.fault("page-link-expired")
    stranger = 'url, json=flat | {"to": "1" * 16}'
    code = f"early = {POST.format(stranger)}\nlate = {POST.format('url, json=flat')}"
    said = said_of("7.2", code, names)
    ready.simulator.clear_faults()
    assert said == "Wrong. `late` was refused with 1370 “Expired access Token”, and not for its hour. Mend that first."
