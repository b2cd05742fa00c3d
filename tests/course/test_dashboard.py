"""`lab.webhooks` in live mode: both fields shown against the public URLs, set with yes alone, or copied by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbhelpers import Lab
from nbhelpers.config.settings import Settings
from nbhelpers.course import dashboard
from nbhelpers.course.context import CourseContext
from nbhelpers.course.dashboard import LiveWebhooks
from nbhelpers.errors import SettingsError
from nbhelpers.inbox.inbox import Inbox
from tests.support.account_api import OURS, Account, environment, held, live_settings


@pytest.fixture
def settings(vonage: Account, tmp_path: Path) -> Settings:
    return live_settings(vonage, tmp_path)


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Inbox]:
    made = Inbox(settings.folder / "lab.sqlite3")
    yield made
    made.close()


@pytest.fixture
def live(settings: Settings, inbox: Inbox) -> LiveWebhooks:
    return LiveWebhooks(CourseContext(settings, inbox, None))


def live_with(settings: Settings, inbox: Inbox, vonage: Account, folder: Path, **more: str | None) -> LiveWebhooks:
    return LiveWebhooks(CourseContext(live_settings(vonage, folder, **more), inbox, None))


@pytest.mark.fast
def test_in_live_mode_the_fields_are_shown_against_the_public_addresses(live: LiveWebhooks, vonage: Account) -> None:
    held(vonage, "status_url")["address"] = OURS["status_url"]
    assert repr(live).splitlines() == [
        "Application “Bäckerei <b>” (…4f2a):",
        f"Inbound URL: https://old.example/in (POST): wrong, your receiver is {OURS['inbound_url']}.",
        f"Status URL: {OURS['status_url']} (POST): right.",
        "To set them, run `lab.webhooks.save()`: it shows old and new first.",
    ]
    before = len(vonage.asked)
    bundle = live._repr_mimebundle_()
    assert len(vonage.asked) == before + 1, "asked once for both forms"
    assert bundle["text/html"].startswith('<p role="status">Application “Bäckerei &lt;b&gt;”')
    held(vonage)["address"] = OURS["inbound_url"]
    held(vonage)["http_method"] = "GET"
    assert "(GET): wrong, the method must be POST." in repr(live)
    del vonage.of["capabilities"]["messages"]
    assert "Inbound URL: (empty): wrong" in repr(live) and "no messages capability" in repr(live)


@pytest.mark.fast
def test_saving_asks_first_and_changes_with_yes_alone(live: LiveWebhooks, vonage: Account) -> None:
    proposal = live.save()
    assert repr(proposal).splitlines() == [
        "Application “Bäckerei <b>” (…4f2a):",
        f"Inbound URL: https://old.example/in (POST) -> {OURS['inbound_url']} (POST)",
        f"Status URL: https://old.example/st (POST) -> {OURS['status_url']} (POST)",
        "Everything else of it stays as it is.",
        "Nothing is changed yet. To change it, run `lab.webhooks.save(yes=True)`.",
    ]
    assert '<p role="status">' in proposal._repr_html_() and "<b>" not in proposal._repr_html_()
    assert vonage.puts == []
    assert "It is done." in repr(live.save(yes=True))
    assert "right" in repr(live) and "put_back()" in repr(live)
    assert "lab.webhooks.put_back(yes=True)`" in repr(live.put_back())
    assert "put_back(yes=True, force=True)" in repr(live.put_back(force=True))
    assert len(vonage.puts) == 1
    assert "It is done." in repr(live.put_back(yes=True))
    assert held(vonage)["address"] == "https://old.example/in"


@pytest.mark.fast
def test_another_address_may_be_given_and_a_useless_one_not(live: LiveWebhooks, vonage: Account) -> None:
    live.save(inbound="https://mine.example/in", yes=True)
    assert held(vonage)["address"] == "https://mine.example/in"
    assert held(vonage, "status_url")["address"] == OURS["status_url"]
    for useless in ("receiver", "ftp://x/", "https://[", "https://a b/"):
        with pytest.raises(SettingsError, match=re.escape(f"inbound is no URL. You gave “{useless}”.")):
            live.save(inbound=useless)
    with pytest.raises(SettingsError, match="POST alone"):
        live.save(method="GET")


@pytest.mark.fast
@pytest.mark.parametrize("address", ["http://127.0.0.1:8710/in", "http://localhost/in"])
def test_an_address_of_this_computer_is_refused_where_the_service_is_elsewhere(address: str) -> None:
    assert dashboard._reachable("inbound_url", address, "http://127.0.0.1:9") == address
    with pytest.raises(SettingsError, match="cannot reach this address"):
        dashboard._reachable("inbound_url", address, "https://api.nexmo.com")


@pytest.mark.fast
def test_without_key_and_secret_it_says_what_to_copy_where(
    settings: Settings, inbox: Inbox, vonage: Account, tmp_path: Path
) -> None:
    live = live_with(settings, inbox, vonage, tmp_path, VONAGE_API_SECRET=None)
    for url in OURS.values():
        assert url in repr(live)
    assert "VONAGE_API_SECRET is not set" in repr(live)
    assert repr(live).endswith("application …4f2a, Messages. Then press *Save changes*.")
    with pytest.raises(SettingsError, match="These two fields are on the dashboard"):
        live.save()
    assert not live.settable and vonage.asked == []
    assert "Copy both there: your application, Messages." in repr(
        live_with(settings, inbox, vonage, tmp_path, VONAGE_API_KEY=None, VONAGE_APPLICATION_ID=None)
    )


@pytest.mark.fast
def test_without_a_public_address_the_tunnel_comes_first(
    settings: Settings, inbox: Inbox, vonage: Account, tmp_path: Path
) -> None:
    live = live_with(settings, inbox, vonage, tmp_path, PUBLIC_URL=None)
    assert "open the tunnel first (`lab.tunnel`)" in repr(live)
    with pytest.raises(SettingsError, match="Open the tunnel first"):
        live.save()
    by_hand = live_with(settings, inbox, vonage, tmp_path, PUBLIC_URL=None, VONAGE_API_KEY=None)
    assert "no public URL yet: open the tunnel" in repr(by_hand)


@pytest.mark.fast
def test_without_an_application_id_it_says_so(
    settings: Settings, inbox: Inbox, vonage: Account, tmp_path: Path
) -> None:
    assert "VONAGE_APPLICATION_ID is not set" in repr(
        live_with(settings, inbox, vonage, tmp_path, VONAGE_APPLICATION_ID=None)
    )


@pytest.mark.fast
def test_the_hosted_sandbox_has_fields_of_its_own(inbox: Inbox, vonage: Account, tmp_path: Path) -> None:
    live = LiveWebhooks(CourseContext(live_settings(vonage, tmp_path, mode="sandbox"), inbox, None))
    assert "The hosted sandbox has two webhook fields of its own." in repr(live)
    assert OURS["inbound_url"] in repr(live)
    assert not live.settable and vonage.asked == []


@pytest.mark.fast
def test_what_goes_wrong_is_shown_and_not_raised_when_it_is_only_looked_at(live: LiveWebhooks, vonage: Account) -> None:
    vonage.answers = [(500, {}, b"")]
    assert repr(live).startswith("The service had a fault of its own.")


@pytest.mark.fast
def test_the_lab_hands_it_out_and_hides_what_is_remembered(
    vonage: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(vonage).items():
        monkeypatch.setenv(name, value)
    lab = Lab(state=tmp_path / "lab", mode="live")
    try:
        assert isinstance(lab.webhooks, LiveWebhooks)
        lab.webhooks.save(yes=True)
        assert "webhooks_before" not in lab.facts
        assert "webhooks_before" in lab.inbox.facts()
    finally:
        lab.inbox.close()
