"""A service from inside: its ready line, its socket, its refusals, its end."""

from __future__ import annotations

import signal
import socket
import time

import pytest

from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.services.service import Service, refusal
from tests.conftest import Shell


@pytest.mark.fast
def test_the_ready_line_is_exactly_one_line_of_json(shell: Shell) -> None:
    process, ready = shell.start("receiver")
    assert set(ready) == {"service", "url", "inbound_url", "status_url"}

    process.terminate()
    out, err = process.communicate(timeout=5)
    assert (out, err) == ("", ""), "nothing else is printed"
    assert process.returncode == 0


def test_the_ready_line_of_the_simulator_names_what_a_program_needs(shell: Shell) -> None:
    _, ready = shell.start("simulator")
    assert set(ready) == {"service", "url", "base_url", "api_key", "api_secret", "signature_secret"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds_and_takes_its_record_along(shell: Shell, number: int) -> None:
    for name in ("simulator", "receiver"):
        process, _ = shell.start(name)
        record = shell.folder / ".lab" / "simulator" / f"{name}.json"
        assert record.exists()
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - began < 2
        assert not record.exists()


def test_a_second_one_in_the_foreground_says_that_one_runs_already(shell: Shell) -> None:
    process, ready = shell.start("receiver")
    second = shell("receiver", ok=False)

    assert second.returncode == 1
    assert "runs already" in second.stderr
    assert ready["url"] in second.stderr
    assert str(process.pid) in second.stderr
    assert second.stdout == "", "it was never ready"
    assert shell("status").stdout.count("up at") == 1


def test_a_port_that_was_asked_for_and_is_taken_is_said_in_words(shell: Shell) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = shell("receiver", "--port", str(port), ok=False)
    assert refused.returncode == 1
    assert f"Port {port} is taken" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.fast
def test_a_wished_port_that_is_taken_gives_way_to_the_next(settings: Settings) -> None:
    service = Service("receiver", settings.folder)
    with service.bind(0) as first:
        port = first.getsockname()[1]
        with service.bind(None, port) as second:
            assert second.getsockname()[1] != port
        with pytest.raises(ServiceError, match="is taken"):
            service.bind(port)


@pytest.mark.fast
def test_it_listens_on_loopback_alone(settings: Settings) -> None:
    with Service("receiver", settings.folder).bind(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.fast
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8710", "localhost:1", "[::1]:8710", "localhost"])
def test_loopback_hosts_are_welcome(host: str) -> None:
    assert refusal({"host": host}) is None
    assert refusal({"host": host, "origin": f"http://{host}"}) is None


@pytest.mark.fast
@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "0.0.0.0:8710"]
)
def test_other_hosts_and_origins_are_refused_in_words(host: str) -> None:
    assert f"“{host}”" in (refusal({"host": host}) or "")
    assert refusal({"host": "127.0.0.1", "origin": f"https://{host}"})
    assert refusal({"host": host}, any_host=True) is None
