"""A small room on a real JupyterHub: real servers and kernels, a home for each learner, webhooks by one address."""

from __future__ import annotations

import base64
import concurrent.futures
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from playwright.sync_api import Page, expect

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services.record import read_record
from nbhelpers.testing.messenger_simulator import MessengerSimulator, running_simulator
from nbhelpers.tunnel.webhook_secret import read_secret
from tests.conftest import REPOSITORY, wait_until
from tests.support.hub import Hub, Learner, hub, needs_a_hub
from tests.support.lab_page import NEEDS_BROWSER, LabPage, browsing, shot
from tests.support.labs import message
from tests.support.live_rooms import Live, Service, go_live
from tests.support.remote_kernels import kernel, run_notebook
from tests.tunnel.test_scan import FILES

pytestmark = [needs_a_hub, pytest.mark.timeout(600)]

NAMES = ("ada", "bob", "cleo")
STEPS = (
    "00_start_here",
    "01_facebook_page",
    "02_application",
    "03_jwt",
    "04_link_page",
    "05_webhooks",
    "06_receive",
    "07_reply",
)


@dataclass(frozen=True)
class RoomOfThree:
    hub: Hub
    learners: tuple[Learner, ...]

    def each(self, work: Callable[[Learner], Any]) -> list[Any]:
        """Do this for all of them at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(self.learners)) as threads:
            return list(threads.map(work, self.learners))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoomOfThree]:
    with hub(tmp_path_factory.mktemp("room") / "hub") as made:
        learners = tuple(made.login(name) for name in NAMES)
        for learner in learners:
            shutil.copytree(REPOSITORY / "notebooks", learner.home / "course" / "notebooks")
        made.start(*learners)
        yield RoomOfThree(made, learners)


def psids(learner: Learner) -> set[str]:
    inbox = Inbox(learner.home / ".lab" / "simulator" / "lab.sqlite3")
    try:
        return {event.psid for event in inbox.events("inbound") if event.psid}
    finally:
        inbox.close()


def test_all_run_00_to_07_at_the_same_time_each_with_their_own_psid(room: RoomOfThree) -> None:
    def walk(learner: Learner) -> None:
        for name in STEPS:
            run_notebook(learner, "course/notebooks", name)

    room.each(walk)
    told = room.each(lambda who: requests.get(f"{who.url}nbhelpers/progress", headers=who.headers, timeout=20).json())
    assert [progress["step"] for progress in told] == [None] * 3, "not all seven steps are there"
    people = room.each(psids)
    assert all(people)
    assert len(set().union(*people)) == sum(map(len, people)), "two have the same PSID"
    for learner in room.learners:
        assert sorted(path.name for path in learner.home.glob(".lab")) == [".lab"]
        assert not list((learner.home / "course").rglob(".lab")), "the state stands in the folder of a kernel"
        assert oct((learner.home / ".lab" / "simulator").stat().st_mode)[-3:] == "700"


def test_one_learner_has_one_lab_whichever_folder(room: RoomOfThree) -> None:
    ada = room.learners[0]
    (ada.home / "elsewhere").mkdir(exist_ok=True)
    code = (
        "from nbhelpers import Lab; lab = Lab(); print(lab.settings.state, lab.settings.host, lab.facts['page_name'])"
    )
    shown = set()
    for path in ("a.ipynb", "elsewhere/a.ipynb", "course/notebooks/a.ipynb"):
        with kernel(ada, path) as running:
            shown.add(running.run(code).strip())
    assert len(shown) == 1 and str(ada.home / ".lab") in shown.pop()


def test_the_link_page_is_opened_through_the_hub_and_by_nobody_else(room: RoomOfThree) -> None:
    ada, bob = room.learners[:2]
    with kernel(ada, "a.ipynb") as running:
        shown = running.run("from nbhelpers import Lab; lab = Lab(); lab.simulator.link_page")
    assert shown.strip() == "Open the link page: /user/ada/nbhelpers/link, at the address of this Jupyter"
    assert "Link your Facebook Page" in requests.get(f"{ada.url}nbhelpers/link", headers=ada.headers, timeout=20).text
    for headers in ({}, bob.headers):
        answer = requests.get(f"{ada.url}nbhelpers/link", headers=headers, timeout=20, allow_redirects=False)
        assert answer.status_code in (302, 403) and "Link your" not in answer.text


def test_each_may_see_their_own_progress_and_nobody_elses(room: RoomOfThree) -> None:
    for learner in room.learners:
        for other in room.learners:
            answer = requests.get(f"{other.url}nbhelpers/progress", headers=learner.headers, timeout=20)
            assert answer.status_code == (200 if learner is other else 403)
    assert requests.get(f"{room.learners[0].url}nbhelpers/progress", timeout=20).status_code == 403


# In a browser


def signed_in(page: Page, hub: Hub, learner: Learner) -> LabPage:
    """JupyterLab of a learner who has signed in at the hub."""
    page.goto(f"{learner.url}lab")
    page.get_by_label("Username").fill(learner.name)
    page.get_by_label("Password").fill(hub.secret)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{learner.url}lab**")
    return LabPage(page, f"{learner.url}lab", learner.home)


@NEEDS_BROWSER[1]
def test_the_link_page_is_opened_from_a_notebook_in_a_browser_on_the_hub(room: RoomOfThree) -> None:
    cleo = room.learners[2]
    shutil.copy(REPOSITORY / "notebooks" / "04_link_page.ipynb", cleo.home)
    with browsing() as page:
        lab = signed_in(page, room.hub, cleo)
        lab.open("04_link_page")
        lab.run_all(done=False)
        link = page.locator(".jp-OutputArea-output").get_by_role("link", name="Open the link page")
        expect(link).to_be_visible(timeout=90_000)
        with page.context.expect_page() as opened:
            link.click()
        tab = opened.value
        assert tab.url == f"{cleo.url}nbhelpers/link"
        with kernel(cleo, "a.ipynb") as running:
            token = running.run("from nbhelpers import Lab; lab = Lab(); print(str(lab.token()))").strip()
        tab.get_by_label("Your JWT").fill(token)
        tab.get_by_role("button", name="Link").click()
        expect(tab.get_by_text("Your Page ID is")).to_be_visible(timeout=20_000)
        shot(tab, "hub-link-page")
        assert page.errors == []


@NEEDS_BROWSER[1]
def test_the_address_of_the_hub_is_read_from_the_page_where_the_hub_does_not_say_it(
    room: RoomOfThree, service: MessengerSimulator
) -> None:
    cleo = room.learners[2]
    begin = f"import os\nos.environ.update(NBHELPERS_API_HOST={service.base_url!r}, NBHELPERS_MODE='sandbox')\n"
    begin += "from nbhelpers import Lab\nlab = Lab()\n"
    with kernel(cleo, "live.ipynb") as running:
        assert "public address of this Jupyter server is not known" in running.run(f"{begin}lab.tunnel")
    with browsing() as page:
        lab = signed_in(page, room.hub, cleo)
        lab.start("webhooks", f"{begin}lab.panels.webhooks()")
        expect(page.get_by_text("Webhook URL for Inbound Message").first).to_be_visible(timeout=60_000)
        with kernel(cleo, "live.ipynb") as running:
            asked = f"{begin}print(lab._course.facts.get('page_origin'))"
            wait_until(lambda: running.run(asked).strip() == room.hub.url, 30, "the page's address")
            assert f"Public: {room.hub.url}/user/cleo/nbhelpers/webhooks/" in running.run("lab.tunnel")
            running.run("lab.tunnel.close()")
        assert page.errors == []


# Live mode, the simulator in the service's place


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, key: PrivateKey) -> Iterator[MessengerSimulator]:
    with running_simulator(tmp_path_factory.mktemp("service"), key) as made:
        yield made


@pytest.fixture(scope="module")
def live(room: RoomOfThree, service: MessengerSimulator, key: PrivateKey) -> dict[str, Live]:
    """For each learner an application and a Page of their own, whose webhooks come by the hub's address."""
    here = Service(service, (service.api_key, service.api_secret), service.signature_secret)
    return {each.learner.name: each for each in room.each(lambda who: go_live(room.hub, who, here, key))}


def texts_of(learner: Learner) -> list[str]:
    inbox = Inbox(learner.home / ".lab" / "live" / "lab.sqlite3")
    try:
        return [event.text or "" for event in inbox.events("inbound")]
    finally:
        inbox.close()


def test_each_gets_their_webhooks_by_the_one_address(room: RoomOfThree, live: dict[str, Live]) -> None:
    assert {each.public_url.partition("/user/")[0] for each in live.values()} == {room.hub.url}
    assert len({each.public_url.rpartition("/")[2] for each in live.values()}) == 3, "two have the same secret"
    for name, each in live.items():
        each.write(f"Hello, {name}!")
    for name, each in live.items():
        wait_until(
            lambda who=each, name=name: texts_of(who.learner) == [f"Hello, {name}!"], 20, f"the message of {name}"
        )
        inbox = Inbox(each.learner.home / ".lab" / "live" / "lab.sqlite3")
        assert inbox.deliveries()[-1].verdict == "signed"
        inbox.close()


def test_nothing_is_lost_while_a_server_is_killed_and_the_receiver_of_another(
    room: RoomOfThree, live: dict[str, Live], service: MessengerSimulator
) -> None:
    ada, bob, _ = (live[name] for name in NAMES)
    service.pace(5)  # the waits between two tries pass faster

    def write(each: Live) -> None:
        for number in range(60):
            each.write(f"{each.learner.name} {number}")
            time.sleep(0.05)

    writers = [threading.Thread(target=write, args=(each,)) for each in live.values()]
    for writer in writers:
        writer.start()
    time.sleep(0.5)
    os.kill(room.hub.process_of(ada.learner).pid, signal.SIGKILL)
    os.kill(read_record(bob.learner.home / ".lab" / "live", "receiver").pid, signal.SIGKILL)
    for writer in writers:
        writer.join()
    wait_until(lambda: not room.hub.running(ada.learner), 60, "the hub sees that the server is gone")
    room.hub.start(ada.learner)
    for each in (ada, bob):
        assert each.open_again() == each.public_url, "the address on the dashboard is still right"
    try:
        service.wait_until_delivered(120)
    finally:
        service.pace(1)
    for name, each in live.items():
        texts = [text for text in texts_of(each.learner) if not text.startswith("Hello")]
        assert sorted(texts) == sorted(f"{name} {number}" for number in range(60))


# Strangers


def test_a_wrong_secret_is_answered_as_if_there_were_no_such_learner(room: RoomOfThree, live: dict[str, Live]) -> None:
    assert room.hub.running(live["ada"].learner)
    for method in ("POST", "GET", "PUT", "DELETE"):
        told = []
        for name in ("ada", "nobody"):
            url = f"{room.hub.url}/user/{name}/nbhelpers/webhooks/{'x' * 22}/inbound"
            answer = requests.request(method, url, json=message(), timeout=20, allow_redirects=False)
            headers = {key.lower(): value for key, value in answer.headers.items()}
            # A token of this very second, which has in it whom the hub believes to have before it.
            token = re.search(r"_xsrf=([^;]+);", headers.pop("set-cookie", ""))
            believed = base64.b64decode(unquote(token[1]) + "==").split(b"|")[4] if token else None
            del headers["date"]
            text = re.sub(r"[\w|:/+=-]{150,}", "TOKEN", answer.text)
            told.append(repr((answer.status_code, headers, text, believed)).replace(name, "NAME"))
        assert told[0] == told[1]
        assert told[0].startswith("(302" if method == "GET" else "(403")


def test_no_log_of_a_server_has_a_secret_in_it(room: RoomOfThree, live: dict[str, Live]) -> None:
    # Those of the hub and its proxy have what reached no server: `deploy/` masks these.
    lines = [line for line in room.hub.log.splitlines() if "ServerApp" in line]
    assert any("nbhelpers/webhooks/••••" in line for line in lines)
    for each in live.values():
        secret = read_secret(each.learner.home / ".lab" / "live")
        assert not [line for line in lines if secret in line]


def test_three_hundred_requests_of_a_scanner_meet_nothing(room: RoomOfThree, live: dict[str, Live]) -> None:
    ada = live["ada"]
    before = len(texts_of(ada.learner))
    paths = [f"{prefix}{path}" for path in scanned() for prefix in ("", "/user/ada", "/user/ada/nbhelpers")]
    tried = [("GET", path) for path in paths[:150]] + [("POST", path) for path in paths[150:250]]
    secret = ada.public_url.rpartition("/")[2]
    tried += [
        (method, f"/user/{name}/nbhelpers/webhooks/{wrong}/{tail}")
        for method in ("GET", "POST")
        for name in ("ada", "nobody")
        for wrong in (secret[:-1], secret.swapcase(), "..%2f" + secret)
        for tail in ("inbound", "status", "", "../progress", "x")
    ]
    assert len(tried) >= 300
    met = set()
    with requests.Session() as stranger:
        for method, path in tried:
            answer = stranger.request(
                method, room.hub.url + path, json=None if method == "GET" else {"a": 1}, timeout=20
            )
            # Whoever is not logged in ends at the login, which has nothing of anybody.
            ended = "login" if "/hub/login" in answer.url or "/login" in answer.url else answer.status_code
            met.add(ended)
            assert ended in ("login", 403, 404, 405), f"{method} {path}: {answer.status_code} {answer.url}"
            for private in ('"cells"', '"steps"', "SQLite", "Corner Bakery", secret):
                # The hub's login page repeats the address that was asked for, so whoever knew the secret sees it there.
                assert private in path or private not in answer.text, f"{method} {path} shows {private}"
    assert {"login", 403} <= met
    assert len(texts_of(ada.learner)) == before


def scanned() -> list[str]:
    """Paths that strangers try: those of the tunnel's scan, and Jupyter's own."""
    own = ["/api/contents", "/api/contents/course/notebooks/00_start_here.ipynb", "/files/.lab/live/lab.sqlite3"]
    own += [
        "/lab",
        "/tree",
        "/api/kernels",
        "/api/terminals",
        "/progress",
        "/link",
        "/webhooks",
        "/webhooks/",
        "/api/me",
    ]
    # The hub's own icon is everybody's; behind the base URL of a server, Jupyter itself stumbles over both.
    return [*own, *(path for path in FILES.split() if path not in ("/robots.txt", "/favicon.ico"))]
