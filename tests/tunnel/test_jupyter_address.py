"""A Jupyter server's own address as the public one: found, proved by a nonce, and shut again, with real servers."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.config.settings import Settings
from nbhelpers.diagnosis.doctor import examine
from nbhelpers.diagnosis.jupyter_server import jupyter_server
from nbhelpers.errors import ServiceError
from nbhelpers.services import launcher
from nbhelpers.tunnel.jupyter_address import jupyter_address, jupyter_base
from nbhelpers.tunnel.webhook_secret import read_secret
from tests.support.jupyter_server import Server, serving
from tests.support.labs import course_of, message, shut
from tests.support.tunnels import configure


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("jupyter")
    with serving(folder / "home", "/user/ada/", NBHELPERS_STATE=str(folder / "lab")) as server:
        yield server, folder


@pytest.fixture
def lab(place: tuple[Server, Path]) -> Iterator[Lab]:
    """A live lab in a kernel of that server, which says its own address is the public one."""
    server, folder = place
    with pytest.MonkeyPatch.context() as patch:
        own = {"NGROK_AUTHTOKEN": None, "NBHELPERS_TUNNEL": "jupyter", "PUBLIC_URL": server.url.partition("/user")[0]}
        own |= {"NBHELPERS_JUPYTER_URL": server.url, "NBHELPERS_JUPYTER_STATE": str(folder / "lab")}
        configure(patch, folder, **own)
        made = Lab(state=folder / "lab")
        yield made
        made.tunnel.close()
        made.inbox.note(public_url=None, public_moved=None, page_origin=None)
        made.stop()


def changed(lab: Lab, **settings: object) -> Settings:
    return dataclasses.replace(lab.settings, **settings)


def test_it_is_open_once_a_nonce_came_back_and_webhooks_come_by_it(lab: Lab) -> None:
    shown = repr(lab.tunnel).splitlines()
    public = lab.tunnel.public_url
    secret = read_secret(lab.settings.folder)
    assert public.endswith(f"/user/ada/nbhelpers/webhooks/{secret}")
    assert shown[0].startswith(f"Public: {public} leads to your receiver at http://127.0.0.1:")
    assert shown[1].startswith("Open since ") and "0 calls so far" in shown[1]
    assert shown[2:] == [f"Inbound URL: {public}/inbound", f"Status URL:  {public}/status"]
    assert lab.webhooks is not None and lab._course.is_public
    assert requests.post(f"{public}/inbound", json=message(text="By the hub"), timeout=10).status_code == 200
    assert lab.inbox.newest_message().text == "By the hub"
    assert "1 call so far" in repr(lab.tunnel)
    assert launcher.find("tunnel", lab.settings) is None, "nothing of its own runs for it"


def test_closed_it_is_nobodys_and_the_next_has_another_secret(lab: Lab) -> None:
    first = lab.tunnel.public_url
    assert repr(lab.tunnel.close()) == "Closed. Nothing of this computer is public any more."
    assert not lab._course.is_public
    assert requests.post(f"{first}/inbound", json=message(), timeout=10).status_code == 404
    assert repr(lab.tunnel.close()) == "No tunnel was open."
    second = lab.tunnel.public_url
    assert second != first
    assert f"hold {first}/inbound and {first}/status, they are now wrong" in repr(lab.tunnel)
    assert requests.post(f"{second}/inbound", json=message(uuid="second"), timeout=10).status_code == 200
    assert "they are now wrong" not in repr(lab.tunnel)


def test_simulator_mode_says_that_it_is_open(lab: Lab, place: tuple[Server, Path]) -> None:
    lab.tunnel.open()
    simulated = Lab(state=place[1] / "lab", mode="simulator")
    assert "But the hub's address leads to your receiver of live mode. `lab.tunnel.close()` closes it." in repr(
        simulated
    )
    simulated.tunnel.close()
    assert "leads to your receiver" not in repr(simulated)


def test_the_address_is_the_persons_then_the_hubs_then_the_pages(lab: Lab) -> None:
    base, tail = lab.settings.public_url, f"/nbhelpers/webhooks/{lab.tunnel.public_url.rpartition('/')[2]}"
    other = changed(lab, public_url=None, hub_public_url="https://ada.hub.example/user/ada/")
    assert jupyter_base(other, {"page_origin": base}) == f"https://ada.hub.example/user/ada{tail}"
    assert jupyter_base(changed(lab, public_url=None), {"page_origin": base}) == f"{base}/user/ada{tail}"
    assert jupyter_base(lab.settings, {"page_origin": "https://else.example"}) == f"{base}/user/ada{tail}"
    assert jupyter_base(changed(lab, public_url=None), {}) is None
    assert jupyter_address(changed(lab, public_url=None), base)["public_url"] == f"{base}/user/ada{tail}"


@pytest.mark.parametrize("seen_at", [None, "http://localhost:8888", "vscode-webview://abc", "null"])
def test_where_nobody_knows_it_is_asked_for_and_nothing_is_made_public(lab: Lab, seen_at: str | None) -> None:
    lab.receiver  # noqa: B018 - it starts it
    live = changed(lab, public_url=None, host="https://api.nexmo.com")
    with pytest.raises(ServiceError, match=r"is not known.*lab\.panels\.webhooks\(\).*PUBLIC_URL=https") as raised:
        jupyter_address(live, seen_at)
    assert (seen_at or "does not say it") in raised.value.seen
    assert read_secret(lab.settings.folder) is None


def test_a_server_without_the_extension_or_with_another_state_says_so(lab: Lab, tmp_path: Path) -> None:
    lab.receiver  # noqa: B018
    with pytest.raises(ServiceError, match=r"does not have the kit's extension.*start it again"):
        jupyter_address(changed(lab, jupyter_url=None))
    with pytest.raises(ServiceError, match=r"looks into /elsewhere; this lab's state is in .*Lab\(\)"):
        jupyter_address(changed(lab, jupyter_state=Path("/elsewhere")))


@contextlib.contextmanager
def in_front(status: int, **headers: str) -> Iterator[str]:
    """Somebody stands at the public address and answers everything himself."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def stops_at(lab: Lab, name: str) -> str:
    hops = lab.doctor()
    assert hops.stop is not None and hops.stop.name == name, str(hops)
    return f"{hops.stop.seen} {hops.stop.next}"


def test_the_doctor_walks_from_the_hub_to_the_server_to_the_receiver(lab: Lab) -> None:
    assert "Run `lab.tunnel`." in (lab.receiver and stops_at(lab, "your Jupyter server"))
    lab.tunnel.open()
    before = len(lab.inbox.deliveries(limit=1000))
    names = [hop.name for hop in lab.doctor().hops]
    assert names[:5] == [
        "your receiver",
        "a call from here",
        "your Jupyter server",
        "a call from outside",
        "it is this receiver",
    ]
    states = {hop.name: hop.state for hop in lab.doctor().hops}
    assert [states[name] for name in names[:5]] == ["well"] * 5
    calls = lab.inbox.deliveries(limit=1000)[before:]
    assert calls and {call.origin for call in calls} == {"doctor"}
    shut(lab, "receiver")
    assert "It ends with your server, as when a hub stops one that was idle." in stops_at(lab, "your receiver")


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (403, {"X_JupyterHub_Version": "6"}, "no server is at /user/ada/"),
        (302, {"Location": "https://sso.example/login"}, "asks for a login"),
        (404, {"X_JupyterHub_Version": "6"}, "the path was changed"),
        (503, {}, "your server does not answer it"),
    ],
)
def test_the_doctor_says_what_stands_in_front(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], words: str
) -> None:
    lab.tunnel.open()
    with in_front(status, **headers) as address:
        away = course_of(lab, public_url=address)
        hops = examine(away)
        assert hops.stop.name == "a call from outside" and words in hops.stop.seen and hops.stop.next
        monkeypatch.setattr("nbhelpers.tunnel.jupyter_address._BACK", 0.1)
        with pytest.raises(ServiceError, match="The hub's address does not lead to your receiver") as raised:
            jupyter_address(away.settings)
        assert words in raised.value.seen


def test_http_where_https_is_wanted_is_found(lab: Lab) -> None:
    lab.tunnel.open()
    with in_front(301, Location="https://127.0.0.1/user/ada/x") as address:
        hops = examine(course_of(lab, public_url=address))
    assert "a redirect to https" in hops.stop.seen
    assert "PUBLIC_URL=https://127.0.0.1 " in hops.stop.next


def test_a_server_that_was_stopped_since_says_what_that_means(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.tunnel.open()
    assert "started anew" not in jupyter_server(lab.settings)[1]
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("nbhelpers.diagnosis.jupyter_server.made_at", lambda _: long_ago)
    state, words = jupyter_server(lab.settings)
    assert state == "well"
    assert "it was started anew at" in words and "again for a day" in words
