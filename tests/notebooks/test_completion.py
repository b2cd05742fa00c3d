"""What JupyterLab shows for `lab.` + Tab and for `lab.receiver?`, asked from a real kernel."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient, KernelManager

from nbhelpers import Lab
from tests.conftest import wait_until

PUBLIC = sorted(name for name in dir(Lab) if not name.startswith("_"))


class Asked:
    """A kernel in which a lab is open."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, code: str) -> None:
        reply = self._client.execute_interactive(code, timeout=60, store_history=False)
        assert reply["content"]["status"] == "ok", reply["content"]

    def complete(self, code: str) -> dict[str, dict[str, Any]]:
        """What a Tab shows. IPython gives jedi 400 ms for all types: on a busy computer that is another Tab."""

        def shown() -> dict[str, dict[str, Any]] | None:
            reply = self._client.complete(code, reply=True, timeout=60)["content"]
            found = {each["text"].removeprefix(code): each for each in reply["metadata"]["_jupyter_types_experimental"]}
            known = [each["type"] != "<unknown>" for name, each in found.items() if not name.startswith("_")]
            return found if known and all(known) else None

        return wait_until(shown, 60, "a type for every name")

    def inspect(self, code: str) -> str:
        reply = self._client.inspect(code, reply=True, timeout=60)["content"]
        assert reply["found"], code
        return re.sub(r"\x1b\[[0-9;]*m", "", reply["data"]["text/plain"])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    state = tmp_path_factory.mktemp("completion") / "lab"
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(
        env=os.environ | {"NBHELPERS_RECEIVER_PORT": "0", "NBHELPERS_SIMULATOR_PORT": "0"}, cwd=str(state.parent)
    )
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        asked = Asked(client)
        asked.run(f"from nbhelpers import Lab\nlab = Lab(state={str(state)!r}, mode='simulator')")
        yield asked
        asked.run("lab.stop()")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_every_name_of_the_lab_is_offered_with_a_type(kernel: Asked):
    offered = kernel.complete("lab.")
    assert set(PUBLIC) <= set(offered)
    assert len(PUBLIC) > 20
    assert not {offered[name]["type"] for name in PUBLIC} & {"<unknown>", "unknown", ""}
    assert {offered[name]["type"] for name in ("receiver", "inbox", "settings", "user", "panels")} == {"instance"}


def test_what_is_called_shows_what_it_takes(kernel: Asked):
    offered = kernel.complete("lab.")
    for name in ("need", "check", "reply", "reset", "replay", "explain"):
        assert offered[name]["type"] == "function"
        assert offered[name]["signature"].startswith("("), name


def test_the_simulators_controls_are_offered_with_what_they_take(kernel: Asked):
    offered = kernel.complete("lab.simulator.")
    assert {"create_page", "link_page", "write", "read", "fault", "switch", "advance", "refuse_next"} <= set(offered)
    assert len([name for name in offered if not name.startswith("_")]) > 25
    assert offered["fault"]["signature"].replace("'", "").startswith("(name: str, times: int | None=None, *, person: ")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_has_help_of_one_line(kernel: Asked, name: str):
    help_of = getattr(Lab, name).__doc__
    first = help_of.splitlines()[0]
    assert first.endswith(".")
    assert 15 < len(first) <= 120
    if name not in (
        "key_file",
        "tunnel",
        "client",
    ):  # what these are is shown by what they hold: step 2 makes the first
        assert "Docstring" in kernel.inspect(f"lab.{name}")


def test_the_receivers_help_reads_well(kernel: Asked):
    # IPython runs no property to look at it, so it shows the property's own help.
    assert "The webhook receiver with its two URLs, started if it does not run." in kernel.inspect("lab.receiver")
    kernel.run("receiver = lab.receiver")
    shown = kernel.inspect("receiver")
    for words in (
        "The receiver runs.",
        "/webhooks/inbound",
        "/webhooks/status",
        "The webhook receiver that runs, with",
    ):
        assert words in shown
