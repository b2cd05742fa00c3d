"""The hop through a learner's Jupyter server: closed until the address is opened, and never called well unseen."""

from __future__ import annotations

import dataclasses

import pytest

from nbhelpers.config.settings import Settings
from nbhelpers.diagnosis.jupyter_server import jupyter_server, open_base
from nbhelpers.errors import ServiceError
from nbhelpers.tunnel.webhook_secret import make_secret

pytestmark = pytest.mark.fast


def test_until_the_address_is_opened_it_says_so_with_what_to_run(settings: Settings) -> None:
    for look in (lambda: jupyter_server(settings), lambda: open_base(None)):
        with pytest.raises(ServiceError, match=r"does not lead to your receiver yet\. Run `lab\.tunnel`\."):
            look()
    assert open_base("https://hub.example") == "https://hub.example"


def test_a_server_that_does_not_answer_is_broken_in_words(settings: Settings) -> None:
    settings.folder.mkdir(parents=True, exist_ok=True)
    make_secret(settings.folder)
    gone = dataclasses.replace(settings, jupyter_url="http://127.0.0.1:9/user/ada/")
    state, seen, following = jupyter_server(gone)
    assert state == "broken"
    assert seen and following
