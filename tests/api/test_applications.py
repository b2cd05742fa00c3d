"""An application at the service: read with key and secret, and every answer that is none said in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nbhelpers.api import applications
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ApiError, SettingsError
from tests.support.account_api import ID, KEY, Account, live_settings, messages


@pytest.fixture
def settings(vonage: Account, tmp_path: Path) -> Settings:
    return live_settings(vonage, tmp_path)


@pytest.mark.fast
def test_an_application_is_read_with_key_and_secret_and_nothing_else(settings: Settings, vonage: Account) -> None:
    found = applications.read(settings, ID)
    assert (found.id, found.name) == (ID, "Bäckerei <b>")
    assert found.public_key == vonage.of["keys"]["public_key"]
    assert found.messages == messages()
    (asked,) = vonage.asked
    assert (asked.method, asked.path, asked.body) == ("GET", f"/v2/applications/{ID}", b"")
    assert asked.headers["authorization"].startswith("Basic ")
    assert applications.accepts(settings) is None
    assert vonage.asked[-1].path == "/v2/applications?page_size=1"


HTML = (200, {"Content-Type": "text/html"}, b"<h1>Log in to HotelNet</h1>")


READ_ERRORS = [
    ((500, {}, b"oops"), 500, "The service had a fault of its own.", "Wait a minute"),
    ((503, {}, b""), 503, "answered 503", "Wait a minute"),
    ((429, {}, b"{}"), 429, "It answered 429.", "Wait a second"),
    ((302, {"Location": "https://login.example/"}, b""), 302, "Something else than the service answered.", "log in"),
    (HTML, 200, "of type text/html", "log in"),
    ((200, {"Content-Type": "application/json"}, b"[1]"), 200, "Something else", "log in"),
    ((200, {"Content-Type": "application/json"}, b'{"id": "another", "name": "x"}'), 200, "no application", "log in"),
    ((204, {}, b""), 204, "Something else", "log in"),
    ((200, {"Content-Type": "application/json"}, b"[" * 100_000), 200, "Something else", "log in"),
    ((0, {}, b""), None, "", ""),
]


@pytest.mark.fast
@pytest.mark.parametrize(("scripted", "status", "words", "action"), READ_ERRORS)
def test_an_answer_that_is_no_application_is_said_in_words(
    settings: Settings, vonage: Account, scripted: Any, status: int | None, words: str, action: str
) -> None:
    vonage.answers = [scripted]
    with pytest.raises(ApiError) as caught:
        applications.read(settings, ID)
    assert caught.value.status == status
    assert words in str(caught.value)
    assert action in caught.value.next
    assert "HotelNet" not in str(caught.value)
    assert len(vonage.asked) == 1, "nothing is followed: key and secret are for this host alone"


@pytest.mark.fast
def test_a_wrong_secret_and_a_foreign_id_are_told_apart(vonage: Account, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="did not accept API key and secret") as caught:
        applications.read(live_settings(vonage, tmp_path, VONAGE_API_SECRET="NotTheRightSecret1"), ID)
    assert caught.value.status == 401
    assert KEY in str(caught.value)
    assert "NotTheRight" not in str(caught.value)
    with pytest.raises(ApiError, match="Application …beef is not in this account") as caught:
        applications.read(live_settings(vonage, tmp_path), "00000000-0000-4000-8000-00000000beef")
    assert caught.value.status == 404


@pytest.mark.fast
def test_what_is_not_set_is_named_before_anything_is_asked(vonage: Account, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Not set: VONAGE_API_SECRET\."):
        applications.read(live_settings(vonage, tmp_path, VONAGE_API_SECRET=None), ID)
    with pytest.raises(SettingsError, match="VONAGE_APPLICATION_ID is not set"):
        applications.read(live_settings(vonage, tmp_path), None)
    assert vonage.asked == []


@pytest.mark.fast
def test_an_id_that_is_no_id_reaches_no_other_path(settings: Settings, vonage: Account) -> None:
    with pytest.raises(ApiError):
        applications.read(settings, "../accounts?x=1")
    assert vonage.asked[0].path == "/v2/applications/..%2Faccounts%3Fx%3D1"


@pytest.mark.fast
def test_nobody_at_the_address_is_said_in_words(tmp_path: Path) -> None:
    nobody = Account("http://127.0.0.1:9")
    with pytest.raises(ApiError) as caught:
        applications.read(live_settings(nobody, tmp_path), ID)
    assert caught.value.status is None
    assert caught.value.next
