"""The fixture `messenger_simulator` in somebody else's suite, and the README's examples for experimenters, run."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import nbhelpers
from tests.conftest import REPOSITORY, wait_until
from tests.test_package import HEAVY

pytest_plugins = ["pytester"]

README = (REPOSITORY / "nbhelpers" / "simulator" / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## For your own server and your own tests\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
BAKERY, START, PRINTED, FOLLOWED, LATER, END, TESTS, SDK = (body for _, body in BLOCKS)


def run(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    """Run a suite of somebody else's, in a process of its own that takes every warning for an error."""
    pytester.makepyfile(test_theirs=code)
    return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *arguments)


# ---- in somebody else's suite ---------------------------------------------------------------------------------------


def test_a_suite_that_does_not_use_it_loads_nothing_of_it(pytester: pytest.Pytester) -> None:
    code = f"""
        import sys

        def test_it():
            ours = {{name for name in sys.modules if name.startswith("nbhelpers")}}
            assert ours == {{"nbhelpers", "nbhelpers.testing", "nbhelpers.testing.pytest_plugin"}}
            assert not sys.modules.keys() & {sorted(HEAVY | {"sqlite3", "psutil"})}
    """
    # Alone: other plugins may load what they like.
    arguments = ["-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:xdist", "-p", "no:schemathesis"]
    run(pytester, code, *arguments).assert_outcomes(passed=1)


def test_it_is_listed_with_its_words(pytester: pytest.Pytester) -> None:
    result = run(pytester, "", "--fixtures")
    result.stdout.fnmatch_lines(["messenger_simulator -- *", "*a simulator of the Messages API and Facebook*"])


THEIRS = """
    import gc
    import tempfile
    import threading
    from pathlib import Path

    import psutil
    import pytest

    seen = []

    @pytest.mark.parametrize("number", range(3))
    def test_each(messenger_simulator, number):
        its = messenger_simulator
        assert its.webhooks() == [] and its.replies() == []
        assert its.switch()["window"] == "24"
        assert [page["id"] for page in its.pages()] == [its.page_id]
        its.write(text="hi")
        its.send("hello")
        its.create_page("Another")
        its.switch(window="24+1")
        its.change_settings(balance="low")
        seen.append(its)

    def test_no_two_had_anything_in_common_but_the_key_pair_and_nothing_is_left():
        for name in ("api_key", "api_secret", "signature_secret", "application_id", "page_id", "psid"):
            assert len({getattr(its, name) for its in seen}) == 3, name
        assert len({its.private_key for its in seen}) == 1
        assert not any(its.private_key_path.parent.parent.exists() for its in seen)
        assert list(Path(tempfile.gettempdir()).glob("messenger-simulator-*")) == []
        assert threading.enumerate() == [threading.main_thread()]
        gc.collect()
        assert psutil.Process().net_connections() == []
"""


def test_every_test_has_its_own_and_nothing_is_left_behind(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    result = run(pytester, THEIRS, "-p", "no:xdist", "--durations=4", "--durations-min=0.001", "-vv")
    result.assert_outcomes(passed=4)
    print("\n".join(line for line in result.outlines if "setup" in line or "teardown" in line))


def test_tests_run_side_by_side(pytester: pytest.Pytester) -> None:
    code = """
        import os
        import time
        from pathlib import Path

        import pytest

        @pytest.mark.parametrize("me", [0, 1])
        def test_each(messenger_simulator, me):
            # Each waits until the other's is open too, and looks at its own again while it is.
            places = [Path(f"{number}.txt") for number in (0, 1)]
            messenger_simulator.write(text="hi")
            places[me].write_text(messenger_simulator.base_url)
            until = time.monotonic() + 30
            while not all(place.exists() and place.read_text() for place in places) and time.monotonic() < until:
                time.sleep(0.01)
            assert len({place.read_text() for place in places}) == 2
            assert len(messenger_simulator.webhooks()) == 1
    """
    result = run(pytester, code, "-n", "2", "--dist", "load")
    result.assert_outcomes(passed=2)


# ---- the README's examples ------------------------------------------------------------------------------------------


def test_the_examples_are_the_blocks_that_are_run_here() -> None:
    assert [kind for kind, _ in BLOCKS] == ["python", "bash", "text", "text", "console", "bash", "python", "python"]
    assert {line.split()[2] for line in LATER.splitlines()} == {"trigger", "calls"}
    assert BAKERY.startswith("# bakery.py\n") and TESTS.startswith("# test_bakery.py\n")
    assert SDK.startswith("# test_sdk.py\n")
    assert Path(nbhelpers.__file__).parent == REPOSITORY / "nbhelpers"


def test_the_readmes_test_of_the_usual_flask_handler_passes_as_it_stands(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("bakery.py").write_text(BAKERY, encoding="utf-8")
    pytester.path.joinpath("test_bakery.py").write_text(TESTS, encoding="utf-8")
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", "--durations=0")
    result.assert_outcomes(passed=2)


def test_the_readmes_handler_takes_a_message_without_a_text(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("bakery.py").write_text(BAKERY, encoding="utf-8")
    picture = TESTS.replace('text="Do you have rye bread?"', 'kind="image"').replace("Do you have rye bread?", "image")
    pytester.path.joinpath("test_bakery.py").write_text(picture, encoding="utf-8")
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", "-k", "gets_an_answer")
    result.assert_outcomes(passed=1)


def test_the_readmes_test_with_the_official_sdk_passes_as_it_stands_and_has_five_lines(
    pytester: pytest.Pytester,
) -> None:
    assert len(SDK.partition("messenger_simulator):\n")[2].splitlines()) == 5
    run(pytester, SDK).assert_outcomes(passed=1)


def test_the_readmes_test_fails_in_words_when_the_handler_is_broken(pytester: pytest.Pytester) -> None:
    assert BAKERY.count('return "", 200') == 2
    pytester.path.joinpath("bakery.py").write_text(BAKERY.replace('data["to"]', 'data["too"]'), encoding="utf-8")
    short = TESTS.replace("wait_until_delivered()", "wait_until_delivered(timeout=3)")
    pytester.path.joinpath("test_bakery.py").write_text(short, encoding="utf-8")
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", "-k", "gets_an_answer")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ServiceError: Not every webhook was taken.*/webhooks/inbound, answered 500*"])


@pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="the block is bash's")
def test_the_readmes_shell_example_drives_the_flask_server(tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, words in (("python3", ""), ("nbhelpers", "-m nbhelpers "), ("flask", "-m flask ")):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n')
        (commands / name).chmod(0o755)
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "bakery.py").write_text(BAKERY, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "NBHELPERS_SIMULATOR_PORT": "0",
    }
    # As it stands but for the port, which may be taken here; and it ends when a line has been written.
    script = "\n".join(["set -eu", START, "while [ ! -e enough ]; do sleep 0.1; done", END]).replace("5050", f"{port}")
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as printed, err.open("w") as said:
        process = subprocess.Popen(["bash", "-c", script], cwd=folder, env=environment, stdout=printed, stderr=said)
    try:
        wait_until(
            lambda: set(PRINTED.splitlines()) <= set(out.read_text().splitlines()) or process.poll() is not None,
            timeout=30,
            what=f"what the README says in {out}, {err}",
        )
        (folder / "enough").write_text("")
        assert process.wait(timeout=20) == 0, err.read_text()
    finally:
        process.kill()
        subprocess.run([commands / "nbhelpers", "stop"], cwd=folder, env=environment, check=False)
    # The demo's own message is tried again in between, so only the order of each is sure.
    lines = out.read_text().splitlines()
    places = [lines.index(line) for line in PRINTED.splitlines()]
    assert places == sorted(places)
    assert "Traceback" not in err.read_text()
    numbers = re.compile(r"\d+")
    followed = {numbers.sub("1", line) for line in err.read_text().splitlines()}
    assert {numbers.sub("1", line) for line in FOLLOWED.splitlines()} <= followed
