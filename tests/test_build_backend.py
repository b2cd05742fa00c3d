"""A wheel, really built, in an environment of its own: command, fixture and course are there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.conftest import REPOSITORY, wait_until

pytestmark = pytest.mark.timeout(240)

THEIR_TEST = """
    def test_theirs(messenger_simulator):
        messenger_simulator.send("Baked this morning.")
        assert messenger_simulator.replies()[0]["state"] == "delivered"
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ("wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, REPOSITORY)
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, timeout=120)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel in it; what the kit needs it borrows from this one."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=60)
    folder = place / ("Scripts" if os.name == "nt" else "bin")
    install = ("--python", folder / "python", "install", "-q", "--no-deps", "--no-index", wheel)
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, timeout=120)
    (packages,) = place.glob("[Ll]ib/**/site-packages")
    # A path alone: the lines in it that lead to this repository are not read.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def run(bin_folder: Path, tmp_path: Path) -> Iterator[object]:
    """Runs a program of that environment in an empty folder, and ends what it started."""
    environment = os.environ | {"NBHELPERS_SIMULATOR_PORT": "0", "NBHELPERS_RECEIVER_PORT": "0"}

    def run(name: str, *arguments: str, folder: Path = tmp_path) -> str:
        command = [bin_folder / name, *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    run("nbhelpers", "stop")


def test_the_wheel_holds_the_package_and_the_course_and_nothing_private(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    course = {name.removeprefix("nbhelpers/notebooks/") for name in names if name.startswith("nbhelpers/notebooks/")}
    tracked = subprocess.run(
        ["git", "ls-files", "notebooks"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {name.removeprefix("notebooks/") for name in tracked} <= course
    assert {"00_start_here.ipynb", "recipes.md", "fixtures/guide_inbound.json"} <= course
    assert not [name for name in names if re.search(r"\.lab/|\.key$|\.env|__pycache__|^tests|^docs", name)]
    assert any(name.endswith("etc/jupyter/jupyter_server_config.d/nbhelpers.json") for name in names)


def test_nothing_is_left_in_the_tree_that_was_built(wheel: Path) -> None:
    assert not (REPOSITORY / "nbhelpers" / "notebooks").exists()


def test_the_command_is_there_and_is_the_wheels_own(run, bin_folder: Path) -> None:
    assert run("nbhelpers", "--version").startswith("nbhelpers, version ")
    place = run("python", "-c", "import nbhelpers; print(nbhelpers.__file__)")
    assert place.startswith(str(bin_folder.parent))


def test_the_fixture_is_there(run, tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(textwrap.dedent(THEIR_TEST))
    assert "1 passed" in run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_theirs.py")


def test_the_course_is_copied_and_jupyterlab_opens_on_the_copy(run, bin_folder: Path, tmp_path: Path) -> None:
    assert "Next: cd mine, then: nbhelpers lab" in run("nbhelpers", "course", "mine")
    log = tmp_path / "log"
    with log.open("w") as output:
        command = [bin_folder / "nbhelpers", "lab", "--no-browser", "--port", "0"]
        process = subprocess.Popen(command, cwd=tmp_path / "mine", stdout=output, stderr=output)
        try:
            address = wait_until(lambda: re.search(r"(http://127\S+)/lab\S*\?token=(\w+)", log.read_text()), 90)
            with requests.Session() as session:
                # It says its address a moment before it listens.
                session.mount("http://", HTTPAdapter(max_retries=Retry(connect=8, backoff_factor=0.1)))
                answer = session.get(f"{address[1]}/api/contents", params={"token": address[2]}, timeout=20)
        finally:
            process.terminate()
            process.wait(30)
    assert {"00_start_here.ipynb", "recipes.md"} <= {each["name"] for each in answer.json()["content"]}


def test_a_notebook_of_the_copy_runs_with_the_wheels_kit(run, bin_folder: Path, tmp_path: Path) -> None:
    run("nbhelpers", "course", "mine")
    cells = json.loads((tmp_path / "mine" / "01_facebook_page.ipynb").read_text(encoding="utf-8"))["cells"]
    opening = "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code"))
    script = f"{opening}\nprint(lab.need('page'), nbhelpers.__file__)\nlab.stop()"
    said = run("python", "-c", f"import nbhelpers\n{script}", folder=tmp_path / "mine")
    assert str(bin_folder.parent) in said
    assert (tmp_path / "mine" / ".lab" / "simulator").is_dir()
    run("nbhelpers", "stop", folder=tmp_path / "mine")
