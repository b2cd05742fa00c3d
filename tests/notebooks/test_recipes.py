"""`recipes.md`: every block is run as it stands, and prints what the text below it says."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import pytest

import nbhelpers
from nbhelpers.auth.signatures import sign
from tests.conftest import REPOSITORY, wait_until

PAGE = (REPOSITORY / "notebooks" / "recipes.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")  # the first line of a block that is saved and not run


@dataclass(frozen=True)
class Recipe:
    """One section of the page with its blocks: kind and text."""

    title: str
    blocks: tuple[tuple[str, str], ...]

    def of(self, kind: str) -> list[str]:
        return [text for each, text in self.blocks if each == kind]

    @property
    def is_python(self) -> bool:
        return not self.of("bash")


def sections() -> Iterator[Recipe]:
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE):
        yield Recipe(part.partition("\n")[0], tuple(BLOCK.findall(part)))


(OPENING, *RECIPES) = sections()
PYTHON = [recipe for recipe in RECIPES if recipe.is_python]
SERVERS = [recipe for recipe in RECIPES if len(recipe.of("bash")) == 3]


def by_title(recipe: Recipe) -> str:
    return recipe.title


def blurred(text: str) -> str:
    """The text without the IDs that differ from run to run."""
    return re.sub(r"\d{4,}", "NUMBER", text).strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and the environment in which the recipes run: one lab for all, any free port."""
    folder = tmp_path_factory.mktemp("recipes")
    commands = folder / "bin"
    commands.mkdir()
    for name in ("nbhelpers", "flask", "uvicorn", "pytest"):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {name} "$@"\n')
        (commands / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(folder)]),
        "NBHELPERS_STATE": str(folder / "lab"),
        "NBHELPERS_RECEIVER_PORT": "0",
        "NBHELPERS_SIMULATOR_PORT": "0",
    }
    yield folder, environment
    subprocess.run([commands / "nbhelpers", "stop"], env=environment, check=True, capture_output=True)


@pytest.mark.fast
def test_the_page_has_the_recipes_that_it_should_have() -> None:
    assert [recipe.title for recipe in RECIPES] == [
        "Quick replies",
        "A template with buttons",
        "After 24 hours, with a tag",
        "Another way, if this one fails",
        "A menu",
        "The same reply with the official SDK",
        "The inbox as a table of your own",
        "Two payloads, side by side",
        "A receiver with Flask",
        "A receiver with FastAPI",
        "Your own tests",
    ]


@pytest.mark.fast
def test_no_block_is_left_out() -> None:
    assert {kind for recipe in RECIPES for kind, _ in recipe.blocks} == {"python", "bash", "text"}
    assert len(PYTHON) + len(SERVERS) + 1 == len(RECIPES), "the one that is left runs pytest"
    for recipe in RECIPES:
        assert recipe.blocks[-1][0] == "text", recipe.title
        assert len(recipe.of("python")) == 1, recipe.title
        assert bool(FILE.match(recipe.of("python")[0])) != recipe.is_python, recipe.title


@pytest.mark.parametrize("recipe", PYTHON, ids=by_title)
def test_a_recipe_prints_what_it_says(recipe: Recipe, place: tuple[Path, dict[str, str]]) -> None:
    folder, environment = place
    (opening,), (code,), (expected,) = OPENING.of("python"), recipe.of("python"), recipe.of("text")
    # As in a notebook of its own: nobody has written before, but to the same lab.
    begin = (
        "from nbhelpers import Lab\nlab = Lab()\nfor psid in {each.psid for each in lab.inbox.events() if each.psid}:\n"
    )
    script = begin + "    lab.inbox.forget(psid)\nlab.need('page')\n" + opening + code
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"], input=script, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert blurred(done.stdout) == blurred(expected)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def running(command: str, folder: Path, environment: dict[str, str], name: str) -> Iterator[Path]:
    """A command as in a terminal of its own; its output as a file. It ends with the block."""
    log = folder / f"{name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=folder, env=environment, stdout=out, stderr=out)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(20)


def answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("recipe", SERVERS, ids=by_title)
def test_a_receiver_of_your_own_gets_what_the_person_writes(recipe: Recipe, place: tuple[Path, dict[str, str]]) -> None:
    folder, environment = place
    (code,), (expected,) = recipe.of("python"), recipe.of("text")
    name, port = FILE.match(code)[1], free_port()
    (folder / name).write_text(code, encoding="utf-8")
    server, simulator, trigger = (each.strip().replace("5050", str(port)) for each in recipe.of("bash"))
    shutil.rmtree(folder / "mine", ignore_errors=True)
    with running(server, folder, environment, name) as printed:
        wait_until(lambda: answers(port), 20, "the server")
        with running(simulator, folder, environment, "simulator") as ready:
            wait_until(lambda: "page_id" in ready.read_text(), 20, "the simulator")
            wait_until(lambda: printed.read_text().count("-->") == 1, 10, "the first message")
            subprocess.run(["sh", "-c", trigger], cwd=folder, env=environment, check=True, capture_output=True)
            wait_until(lambda: printed.read_text().count("-->") == 2, 10, "the second message")
            picture = "nbhelpers trigger image --state mine --wait"
            subprocess.run(["sh", "-c", picture], cwd=folder, env=environment, check=True, capture_output=True)
    lines = [line for line in printed.read_text(encoding="utf-8").splitlines() if line.startswith("-->")]
    assert "\n".join(lines) == f"{expected.strip()}\n--> image ", "the picture has no text"


def test_the_line_that_checks_a_signature_tells_what_the_service_signed() -> None:
    (line,) = re.findall(r"`(nbhelpers\.verify\(.*)`", PAGE)
    body, secret = b'{"message_uuid": "a"}', "the-account's-signature-secret-of-many-letters"
    headers = {"Authorization": sign(body, secret, "abcd1234")}

    def told(**call: Any) -> bool:
        with flask.Flask("own").test_request_context("/inbound", method="POST", **call):
            return bool(eval(line, {"nbhelpers": nbhelpers, "request": flask.request, "secret": secret}))

    assert told(data=body, headers=headers)
    assert not told(data=body + b" ", headers=headers)
    assert not told(data=body)


def test_the_tests_of_the_last_recipe_pass_and_can_fail(place: tuple[Path, dict[str, str]]) -> None:
    folder, environment = place
    (recipe,) = (each for each in RECIPES if each not in [*PYTHON, *SERVERS])
    (code,), (command,), (expected,) = recipe.of("python"), recipe.of("bash"), recipe.of("text")
    own = folder / "own"
    own.mkdir()
    (own / FILE.match(code)[1]).write_text(code, encoding="utf-8")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", command], cwd=own, env=environment, capture_output=True, text=True)

    done = run()
    assert done.returncode == 0, done.stdout
    assert expected.strip() in done.stdout
    (own / FILE.match(code)[1]).write_text(code.replace('"At seven."', '"At nine."', 1), encoding="utf-8")
    assert "1 failed, 1 passed" in run().stdout
