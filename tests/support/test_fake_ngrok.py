"""The stand-in for ngrok keeps its promises under the real pyngrok, so that the tunnel's tests may lean on it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from pyngrok import agent as inspector
from pyngrok import ngrok, process
from pyngrok.conf import PyngrokConfig
from pyngrok.exception import PyngrokNgrokError, PyngrokNgrokHTTPError, PyngrokNgrokURLError

from tests.conftest import wait_until
from tests.support import fake_ngrok, simulation

TOKEN = "2aStandInTokenThatOpensNothing_5Zx"
Start = Callable[..., PyngrokConfig]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[Any]]]:
    """Every process that a test starts, whoever starts it; they end with the test."""
    made: list[subprocess.Popen[Any]] = []

    class Remembered(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(subprocess, "Popen", Remembered)
    yield made
    monitors = [running._monitor_thread for running in process._current_processes.values()]
    for child in made:
        if child.poll() is None:
            child.kill()
        child.wait(10)
    for monitor in monitors:
        if monitor is not None:
            monitor.join(10)
    for child in made:
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
    for path in [path for path, running in process._current_processes.items() if running.proc in made]:
        del process._current_processes[path]


@pytest.fixture
def agent(tmp_path: Path, started: list[subprocess.Popen[Any]]) -> Start:
    """Put an `ngrok` of some mode into the test's folder and return how pyngrok is to use it."""

    def make(mode: str = "ok", **more: Any) -> PyngrokConfig:
        launcher = fake_ngrok.install(tmp_path / "bin", mode)
        file = tmp_path / "ngrok.yml"
        file.write_text(f'version: "3"\nagent:\n  update_check: false\n  authtoken: "{TOKEN}"\n')
        file.chmod(0o600)
        return PyngrokConfig(str(launcher), str(file), config_version="3", request_timeout=5, **more)

    return make


@pytest.fixture
def local() -> Iterator[simulation.Target]:
    with simulation.target(path="") as made:
        yield made


def connect(config: PyngrokConfig, upstream: str, **options: Any) -> str:
    options = {"name": "webhook", "inspect": False} | options
    return ngrok.connect(upstream, pyngrok_config=config, **options).public_url or ""


def http(method: str, url: str, **options: Any) -> requests.Response:
    with requests.Session() as session:  # one for each request: the edge closes after every answer
        session.trust_env = False
        return session.request(method, url, **{"timeout": 10} | options)


def run(config: PyngrokConfig) -> subprocess.Popen[str]:
    """Start the agent as pyngrok does, for modes under which pyngrok would wait."""
    command = [config.ngrok_path, "start", "--none", "--log", "stdout", "--config", str(config.config_path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def api_of(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    line = child.stdout.readline()
    assert "starting web service" in line
    return "http://" + line.split("addr=")[1].strip().strip('"')


def folder_of(config: PyngrokConfig) -> Path:
    return Path(config.ngrok_path).parent


def test_a_post_through_the_public_url_arrives_whole_and_with_forwarded_headers(
    agent: Start, local: simulation.Target
) -> None:
    public = connect(agent(), local.url)
    answer = http("POST", f"{public}/webhooks/inbound?a=1&a=2", json={"text": "Grüße 👋"}, headers={"X-Mine": "kept"})
    assert answer.status_code == 200
    (call,) = local.calls
    assert (call.method, call.path) == ("POST", "/webhooks/inbound?a=1&a=2")
    assert call.json == {"text": "Grüße 👋"}
    assert call.headers["x-mine"] == "kept"
    assert call.headers["host"] == call.headers["x-forwarded-host"] == public.removeprefix("http://")
    assert call.headers["x-forwarded-for"] == "127.0.0.1"
    assert call.headers["x-forwarded-proto"] == "https"


def test_the_endpoints_are_listed_until_they_are_closed_and_then_the_edge_says_3200(
    agent: Start, local: simulation.Target
) -> None:
    config = agent()
    public = connect(config, local.url)
    (listed,) = ngrok.get_tunnels(config)
    assert (listed.public_url, listed.name, listed.upstream) == (public, "webhook", {"url": local.url})
    ngrok.disconnect(public, config)
    assert ngrok.get_tunnels(config) == []
    gone = http("GET", public)
    assert (gone.status_code, gone.headers["ngrok-error-code"]) == (404, "ERR_NGROK_3200")
    assert [row["call"] for row in fake_ngrok.calls(folder_of(config))] == ["start", "open", "close"]
    assert connect(config, local.url) == public
    assert http("GET", public).status_code == 200


def test_a_local_server_that_is_down_is_8012(agent: Start) -> None:
    with simulation.target(path="") as gone:
        pass
    answer = http("POST", connect(agent(), gone.url), data=b"x" * 500_000)
    assert (answer.status_code, answer.headers["ngrok-error-code"]) == (502, "ERR_NGROK_8012")
    assert "ERR_NGROK_8012" in answer.text


def test_a_browser_meets_the_notice_and_a_header_or_the_cookie_gets_round_it(
    agent: Start, local: simulation.Target
) -> None:
    public = connect(agent(), local.url)
    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
    notice = http("GET", public, headers=browser)
    assert (notice.status_code, notice.headers["ngrok-error-code"]) == (200, "ERR_NGROK_6024")
    assert local.calls == []
    for bypass in ({"ngrok-skip-browser-warning": "1"}, {"Cookie": "a=b; abuse_interstitial=me"}):
        assert "ngrok-error-code" not in http("GET", public, headers=browser | bypass).headers
    assert "ngrok-error-code" not in http("POST", public, headers=browser).headers
    assert len(local.calls) == 3


def test_bytes_pass_the_edge_as_they_came(agent: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        public = connect(agent(), f"http://127.0.0.1:{server.getsockname()[1]}")
        host, _, port = public.removeprefix("http://").partition(":")
        head = (
            b"P%ST /a/../%2e%00//\xff?x=\\ HTTP/1.1\r\nhost: A\r\nX-Big: " + b"b" * 300_000 + b"\r\nX-Odd:\t \r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=10) as visitor:
            visitor.sendall(head[:50])
            time.sleep(0.02)
            visitor.sendall(head[50:] + b"\r\n\r\nnot a head")
            line, _ = server.accept()
            with line:
                line.settimeout(10)
                seen = b""
                while not seen.endswith(b"\r\n\r\nnot a head"):
                    seen += line.recv(65536)
                line.sendall(b"HTTP/1.1 299 \xfe\r\n\r\nbytes \x00")
            assert b"".join(iter(lambda: visitor.recv(65536), b"")) == b"HTTP/1.1 299 \xfe\r\n\r\nbytes \x00"
    before, after = seen.split(b"\r\nX-Forwarded-For: 127.0.0.1\r\n")
    assert before == head.removesuffix(b"\r\n\r\n")
    assert after == (b"X-Forwarded-Proto: https\r\nConnection: close\r\nX-Forwarded-Host: A\r\n\r\n\r\n\r\nnot a head")


def test_chunks_that_come_slowly_are_carried_on(agent: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        public = connect(agent(), f"http://127.0.0.1:{server.getsockname()[1]}")

        def chunks() -> Iterator[bytes]:
            for piece in (b"one", b"two"):
                yield piece
                time.sleep(0.02)
            line, _ = server.accept()
            with line:
                seen = b""
                while b"two" not in seen:
                    seen += line.recv(65536)
                line.sendall(b"HTTP/1.1 413 Enough\r\nContent-Length: 0\r\n\r\n")
            assert b"3\r\none\r\n3\r\ntwo\r\n" in seen
            yield b"three"

        assert http("PUT", public, data=chunks()).status_code == 413


def test_a_log_that_is_read_keeps_it_going_and_one_that_nobody_reads_stalls_it(
    agent: Start, local: simulation.Target
) -> None:
    config = agent("new-url")  # two at once are not to fight over a port
    public = connect(config, local.url)
    child = run(config)
    api = api_of(child)
    wait_until(lambda: http("GET", f"{api}/api/status").json()["status"] == "online", what="the session")
    form = {"name": "webhook", "upstream": {"url": local.url}}
    unread = http("POST", f"{api}/api/endpoints", json=form).json()["url"]

    def served(url: str) -> int:
        for count in range(1000):
            try:
                http("POST", url, timeout=3)
            except requests.Timeout:
                return count
        return 1000

    assert served(public) == 1000
    assert 200 < served(unread) < 1000


def test_requests_are_listed_only_with_inspect(agent: Start, local: simulation.Target) -> None:
    config = agent()
    public = connect(config, local.url)
    http("POST", public)
    assert inspector.get_requests(pyngrok_config=config) == []
    http("POST", connect(config, local.url, name="open", inspect=True))
    (seen,) = inspector.get_requests(pyngrok_config=config)
    assert seen.tunnel_name == "open"
    assert inspector.get_agent_status(config).status == "online"


def test_what_it_was_asked_is_written_down_and_the_wished_domain_stays_on_loopback(
    agent: Start, local: simulation.Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGROK_DOMAIN", "ada.ngrok.app")
    config = agent()
    public = connect(config, local.url, url="https://ada.ngrok.app")
    assert public.startswith("http://127.0.0.1:")
    assert http("POST", public).status_code == 200
    start, opened = fake_ngrok.calls(folder_of(config))
    assert start["argv"] == ["start", "--none", "--log", "stdout", "--config", config.config_path]
    assert (start["config_mode"], start["env"]) == ("600", ["NGROK_DOMAIN"])
    running = psutil.Process(start["pid"])
    assert running.name() == "ngrok"
    assert TOKEN not in " ".join(running.cmdline())
    assert (opened["url"], opened["inspect"]) == ("https://ada.ngrok.app", False)
    assert fake_ngrok.calls(folder_of(config), "open") == [opened]


@pytest.mark.parametrize("mode", ["ok", "new-url"])
def test_the_public_port_stays_unless_it_is_to_be_new(mode: str, agent: Start, local: simulation.Target) -> None:
    config = agent(mode)
    urls = []
    for _ in range(2):
        urls.append(connect(config, local.url))
        assert http("POST", urls[-1]).status_code == 200
        running = ngrok.get_ngrok_process(config)
        ngrok.kill(config)
        assert running._monitor_thread is None or running._monitor_thread.join(10) is None
    assert (urls[0] == urls[1]) == (mode == "ok")


def test_a_busy_port_of_last_time_is_left_alone(agent: Start, local: simulation.Target) -> None:
    config = agent()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        (folder_of(config) / "ngrok-port").write_text(str(busy.getsockname()[1]))
        assert http("POST", connect(config, local.url)).status_code == 200


def test_the_version_is_old_until_the_update(agent: Start) -> None:
    config = agent()
    assert ngrok.get_version(config)[0] == "3.39.1"
    config = agent("old-agent")
    assert ngrok.get_version(config)[0] == "3.18.0"
    assert "3.39.1" in ngrok.update(config)
    assert ngrok.get_version(config)[0] == "3.39.1"


def test_an_old_agent_knows_no_endpoints_and_an_updated_one_does(agent: Start, local: simulation.Target) -> None:
    config = agent("old-agent")
    url = api_of(run(config)) + "/api/endpoints"
    assert http("GET", url).status_code == http("POST", url, json={"name": "webhook"}).status_code == 404
    ngrok.update(config)
    assert http("POST", connect(config, local.url)).status_code == 200


def test_a_saved_token_is_found_and_none_is_refused(agent: Start, local: simulation.Target) -> None:
    config = agent()
    Path(config.config_path or "").write_text("version: '3'\nagent:\n  update_check: false\n")
    with pytest.raises(PyngrokNgrokError) as caught:
        connect(config, local.url)
    assert caught.value.ngrok_error_code == "ERR_NGROK_4018"
    ngrok.set_auth_token(TOKEN, config)
    assert http("POST", connect(config, local.url)).status_code == 200


@pytest.mark.parametrize("option", ["domain", "subdomain", "schemes", "basic_auth"])
def test_an_option_that_v3_does_not_know_is_102(option: str, agent: Start, local: simulation.Target) -> None:
    with pytest.raises(PyngrokNgrokHTTPError) as caught:
        connect(agent(), local.url, **{option: "x"})
    assert caught.value.status_code == 400
    assert '"error_code": 102' in caught.value.body
    assert f"field {option} not found" in caught.value.body


def test_it_goes_nowhere_but_to_loopback(agent: Start) -> None:
    with pytest.raises(PyngrokNgrokHTTPError, match="not http on loopback"):
        connect(agent(), "http://192.0.2.1:80")


@pytest.mark.parametrize(
    ("mode", "says", "code"),
    [
        ("no-token", "requires a verified account", "ERR_NGROK_4018"),
        ("bad-token", TOKEN, "ERR_NGROK_105"),
        ("revoked", TOKEN, "ERR_NGROK_107"),
        ("limit", "limited to 3", "ERR_NGROK_108"),
        ("code:120", "authentication failed", "ERR_NGROK_120"),
        ("no-network", "lookup connect.ngrok-agent.com: no such host", None),
        ("x509", "x509: certificate signed by unknown authority", None),
    ],
)
def test_a_start_that_fails_says_why_as_the_real_one_does(
    mode: str, says: str, code: str | None, agent: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    config = agent(mode)
    with pytest.raises(PyngrokNgrokError, match="errored on start") as caught:
        connect(config, "http://127.0.0.1:9")
    assert caught.value.ngrok_error_code == code
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)  # line ends come as two characters each
    assert (r"\r\n" in str(caught.value)) == (code is not None)
    told = capfd.readouterr().err
    assert "ERROR:  " in told
    assert says in told
    assert not process.is_process_running(config.ngrok_path)


@pytest.mark.parametrize(
    ("mode", "says"), [("offline", "lookup connect.ngrok-agent.com: no such host"), ("inspected", "x509: certificate")]
)
def test_one_that_cannot_get_through_says_so_again_and_again_and_lives(mode: str, says: str, agent: Start) -> None:
    child = run(agent(mode))
    try:
        assert http("GET", f"{api_of(child)}/api/endpoints").status_code == 200
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(3)]
        assert all("lvl=eror" in line and says in line for line in said)
        assert child.poll() is None
    finally:
        child.kill()
        child.communicate()


def test_a_url_that_is_online_elsewhere_is_334(agent: Start, local: simulation.Target) -> None:
    with pytest.raises(PyngrokNgrokHTTPError) as caught:
        connect(agent("online"), local.url)
    assert caught.value.status_code == 502
    assert r"\r\n\r\nERR_NGROK_334" in caught.value.body


def test_a_dead_edge_answers_3200(agent: Start, local: simulation.Target) -> None:
    answer = http("POST", connect(agent("dead-edge"), local.url))
    assert (answer.status_code, answer.headers["ngrok-error-code"]) == (404, "ERR_NGROK_3200")


def test_a_slow_api_has_opened_when_pyngrok_gives_up(agent: Start, local: simulation.Target) -> None:
    config = agent("slow-api")
    ngrok.get_ngrok_process(config)
    config.request_timeout = 0.3
    with pytest.raises(PyngrokNgrokURLError, match="timed out"):
        connect(config, local.url)
    (listed,) = ngrok.get_tunnels(config)
    assert http("POST", listed.public_url or "").status_code == 200


def test_a_slow_session_refuses_endpoints_at_first(agent: Start) -> None:
    child = run(agent("slow"))
    answer = http("POST", api_of(child) + "/api/endpoints", json={"name": "webhook"})
    assert (answer.status_code, answer.json()["error_code"]) == (503, 104)
    child.terminate()
    assert child.wait(5) == 0


def test_a_silent_agent_stays_and_says_nothing(agent: Start) -> None:
    config = agent("silent")
    child = run(config)
    wait_until(lambda: fake_ngrok.calls(folder_of(config), "start"), what="the start")
    assert child.poll() is None
    child.terminate()
    assert child.communicate(timeout=5) == ("", "")


def test_dies_later_dies_two_seconds_after_it_opened(agent: Start, local: simulation.Target) -> None:
    config = agent("dies-later")
    public = connect(config, local.url)
    assert http("POST", public).status_code == 200
    child = ngrok.get_ngrok_process(config).proc
    assert child.wait(5) == 1


def test_a_token_on_stderr_disturbs_nothing_else(
    agent: Start, local: simulation.Target, capfd: pytest.CaptureFixture[str]
) -> None:
    assert http("POST", connect(agent("stderr-token"), local.url)).status_code == 200
    assert TOKEN in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: int, agent: Start, local: simulation.Target) -> None:
    config = agent()
    connect(config, local.url)
    child = ngrok.get_ngrok_process(config).proc
    os.kill(child.pid, number)
    assert child.wait(5) == 0


def test_a_stubborn_one_ends_only_when_it_is_killed(agent: Start, local: simulation.Target) -> None:
    config = agent("stubborn")
    public = connect(config, local.url)
    child = ngrok.get_ngrok_process(config).proc
    os.kill(child.pid, signal.SIGTERM)
    os.kill(child.pid, signal.SIGINT)
    assert http("POST", public).status_code == 200
    child.kill()
    assert child.wait(5) == -signal.SIGKILL


def test_an_unknown_mode_or_command_is_refused(agent: Start, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no mode 'okay'; there are ok, new-url"):
        fake_ngrok.install(tmp_path, "okay")
    with pytest.raises(PyngrokNgrokError, match="unknown command"):
        ngrok.api("endpoints", "list", pyngrok_config=agent())
