"""The table of the seven steps: need fills in exactly what is missing and says it, a check never raises or tells."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from nbhelpers import Lab
from nbhelpers.course import steps
from nbhelpers.course.exercises import tasks
from nbhelpers.course.steps import STEPS, FormOnly, Progress, step_of
from nbhelpers.errors import KitError, SettingsError
from nbhelpers.inbox.events import Delivery
from nbhelpers.services import launcher
from tests.conftest import REPOSITORY, wait_until
from tests.support.labs import arrive, key_path, message, shut, taken, written

KEYS = ["page", "application", "jwt", "link", "webhooks", "receive", "reply"]


def states(progress: Progress) -> list[str]:
    return [state for _, state in progress.states]


def last_line(shown: object) -> str:
    return repr(shown).splitlines()[-1]


# The table


@pytest.mark.fast
def test_the_keys_and_their_numbers_are_those_of_the_course() -> None:
    assert [step.key for step in STEPS] == KEYS
    assert [step.number for step in STEPS] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.fast
def test_every_step_has_its_notebook() -> None:
    for step in STEPS:
        assert step.notebook.startswith(f"{step.number:02d}_")
        assert (REPOSITORY / "notebooks" / f"{step.notebook}.ipynb").is_file()


@pytest.mark.fast
def test_the_forms_on_a_screen_are_the_steps_that_the_course_names() -> None:
    assert [step.number for step in STEPS if step.form] == [1, 2, 4, 5]


@pytest.mark.fast
@pytest.mark.parametrize("key", KEYS)
def test_a_step_is_named_by_key_number_or_the_number_as_text(key: str) -> None:
    number = KEYS.index(key) + 1
    assert step_of(key) == step_of(number) == step_of(str(number))
    assert step_of(key).key == key


@pytest.mark.fast
@pytest.mark.parametrize("unknown", ["pages", 0, 8, "", None, [], object()])
def test_an_unknown_step_is_said_with_the_keys_there_are(ready: Lab, unknown: Any) -> None:
    for asked in (ready.check, ready.need, ready.catch_up):
        if unknown is None and asked == ready.need:
            continue  # nothing is needed then
        with pytest.raises(SettingsError) as refused:
            asked(unknown)
        assert refused.value.what == "There is no such step."
        assert refused.value.next == (
            "Use page, application, jwt, link, webhooks, receive, reply, or a number from 1 to 7."
        )


@pytest.mark.fast
def test_a_token_given_for_a_key_is_not_shown(ready: Lab) -> None:
    with pytest.raises(SettingsError) as refused:
        ready.check(str(ready.token()))
    assert "eyJ" not in str(refused.value)
    assert refused.value.seen == "You gave something of type str."


# Checks with rubbish in hand


@pytest.mark.fast
@pytest.mark.parametrize("rubbish", [5, None, object(), b"\xff", "", [1], {"a": 1}, float("nan"), "\ud800", True])
def test_a_check_never_raises_whatever_is_in_hand(ready: Lab, rubbish: Any) -> None:
    for key in KEYS:
        assert ready.check(key, rubbish).kind in ("done", "filled in", "not yet", "wrong")
    written(ready)
    assert ready.check("receive", rubbish, rubbish).words


@pytest.mark.fast
def test_a_check_never_shows_a_token(ready: Lab) -> None:
    written(ready)
    token = str(ready.token())
    assert not [key for key in KEYS if "eyJ" in repr(ready.check(key, token))]


@pytest.mark.fast
@pytest.mark.parametrize("key", ["page", "application", "link", "webhooks"])
def test_something_in_hand_makes_no_step_the_learners_own_that_takes_nothing(ready: Lab, key: str) -> None:
    assert ready.check(key, "anything").kind == "filled in"
    assert ready.check(key).kind == "filled in"


# Need


def test_need_fills_in_exactly_what_is_missing_and_says_which(fresh: Lab) -> None:
    assert last_line(fresh.need()) == "Ready for step 1."
    assert states(fresh.progress()) == ["open"] * 7

    assert last_line(fresh.need("page")) == (
        "Step 1 is filled in with sample values, because it was not done yet. To do it yourself, open 01."
    )
    assert states(fresh.progress()) == ["filled in"] + ["open"] * 6
    assert last_line(fresh.need("page")) == "Ready for step 2."

    assert last_line(fresh.need(4)) == (
        "Steps 2 to 4 are filled in with sample values, because they were not done yet. To do them yourself, open 02."
    )
    assert states(fresh.progress()) == ["filled in"] * 4 + ["open"] * 3
    assert launcher.find("receiver", fresh.settings) is None
    assert last_line(fresh.need("link")) == "Ready for step 5."

    assert last_line(fresh.catch_up(6)) == (
        "Steps 5 and 6 are filled in with sample values, because they were not done yet. "
        "To do them yourself, open 05. Go on with 07_reply.ipynb."
    )
    assert fresh.inbox.newest_message().text == "Hello from Facebook Messenger!"
    assert last_line(fresh.catch_up("reply")).startswith("Step 7 is filled in with sample values")
    assert states(fresh.progress()) == ["filled in"] * 7
    assert last_line(fresh.need(7)) == "All seven steps are there."
    assert last_line(fresh.catch_up(7)) == "All seven steps are there."


@pytest.mark.fast
@pytest.mark.parametrize(
    ("notebook", "words", "is_here"),
    [
        ("/home/ada/course/notebooks/06_receive.ipynb", "Ready for step 6.", True),
        ("06_receive-Copy1.ipynb", "Ready for step 6.", True),
        ("", "Ready for step 6.", True),
        ("08_experiments.ipynb", "Steps 1 to 5 are there.", False),
        ("quickstart.ipynb", "Steps 1 to 5 are there.", False),
        ("my own.ipynb", "Steps 1 to 5 are there.", False),
    ],
)
def test_only_the_notebook_of_a_step_is_told_that_it_is_there(
    ready: Lab, monkeypatch: pytest.MonkeyPatch, notebook: str, words: str, is_here: bool
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", notebook)
    needed = ready.need("webhooks")
    assert last_line(needed) == words
    assert ("you are here" in needed._repr_html_()) == is_here
    assert last_line(ready.catch_up("webhooks")) == f"{words} Go on with 06_receive.ipynb."


@pytest.mark.fast
def test_in_a_notebook_beside_the_steps_one_step_is_one_and_none_is_the_first(
    ready: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "quickstart.ipynb")
    assert last_line(ready.need("page")) == "Step 1 is there."
    assert last_line(ready.need()) == "Ready for step 1."


def test_need_leaves_what_the_learner_has_done_and_names_the_rest_one_by_one(fresh: Lab) -> None:
    account = (fresh.settings.api_key, fresh.settings.api_secret)
    url = f"{fresh.settings.host}/v2/applications"
    made = requests.post(url, json={"name": "Mine", "capabilities": {"voice": {}}}, auth=account, timeout=5).json()
    key_path(fresh).write_text(made["keys"]["private_key"])
    fresh.note(application_id=made["id"])

    assert last_line(fresh.need("link")) == (
        "Steps 1, 3 and 4 are filled in with sample values, because they were not done yet. "
        "To do them yourself, open 01."
    )
    assert states(fresh.progress())[:4] == ["filled in", "done", "filled in", "filled in"]
    assert fresh.facts["application_id"] == made["id"]
    assert key_path(fresh).read_text() == made["keys"]["private_key"]
    (page,) = fresh.simulator.pages()
    assert page["application_id"] == made["id"]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("numbers", "words"),
    [([1, 2], "1 and 2"), ([1, 2, 3], "1 to 3"), ([1, 3], "1 and 3"), ([1, 2, 4], "1, 2 and 4"), ([2, 3, 4], "2 to 4")],
)
def test_steps_are_listed_without_naming_one_that_is_not_among_them(numbers: list[int], words: str) -> None:
    assert steps._listed(numbers) == words


def test_need_opens_the_receiver_again_and_registers_its_new_address(fresh: Lab) -> None:
    fresh.need("webhooks")
    receiver = shut(fresh, "receiver")
    assert fresh.check("webhooks").kind == "not yet"
    with taken(int(receiver.url.rpartition(":")[2])):
        assert last_line(fresh.need("webhooks")) == "Ready for step 6."
    again = launcher.find("receiver", fresh.settings)
    assert again.url != receiver.url
    assert fresh.simulator.settings()["inbound_url"] == again.ready["inbound_url"]
    said = fresh.simulator.write(text="Are you there?")
    assert fresh.inbox.wait_for_message(said, timeout=10).text == "Are you there?"


def test_need_opens_a_receiver_that_the_learner_had_opened(fresh: Lab) -> None:
    fresh.need("link")
    fresh.webhooks.save(method="POST")
    shut(fresh, "receiver")
    assert last_line(fresh.need("webhooks")) == "Ready for step 6."
    assert fresh.check("webhooks").kind == "done"


# Filled in, and done by oneself


def test_a_filled_in_step_says_with_what_and_where_to_do_it(fresh: Lab) -> None:
    fresh.catch_up(7)
    facts, psid = fresh.facts, fresh.inbox.newest_message().psid
    shown = [repr(fresh.check(key)) for key in KEYS]
    assert shown == [
        f"Filled in with sample values: {what}. To do it yourself, open {number:02d}."
        for number, what in enumerate(
            [
                "the Page “Corner Bakery”",
                f"application …{facts['application_id'][-4:]} and its private.key",
                "a token that the service has believed",
                f"Page ID {facts['page_id']}",
                "both addresses, with POST",
                f"a message from PSID {psid}",
                "an answer that was read",
            ],
            1,
        )
    ]


def test_doing_a_step_oneself_turns_filled_in_into_done(fresh: Lab) -> None:
    fresh.catch_up(7)
    psid = fresh.inbox.newest_message().psid
    for key, do in (
        ("page", lambda: fresh.simulator.create_page("Corner Bakery")),
        ("application", lambda: fresh.note(application_id=fresh.facts["application_id"])),
        ("jwt", lambda: fresh.check("jwt", fresh.token())),
        ("link", lambda: fresh.note(page_id=fresh.facts["page_id"])),
        ("webhooks", lambda: fresh.webhooks.save(method="POST")),
        ("receive", lambda: fresh.check("receive", psid)),
        ("reply", lambda: fresh.reply("Good morning!")),
    ):
        before = states(fresh.progress())
        do()
        if key == "reply":
            wait_until(lambda: fresh.check("reply").kind == "done", 5, "the receipt")
        assert fresh.check(key).kind == "done", key
        number = step_of(key).number
        assert states(fresh.progress()) == ["done"] * number + before[number:]


@pytest.mark.fast
def test_a_token_that_was_believed_once_makes_the_step_done_without_it(ready: Lab) -> None:
    ready.inbox.note(jwt=None, filled=None)
    assert ready.check("jwt").kind == "not yet"
    ready.check("jwt", ready.token())
    assert repr(ready.check("jwt")) == "Done. The service has believed a token of yours."


@pytest.mark.fast
def test_a_value_in_hand_that_is_wrong_leaves_the_step_filled_in(ready: Lab) -> None:
    assert ready.check("jwt", "rubbish").kind == "not yet"
    now = int(time.time())
    ran_out = jwt.encode({"application_id": "a", "iat": now - 99, "exp": now - 9, "jti": "j"}, "s" * 32, "HS256")
    assert ready.check("jwt", ran_out).kind == "wrong"
    assert ready.check("jwt").kind == "filled in"


@pytest.mark.fast
def test_a_message_that_somebody_wrote_is_a_step_of_ones_own(ready: Lab) -> None:
    written(ready)
    assert ready.check("receive").kind == "done"


# How it is shown


@pytest.mark.fast
def test_progress_shows_mode_states_and_where_one_is(ready: Lab) -> None:
    shown = repr(steps.progress(ready._course, "receive")).splitlines()
    assert shown[0] == "SIMULATOR"
    assert re.fullmatch(r"1 Page +filled in +01_facebook_page\.ipynb", shown[1])
    assert re.fullmatch(r"6 receive +open +06_receive\.ipynb  <- you are here", shown[6])
    assert [line for line in shown if "you are here" in line] == [shown[6]]


@pytest.mark.fast
def test_the_strip_is_one_line_with_every_state_as_a_word_and_the_present_step_marked(ready: Lab) -> None:
    needed = ready.need("webhooks")
    strip, words = repr(needed).splitlines()
    assert strip == (
        "SIMULATOR | 1 Page: filled in | 2 application: filled in | 3 JWT: filled in | 4 link: filled in"
        f" | 5 webhooks: filled in | 6 receive: open | 7 reply: open | exercises: 0 of {len(tasks())}"
    )
    assert words == "Ready for step 6."
    rich = needed._repr_html_()
    assert rich.count('aria-current="step"') == 1
    assert re.search(
        r'aria-current="step"[^<]*<a href="06_receive.ipynb">.*<b>6 receive</b>.*you are here.*7 reply', rich
    )
    assert rich.count(">filled in</small>") == 5
    assert rich.count(">open</small>") == 1
    assert "<span>Ready for step 6.</span>" in rich


# The other modes


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    for name in ("SIMULATOR", "RECEIVER"):
        monkeypatch.setenv(f"NBHELPERS_{name}_PORT", "0")
    lab = Lab(state=tmp_path / "lab", mode="live")
    yield lab
    lab.stop()


@pytest.mark.fast
@pytest.mark.parametrize("needed", [None, "page", "jwt", "link"])
def test_in_live_mode_the_forms_stop_in_words_without_a_traceback(live: Lab, needed: str | None) -> None:
    with pytest.raises(FormOnly) as stopped:
        live.need(needed)
    assert stopped.value.what == "In live mode this step is a form that only you can fill in."
    assert stopped.value._render_traceback_() == [f"FormOnly: {stopped.value}"]
    assert live.facts == {}


@pytest.mark.fast
@pytest.mark.parametrize("needed", ["application", "webhooks", "receive", "reply"])
def test_in_live_mode_the_others_say_what_is_not_configured(live: Lab, needed: str) -> None:
    with pytest.raises(KitError) as stopped:
        live.need(needed)
    assert str(stopped.value) == (
        "live mode needs your application. Not set: VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY. "
        "Run `lab.configure()`, which asks for them, or write them into .env (see .env.example)."
    )
    assert launcher.find("receiver", live.settings) is None


def test_in_the_sandbox_key_and_secret_are_enough_but_for_the_step_about_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBHELPERS_API_HOST", "http://127.0.0.1:9")  # played here: so may be the tunnel
    for name, value in {"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "secret-of-the-account"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NBHELPERS_RECEIVER_PORT", "0")
    lab = Lab(state=tmp_path / "lab", mode="sandbox")
    try:
        with pytest.raises(KitError, match="There is no application, so there is no token"):
            lab.need("application")
        monkeypatch.setenv("PUBLIC_URL", lab.receiver.inbound_url.removesuffix("/webhooks/inbound"))
        lab = Lab(state=tmp_path / "lab", mode="sandbox")
        assert "Ready for step 6." in last_line(lab.need("webhooks"))
        assert "its own Page, 107083064136738, stands in for yours" in repr(lab.check("page"))
        assert "allow-list" in repr(lab.check("link"))
    finally:
        lab.stop()


@pytest.mark.fast
def test_in_sandbox_mode_the_forms_stop_too(tmp_path: Path) -> None:
    sandbox = Lab(state=tmp_path / "lab", mode="sandbox")
    with pytest.raises(FormOnly, match="In sandbox mode this step is a form"):
        sandbox.need("page")
    for needed in (None, "jwt"):
        with pytest.raises(FormOnly, match=r"is not needed\. The sandbox's own Page, 107083064136738, stands in"):
            sandbox.need(needed)
    sandbox.inbox.close()


def test_in_live_mode_a_configured_learner_is_ready_and_the_receiver_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Any
) -> None:
    monkeypatch.setenv("NBHELPERS_RECEIVER_PORT", "0")
    monkeypatch.setenv("VONAGE_APPLICATION_ID", "my-application")
    monkeypatch.setenv("VONAGE_PRIVATE_KEY", key.pem())
    monkeypatch.setenv("NBHELPERS_API_HOST", "http://127.0.0.1:9")  # played here: so may be the tunnel
    lab = Lab(state=tmp_path / "lab", mode="live")
    try:
        assert last_line(lab.need("application")) == "Ready for step 3."
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JPY_SESSION_NAME", "quickstart.ipynb")
            assert last_line(lab.need("application")) == "Ready."
        assert repr(lab.check("webhooks")) == "Not yet. Your receiver does not run. Run `lab.receiver`."
        receiver = lab.receiver.inbound_url.removesuffix("/webhooks/inbound")
        assert repr(lab.check("webhooks")) == "Not yet. Your receiver runs, but is not public. Run `lab.tunnel`."
        monkeypatch.setenv("PUBLIC_URL", receiver)
        lab = Lab(state=tmp_path / "lab", mode="live")
        assert last_line(lab.need("webhooks")).startswith(f"Ready for step 6. Your receiver is public at {receiver}: ")
        assert launcher.find("receiver", lab.settings)
        assert lab.facts == {"application_id": "my-application"}
        for key_of_step, words in {
            "page": "Facebook does not let a notebook look. You will know in step 4, when the Page is on the list.",
            "application": "Without API key and secret the stored half cannot be read: "
            "compare it with the credentials card.",
            "link": "Only the dashboard shows this: application …tion, Linked social channels. Step 6 will prove it.",
            "webhooks": "Your receiver answers. What the dashboard holds cannot be read: compare letter by letter.",
        }.items():
            assert repr(lab.check(key_of_step)) == f"Cannot tell. {words}"
        assert repr(lab.progress()).startswith("LIVE\n")
    finally:
        lab.stop()


@pytest.mark.fast
def test_nothing_of_one_mode_is_seen_in_another(ready: Lab) -> None:
    psid = written(ready, "Only in the simulator").psid
    live = Lab(state=ready.settings.state, mode="live")
    try:
        assert live.facts == {}
        assert live.inbox.events() == []
        assert live.check("receive").kind == "not yet"
        assert live.check("application").kind == "not yet"
        live.inbox.record(Delivery("POST", "/webhooks/inbound", (), b'{"message_uuid":"l","from":"1"}', 200)).result()
        arrive(live, message(psid="900", uuid="live"))
        live.note(page_id="live page")
    finally:
        live.inbox.close()
    assert [event.psid for event in ready.inbox.events()] == [psid]
    assert ready.facts["page_id"] != "live page"


@pytest.mark.fast
def test_looking_at_the_progress_calls_at_no_receiver(ready: Lab) -> None:
    before = len(ready.inbox.deliveries())
    ready.progress()
    ready.need("webhooks")
    assert len(ready.inbox.deliveries()) == before
    ready.check("webhooks")
    assert len(ready.inbox.deliveries()) == before + 2
