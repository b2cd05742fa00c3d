"""What every step stands on: whose application it is in each mode, a key never shown, a receiver that comes back."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.config.settings import Settings
from nbhelpers.course.context import CourseContext
from nbhelpers.errors import CredentialsError, SettingsError
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from tests.support.labs import own_key, shut, taken


@pytest.fixture
def live(settings: Settings) -> Iterator[CourseContext]:
    """The course of somebody who has configured live mode; nothing is started."""
    given = {"application_id": "live-app", "sender_id": "live-page", "host": "https://api.nexmo.com"}
    made = dataclasses.replace(settings, mode="live", **given)
    inbox = Inbox(made.folder / "lab.sqlite3")
    yield CourseContext(made, inbox, None)
    inbox.close()


@pytest.mark.fast
def test_without_a_simulator_its_controls_are_refused_in_three_parts(live: CourseContext) -> None:
    with pytest.raises(SettingsError) as refused:
        live.control  # noqa: B018
    assert (refused.value.what, refused.value.seen) == ("There is no simulator here.", "The mode is live.")
    assert "phone" in refused.value.next


@pytest.mark.fast
def test_a_mode_without_an_address_says_so(live: CourseContext) -> None:
    nowhere = CourseContext(dataclasses.replace(live.settings, host=None), live.inbox, None)
    with pytest.raises(SettingsError, match=r"no address\. The mode is live\."):
        nowhere.host  # noqa: B018


@pytest.mark.fast
def test_whose_application_and_page_it_is_the_settings_say_outside_the_simulator(live: CourseContext) -> None:
    live.inbox.note(application_id="noted")
    assert (live.application_id, live.page_id) == ("live-app", "live-page")


@pytest.mark.fast
def test_in_the_simulator_only_what_was_noted_counts(ready: Lab) -> None:
    configured = dataclasses.replace(ready.settings, application_id="from the shell")
    course = CourseContext(configured, ready.inbox, launcher.find("simulator", ready.settings))
    assert course.application_id == ready.facts["application_id"]
    ready.note(application_id=None, page_id=None)
    assert (course.application_id, course.page_id) == (None, None)


@pytest.mark.fast
def test_an_id_that_was_noted_as_a_number_is_a_text(ready: Lab) -> None:
    ready.note(application_id=12, page_id=34)
    assert (ready._course.application_id, ready._course.page_id) == ("12", "34")


@pytest.mark.fast
@pytest.mark.parametrize("encode", [str, lambda pem: base64.b64encode(pem.encode()).decode()])
def test_a_key_that_was_configured_as_text_is_used_and_never_shown(
    live: CourseContext, key: PrivateKey, encode: Callable[[str], str]
) -> None:
    course = CourseContext(dataclasses.replace(live.settings, private_key=encode(key.pem())), live.inbox, None)
    assert course.key().public_pem == key.public_pem
    assert course.key().source == "the text you gave"
    with pytest.raises(CredentialsError) as refused:
        course.key_path()
    assert str(refused.value) == (
        "The private key is in no file. It is set as text. Set VONAGE_PRIVATE_KEY to the path of the file."
    )


@pytest.mark.fast
def test_where_a_key_file_is_is_told(live: CourseContext, tmp_path: Path) -> None:
    course = CourseContext(dataclasses.replace(live.settings, private_key=str(tmp_path / "my.key")), live.inbox, None)
    assert course.key_path() == tmp_path / "my.key"
    dressed = dataclasses.replace(live.settings, private_key=f"'file://{tmp_path}/my.key'\n")
    assert CourseContext(dressed, live.inbox, None).key_path() == tmp_path / "my.key"
    with pytest.raises(CredentialsError, match=r"None is set"):
        live.key_path()


@pytest.mark.fast
def test_what_was_filled_in_is_remembered_until_the_learner_has_done_it(live: CourseContext) -> None:
    live.fill("page", "Corner Bakery")
    live.fill("jwt", "jwt")
    assert live.filled() == {"page": "Corner Bakery", "jwt": "jwt"}
    live.did("page")
    live.did("reply")
    assert live.filled() == {"jwt": "jwt"}


def test_the_receiver_is_opened_once_and_joined_after_that(fresh: Lab) -> None:
    assert launcher.find("receiver", fresh.settings) is None
    first, second = fresh._course.receiver(), fresh._course.receiver()
    assert first.pid == second.pid
    assert fresh._course.facts["receiver"] == first.ready


def test_a_receiver_with_a_new_address_is_registered_anew_and_what_the_learner_wrote_stays(fresh: Lab) -> None:
    fresh.webhooks.save(status="https://example.com/mine", method="POST")
    receiver = shut(fresh, "receiver")
    with taken(int(receiver.url.rpartition(":")[2])):
        again = fresh._course.receiver()
    assert again.url != receiver.url
    form = fresh.simulator.settings()
    assert (form["inbound_url"], form["status_url"]) == (again.ready["inbound_url"], "https://example.com/mine")
    assert form["http_method"] == "POST"
    assert fresh._course.facts["receiver"] == again.ready


@pytest.mark.fast
def test_a_token_goes_by_the_key_and_the_application_of_this_moment(ready: Lab, other_key: PrivateKey) -> None:
    def signed_by(key: PrivateKey) -> str:
        options = {"verify_iat": False, "verify_exp": False}
        return str(jwt.decode(ready.token(), key.key.public_key(), ["RS256"], options=options)["application_id"])

    assert signed_by(own_key(ready)) == ready.facts["application_id"]
    save_key(other_key, ready.key_file)
    assert signed_by(other_key) == ready.facts["application_id"]
    ready.note(application_id="another")
    assert signed_by(other_key) == "another"
    ready.key_file.unlink()
    with pytest.raises(CredentialsError, match="missing"):
        ready.token()
