"""What the tests of faults share: a place in which every process finds the same settings, and kernels in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher
from tests.support.kernels import Kernel

OpenKernel = Callable[..., Kernel]


@pytest.fixture
def open_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenKernel]:
    """Opens real kernels in one state directory; `lab` is a Lab in each. Kernels and services end with the test."""
    for name, value in {"STATE": str(tmp_path / "lab"), "RECEIVER_PORT": "0", "SIMULATOR_PORT": "0"}.items():
        monkeypatch.setenv(f"NBHELPERS_{name}", value)
    with contextlib.ExitStack() as kernels:

        def make(name: str = "kernel", **environment: str) -> Kernel:
            made = Kernel(tmp_path, "simulator", name, **environment)
            kernels.callback(made.close)
            assert made.run("from nbhelpers import Lab\nlab = Lab()\nlab").startswith("Ready.")
            return made

        yield make
        launcher.stop(configuration.load("simulator", tmp_path / "lab", folder=tmp_path))
