"""Is all well? Each thing is ready, or there is one thing to do."""

from __future__ import annotations

import socket
import sys
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from nbhelpers import Lab
from nbhelpers.diagnosis import preflight as module
from nbhelpers.diagnosis.preflight import Preflight, preflight
from tests.support.labs import course_of, shut
from tests.support.tunnels import agents, live_lab


def line(shown: Preflight, name: str) -> str:
    return next(words for words in repr(shown).splitlines() if words.startswith(name))


@pytest.mark.fast
def test_on_a_computer_in_order_every_line_is_ready(ready: Lab) -> None:
    shown = ready.preflight()
    assert shown.ready, repr(shown)
    lines = repr(shown).splitlines()
    assert [words.split()[0] for words in lines[:-1]] == ["Python", "disk", "service", "ports", "clock", "panels"]
    assert all(words[9:].startswith("ready: ") for words in lines[:-1])
    assert lines[-1] == "All is ready."
    assert ready.settings.host in line(shown, "service")
    assert str(ready.settings.folder) in line(shown, "disk")


@pytest.mark.fast
def test_the_rich_form_says_the_same_and_escapes(ready: Lab) -> None:
    assert '<p role="status">All is ready.</p>' in ready.preflight()._repr_html_()
    bad = Preflight((("disk", False, "<b>/lab</b> & more"),))
    assert "&lt;b&gt;/lab&lt;/b&gt; &amp; more" in bad._repr_html_()
    assert "<strong>to do</strong>" in bad._repr_html_()
    assert repr(bad).endswith("Do what is said above, then run this again.")


@pytest.mark.fast
def test_looking_changes_nothing(ready: Lab) -> None:
    before = sorted(path.name for path in ready.settings.folder.iterdir())
    facts = ready.inbox.facts()
    ready.preflight()
    assert sorted(path.name for path in ready.settings.folder.iterdir()) == before
    assert ready.inbox.facts() == facts


def test_a_simulator_that_does_not_answer_is_to_do(fresh: Lab) -> None:
    shut(fresh, "simulator")
    shown = fresh.preflight()
    assert not shown.ready
    assert line(shown, "service") == "service  to do: the simulator does not answer: run `lab = Lab()` again"


@pytest.mark.fast
def test_a_folder_that_cannot_be_written_is_to_do(ready: Lab, tmp_path: Path) -> None:
    shown = preflight(course_of(ready, state=tmp_path / "is not there"))
    assert "to do: " in line(shown, "disk")
    assert "cannot be written (No such file or directory)" in line(shown, "disk")


@pytest.mark.fast
def test_a_port_that_is_in_use_is_ready_all_the_same(ready: Lab, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        shown = preflight(course_of(ready, state=tmp_path / "another", receiver_port=port))
    words = f"ports    ready: {port} is in use: your receiver takes the next free one, nothing to do"
    assert line(shown, "ports") == words


@pytest.mark.fast
def test_an_old_python_is_to_do(ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert line(ready.preflight(), "Python") == "Python   to do: this is Python 3.9.18"


@pytest.mark.fast
def test_a_clock_that_stands_still_is_to_do(ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert line(ready.preflight(), "clock").endswith("set it, or every token is refused")


@pytest.mark.fast
def test_panels_that_are_missing_are_to_do(ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", version)
    assert line(ready.preflight(), "panels") == (
        "panels   to do: ipywidgets is missing: run start.py, or install nbhelpers[course]"
    )


@pytest.mark.fast
def test_a_kernel_of_another_environment_is_to_do(ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBHELPERS_PREFIX", "/somewhere/else")
    assert "JupyterLab is /somewhere/else: choose the kernel “Python 3”" in line(ready.preflight(), "panels")


@pytest.mark.fast
def test_in_live_mode_the_service_is_named_and_not_asked(tmp_path: Path) -> None:
    live = Lab(state=tmp_path / "lab", mode="live")
    assert line(live.preflight(), "service") == "service  ready: live mode, at https://api.nexmo.com"
    live.inbox.close()


def test_in_live_mode_it_says_whether_a_tunnel_could_be_opened_and_opens_none(tmp_path: Path) -> None:
    with live_lab(tmp_path) as lab:
        assert line(lab.preflight(), "tunnel").endswith("and a token are there: `lab.tunnel` opens it")
        assert agents(tmp_path) == []
    with live_lab(tmp_path, "old-agent") as lab:
        assert "to do: This ngrok is too old." in line(lab.preflight(), "tunnel")
    with live_lab(tmp_path, NGROK_AUTHTOKEN=None) as lab:
        assert "NGROK_AUTHTOKEN is not set" in line(lab.preflight(), "tunnel")
    with live_lab(tmp_path, PUBLIC_URL="https://ada.example") as lab:
        assert "ready: your own, https://ada.example" in line(lab.preflight(), "tunnel")


def test_on_a_hub_its_own_address_is_the_tunnel_if_the_server_has_the_extension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    lab = Lab(state=tmp_path / "lab", mode="live")
    assert "to do: the Jupyter server does not have the kit's extension" in line(lab.preflight(), "tunnel")
    lab.inbox.close()
    monkeypatch.setenv("NBHELPERS_JUPYTER_URL", "http://127.0.0.1:8888/user/ada/")
    lab = Lab(state=tmp_path / "lab", mode="live")
    assert "ready: the hub's own address: `lab.tunnel` shows" in line(lab.preflight(), "tunnel")
    lab.inbox.close()
