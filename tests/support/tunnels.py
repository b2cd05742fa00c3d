"""Live labs for tests: the stand-in ngrok in the place of the real one, and who still runs of what was started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from nbhelpers import Lab
from nbhelpers.testing.messenger_simulator import MessengerSimulator
from tests.conftest import wait_until
from tests.support import fake_ngrok
from tests.support.labs import PRIVATE

TOKEN = "2aSecretTokenOfNgrok_7fQx9"
APPLICATION = "11111111-2222-4333-8444-555555554f2a"


def configure(patch: pytest.MonkeyPatch, folder: Path, mode: str = "ok", **more: str | None) -> Path:
    """Set the environment of live mode with a stand-in ngrok of this mode; return the folder of its launcher."""
    for name in list(os.environ):
        if name.startswith(PRIVATE):
            patch.delenv(name)
    program = fake_ngrok.install(folder / "ngrok-program", mode)
    chosen: dict[str, str | None] = {
        "NBHELPERS_MODE": "live",
        "NBHELPERS_API_HOST": "http://127.0.0.1:9",  # simulated here, so an address of this computer may be public
        "NBHELPERS_RECEIVER_PORT": "0",
        "NGROK_AUTHTOKEN": TOKEN,
        "PYNGROK_NGROK_PATH": str(program),
        "VONAGE_APPLICATION_ID": APPLICATION,
        **more,
    }
    for name, value in chosen.items():
        if value is not None:
            patch.setenv(name, value)
    patch.chdir(folder)
    return program.parent


def account_of(service: MessengerSimulator) -> dict[str, str | None]:
    """The environment that makes live mode take this simulator for the service."""
    return {
        "NBHELPERS_API_HOST": service.base_url,
        "VONAGE_API_KEY": service.api_key,
        "VONAGE_API_SECRET": service.api_secret,
        "VONAGE_APPLICATION_ID": service.application_id,
        "VONAGE_PRIVATE_KEY": str(service.private_key_path),
        "VONAGE_SIGNATURE_SECRET": service.signature_secret,
        "MESSENGER_SENDER_ID": service.page_id,
    }


@contextmanager
def live_lab(folder: Path, mode: str = "ok", **more: str | None) -> Iterator[Lab]:
    """A lab in live mode behind the stand-in; its services end with it, and nothing of them is left."""
    with pytest.MonkeyPatch.context() as patch:
        configure(patch, folder, mode, **more)
        lab = Lab(state=folder / "lab")
        try:
            yield lab
        finally:
            lab.stop()
            wait_until(lambda: not agents(folder), 5, "the end of the agents")


def agents(folder: Path) -> list[int]:
    """The pids of the stand-in agents of this folder that run."""
    program = str(folder / "ngrok-program" / "ngrok")
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if program in words and "start" in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def argv_of(pid: int) -> list[str]:
    """The arguments of a process, as everybody on this computer can read them."""
    return psutil.Process(pid).cmdline()
