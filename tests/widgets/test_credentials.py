"""The credentials card."""

from __future__ import annotations

import pytest

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.widgets.credentials import CredentialsCard
from tests.support.labs import course_of, key_path, markup, own_key, printed, seen


@pytest.mark.fast
def test_the_card_shows_id_file_and_public_half_and_nothing_secret(ready: Lab) -> None:
    card = ready.panels.credentials()
    key = own_key(ready)
    for shown in (seen(card), " ".join(printed(card).split())):
        assert f"Application ID{':' if ':' in shown[:60] else ''} {ready.facts['application_id']}" in shown
        assert str(key_path(ready)) in shown
        assert " ".join(key.public_pem.split()) in shown
        assert "PRIVATE KEY" not in shown
        assert ready.settings.api_secret not in shown
    assert "SIMULATOR" in seen(card)
    assert printed(card).startswith("Credentials (SIMULATOR)\n")


def test_the_card_says_what_is_missing(fresh: Lab) -> None:
    card = fresh.panels.credentials()
    assert printed(card).splitlines()[1:3] == ["Application ID: none noted", "Private key: none that can be used"]
    assert "The private key is missing." in seen(card)


@pytest.mark.fast
def test_a_key_that_was_configured_as_text_is_not_shown(ready: Lab, other_key: PrivateKey) -> None:
    course = course_of(ready, application_id="<i>mine</i>", private_key=other_key.pem())
    course.simulator = None  # as in live mode
    card = CredentialsCard(course)
    assert "Private key: the text you gave" in seen(card)
    assert "PRIVATE KEY" not in seen(card) + printed(card)
    assert "<i>mine</i>" in seen(card), "escaped on the page, so it reads as it was written"
    assert "<i>" not in markup(card)
