"""The board of a real hub in a real browser: twelve people move on it, and only whom the roles allow may look."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.conftest import REPOSITORY, Shell
from tests.support.hub import Hub, Learner, free_port, hub, needs_a_hub
from tests.support.lab_page import NEEDS_BROWSER, browsing, shot

PEOPLE = [f"learner-{number:02}" for number in range(1, 13)]

pytestmark = [needs_a_hub, *NEEDS_BROWSER, pytest.mark.timeout(900)]

SERVICE = """
c.Spawner.environment["JUPYTERHUB_SINGLEUSER_APP"] = "jupyter_server.serverapp.ServerApp"  # nobody opens JupyterLab
c.JupyterHub.custom_scopes = {{"custom:nbhelpers:progress": {{"description": "See which steps somebody has done"}}}}
c.JupyterHub.services += [{{
    "name": "board", "url": "http://127.0.0.1:{port}", "oauth_no_confirm": True,
    "command": [given["python"], "-m", "nbhelpers", "board", "--proxy", given["url"]],
    "environment": {{"PYTHONPATH": {repository!r}}},
}}]
c.JupyterHub.load_roles += [
    {{"name": "board", "services": ["board"], "scopes": ["list:users", "read:servers", "custom:nbhelpers:progress"]}},
    {{"name": "presenter", "users": ["presenter"], "scopes": ["self", "access:services!service=board"]}},
]
"""


@dataclass(frozen=True)
class Watched:
    hub: Hub
    learners: dict[str, Learner]
    presenter: Learner

    @property
    def url(self) -> str:
        return f"{self.hub.url}/services/board/"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    more = SERVICE.format(port=free_port(), repository=str(REPOSITORY))
    with hub(tmp_path_factory.mktemp("board") / "hub", more) as made:
        learners = {name: made.login(name) for name in PEOPLE}
        made.start(*learners.values())
        yield Watched(made, learners, made.login("presenter"))


@pytest.fixture
def page(watched: Watched) -> Iterator[Page]:
    """The board, as the presenter sees it who has logged in."""
    with browsing(height=1000) as made:
        made.on(
            "request", lambda request: made.errors.append(request.url) if watched.hub.url not in request.url else None
        )
        made.goto(watched.url)
        made.get_by_label("Username").fill("presenter")
        made.get_by_label("Password").fill(watched.hub.secret)
        made.get_by_role("button", name="Sign in").click()
        yield made
        assert made.errors == []


def in_the_lab(learner: Learner, code: str) -> None:
    """Run a line in the lab of a learner, as a kernel on the hub has it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NBHELPERS_")}
    environment |= {"HOME": str(learner.home), "JUPYTERHUB_SERVICE_PREFIX": f"/user/{learner.name}/"}
    environment |= {"NBHELPERS_SIMULATOR_PORT": "0", "NBHELPERS_RECEIVER_PORT": "0", "PYTHONPATH": str(REPOSITORY)}
    lines = f"from nbhelpers import Lab\nlab = Lab()\n{code}\nlab.stop()"
    subprocess.run([sys.executable, "-c", lines], env=environment, cwd=learner.home, check=True, timeout=120)


def columns(page: Page) -> list[int]:
    """How many are at each of the seven steps, and done."""
    return [int(text) for text in page.locator("#bar .count").all_inner_texts()]


def test_twelve_people_are_seen_moving(watched: Watched, page: Page) -> None:
    expect(page.get_by_role("status")).to_have_text("12 learners: 0 done, 0 stuck, 12 working.", timeout=30_000)
    assert columns(page) == [12, 0, 0, 0, 0, 0, 0, 0]
    moves = ("page", "application", "jwt", "link")
    asked = {name: moves[index % 4] for index, name in enumerate(PEOPLE[:8])} | dict.fromkeys(PEOPLE[8:10], "reply")
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda name: in_the_lab(watched.learners[name], f"lab.need({asked[name]!r})"), asked))
    expect(page.get_by_role("status")).to_have_text("12 learners: 2 done, 0 stuck, 10 working.", timeout=30_000)
    assert columns(page) == [2, 2, 2, 2, 2, 0, 0, 2]
    row = page.get_by_role("row", name="learner-03")
    expect(row).to_contain_text("4 link")
    expect(row).to_contain_text("1 filled in, 2 filled in, 3 filled in, 4 open")
    expect(page.get_by_role("row", name="learner-09")).to_contain_text("all seven")
    shot(page, "board")

    # One goes on, one has been stuck for long, one server is stopped.
    in_the_lab(watched.learners[PEOPLE[0]], "lab.need('webhooks')")
    long_ago = "'2026-01-01T10:00:00+00:00'"
    in_the_lab(
        watched.learners[PEOPLE[1]], f"lab.note(reached=dict.fromkeys(lab._course.facts['reached'], {long_ago}))"
    )
    watched.hub.stop(watched.learners[PEOPLE[11]])
    expect(page.get_by_role("row", name="learner-01")).to_contain_text("6 receive", timeout=30_000)
    expect(page.get_by_role("row", name="learner-12")).to_contain_text("server stopped", timeout=30_000)
    # Since before their server was started: that counts from its start.
    expect(page.get_by_role("row", name="learner-02")).not_to_contain_text("stuck")
    expect(page.get_by_role("status")).to_contain_text("1 not answering")
    assert page.get_by_role("alert").all() == []


def test_it_is_filtered_by_keyboard_and_shows_no_names_on_a_projector(watched: Watched, page: Page) -> None:
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(12, timeout=30_000)
    page.get_by_label("Show").focus()
    page.keyboard.type("who is done")
    expect(rows).to_have_count(2)
    page.get_by_label("Show").select_option("")
    page.get_by_label("Name has").fill("-1")
    expect(rows).to_have_count(3)
    page.get_by_label("Name has").fill("nobody")
    expect(page.get_by_text("Nobody fits this filter.")).to_be_visible()
    page.get_by_label("Name has").fill("")
    page.get_by_label("At step").select_option("8")
    expect(rows).to_have_count(2)
    page.get_by_label("At step").select_option("")
    page.get_by_label("Projector").focus()
    page.keyboard.press("Space")
    expect(rows).to_have_count(12)
    assert "learner-" not in page.locator("body").inner_text()
    assert "learner-" not in page.locator("main").aria_snapshot()
    shot(page, "board-projector")


def test_axe_finds_nothing_in_either_theme_nor_on_a_projector(watched: Watched, page: Page) -> None:
    expect(page.locator("#rows tr")).to_have_count(12, timeout=30_000)
    for scheme, projector in itertools.product(("light", "dark"), (False, True)):
        page.emulate_media(color_scheme=scheme)
        page.get_by_label("Projector").set_checked(projector)
        found = Axe().run(page).response["violations"]
        broken = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
        assert broken == [], f"{scheme}, projector: {projector}"


def test_only_whom_the_roles_allow_may_look(watched: Watched) -> None:
    learner = watched.learners[PEOPLE[0]]
    for path in ("", "room", "board.js", "board.css"):
        assert requests.get(watched.url + path, headers=learner.headers, timeout=20).status_code == 403
        stranger = requests.get(watched.url + path, timeout=20, allow_redirects=False)
        assert stranger.status_code == 302 and "/oauth2/authorize" in stranger.headers["Location"]
        assert requests.get(watched.url + path, headers=watched.presenter.headers, timeout=20).status_code == 200


def test_the_boards_token_sees_progress_and_nothing_else_of_a_server(watched: Watched) -> None:
    board = next(
        process for process in watched.hub.children() if process.cmdline()[1:4] == ["-m", "nbhelpers", "board"]
    )
    headers = {"Authorization": f"token {board.environ()['JUPYTERHUB_API_TOKEN']}"}
    server = watched.learners[PEOPLE[0]].url
    assert requests.get(f"{server}nbhelpers/progress", headers=headers, timeout=20).status_code == 200
    for path in ("api/contents", "api/kernels", "api/sessions", "nbhelpers/link", "lab", "api/terminals"):
        refused = requests.get(server + path, headers=headers, timeout=20, allow_redirects=False)
        assert refused.status_code in (302, 403), path
    assert requests.post(f"{server}api/kernels", headers=headers, timeout=20).status_code == 403


def test_being_watched_is_no_activity(watched: Watched, page: Page) -> None:
    """What has not changed is answered 304, which the hub's proxy does not count: an idle server is still culled."""
    expect(page.locator("#rows tr")).to_have_count(12, timeout=30_000)
    page.wait_for_timeout(6_000)  # whoever moved before was asked once more

    def active() -> dict[str, str]:
        routes = watched.hub.api("GET", "proxy").json()
        return {path: route["data"]["last_activity"] for path, route in routes.items() if path.startswith("/user/")}

    before = active()
    page.wait_for_timeout(11_000)
    assert len(before) >= 11 and active() == before


def test_without_a_hub_the_command_says_who_starts_it(shell: Shell) -> None:
    said = shell("board", ok=False)
    assert said.returncode == 1
    assert "The board is a service of a JupyterHub. Nothing says which: JUPYTERHUB_SERVICE_URL" in said.stderr
    assert "deploy/README.md" in said.stderr
