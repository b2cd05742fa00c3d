"""The link page behind Jupyter's login: a browser on another machine opens it there, and links the Page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from nbhelpers import Lab
from tests.support.jupyter_server import LOGGED_IN, TOKEN, Server, serving
from tests.support.labs import opened


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Server]]:
    folder = tmp_path_factory.mktemp("link")
    with opened(folder / "lab") as lab:
        lab.need("jwt")
        with serving(folder / "home", "/user/ada/", NBHELPERS_STATE=str(lab.settings.state)) as server:
            yield lab, server


def test_the_form_is_shown_and_sent_with_jupyters_own_protection(walked: tuple[Lab, Server]) -> None:
    lab, server = walked
    with requests.Session() as browser:
        browser.get(f"{server.url}login?token={TOKEN}", timeout=10)
        page = browser.get(f"{server.url}nbhelpers/link", timeout=10)
        assert page.status_code == 200 and "Link your Facebook Page" in page.text
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        form = {"jwt": str(lab.token()), "page": lab.facts["page_name"]}
        refused = browser.post(f"{server.url}nbhelpers/link", data=form, timeout=10)
        assert refused.status_code == 403
        assert not lab.check("link").good
        said = browser.post(f"{server.url}nbhelpers/link", data=form | {"_xsrf": xsrf[1]}, timeout=10)
        assert said.status_code == 200 and "Your Page ID is" in said.text
    assert [page["application_id"] for page in lab.simulator.pages()] == [lab.facts["application_id"]]


def test_a_refused_token_is_explained_with_the_form_to_try_again(walked: tuple[Lab, Server]) -> None:
    lab, server = walked
    form = {"jwt": "no token", "page": lab.facts["page_name"]}
    said = server.post("nbhelpers/link", data=form, headers=LOGGED_IN)
    assert said.status_code == 401
    assert "Refused." in said.text and 'name="_xsrf"' in said.text


def test_who_is_not_logged_in_is_sent_to_the_login(walked: tuple[Lab, Server]) -> None:
    _, server = walked
    shown = server.get("nbhelpers/link", headers={})
    assert shown.status_code == 302
    assert shown.headers["Location"].startswith("/user/ada/login?next=")
    assert server.post("nbhelpers/link", data={"jwt": "x", "page": "x"}).status_code == 403


@pytest.mark.parametrize("path", ["nbhelpers/", "nbhelpers/nothing", "nbhelpers/link/", "nbhelpers/progress/x"])
def test_everything_else_asks_for_the_login_first(walked: tuple[Lab, Server], path: str) -> None:
    _, server = walked
    stranger = server.get(path, headers={})
    assert stranger.status_code == 302 and "/login" in stranger.headers["Location"]
    assert server.post(path).status_code == 403
    assert server.get(path).status_code == 404


def test_without_a_simulator_it_says_what_to_do(walked: tuple[Lab, Server]) -> None:
    lab, server = walked
    lab.stop()
    shown = server.get("nbhelpers/link")
    assert shown.status_code == 503
    assert "Run `lab = Lab()` in a notebook" in shown.text.replace("&#39;", "'")
