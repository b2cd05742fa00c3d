"""`lab.present()`: what a cell shows is masked on its way to the page, in every notebook of a state, until it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from nbhelpers import Lab
from tests.support.notebooks import Run, environment, execute, stop

PSID, URL = "5643442791834631", "https://bakery.example/menu"
OPEN = "from nbhelpers import Lab\n\nlab = Lab()\nlab"
SHOWN = {
    "result": f"'{PSID}', '{URL}'",
    "printed": f"print('{PSID} at {URL}')",
    "rich": f"from IPython.display import HTML\nHTML('<a href=\"{URL}\">{PSID} {URL}</a>')",
    "displayed": f"display({{'id': '{PSID}'}})",
    "warned": f"import sys\nprint('{PSID}', file=sys.stderr)",
    "beside": f"from threading import Timer\nother = Timer(0, print, ['{PSID}'])\nother.start()\nother.join()",
    "json": f"from IPython.display import JSON\nJSON({{'id': '{PSID}'}})",
}


def run(state: Path, *sources: str) -> Run:
    cells = [nbformat.v4.new_code_cell(source) for source in (OPEN, *sources)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for cell in notebook.cells:
        cell.metadata["tags"] = ["raises-exception"]
    return execute(notebook, state)


def outputs(run: Run) -> list[str]:
    return [str(cell.outputs) for cell in run.notebook.cells[1:]]


def test_all_that_cells_show_is_masked_in_every_notebook_until_it_ends(tmp_path: Path) -> None:
    state = tmp_path / "lab"
    try:
        before, *shown, error, presented, last = outputs(
            run(
                state,
                "lab.present()",
                *SHOWN.values(),
                f"raise ValueError('{PSID}')",
                "lab.present(False)",
                f"'{PSID}'",
            )
        )
        assert "For a projector now" in before and "24px" in before
        for name, output in zip(SHOWN, shown, strict=True):
            assert "••••4631" in output, name
            assert PSID not in output, name
            # A link still leads where it led.
            assert output.count("bakery.example") == (1 if name == "rich" else 0), name
        assert "••••4631" in error and PSID not in error
        assert "As before" in presented and "inherit" in presented
        assert PSID in last

        turned_on, hidden = outputs(run(state, "lab.present()", f"'{PSID}'"))
        assert PSID not in hidden
        elsewhere = run(state, f"'{PSID}'", f"display('{PSID}')")
        assert "24px" in str(elsewhere.notebook.cells[0].outputs), "the first cell brings the large type along"
        assert all("••••4631" in each and PSID not in each for each in outputs(elsewhere))
        assert turned_on.count(":root:root:root body") >= 1, "the third turn counts for more than the second"
    finally:
        stop(state)


def test_turned_on_twice_or_off_twice_nothing_changes(ready: Lab) -> None:
    first, again = ready.present(), ready.present()
    assert first.turn == again.turn
    assert ready._course.presenting
    off, off_again = ready.present(False), ready.present(False)
    assert off.turn == off_again.turn == first.turn + 1
    assert not ready._course.presenting


def test_a_reset_ends_neither_the_masking_nor_the_large_type(tmp_path: Path) -> None:
    state = tmp_path / "lab"
    try:
        _, closed, reset, after = outputs(
            run(state, "lab.present()", f"lab.inbox.close()\n'{PSID}'", "lab = Lab()\nlab.reset()", f"'{PSID}'")
        )
        assert PSID not in closed and PSID not in after
        assert "You start again" in reset
        # From a terminal, and with nothing kept, it is the same; the next group's notebook is still for a projector.
        command = [sys.executable, "-m", "nbhelpers", "reset", "--forget", "--state", str(state)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        other = run(state, f"'{PSID}'")
        assert PSID not in outputs(other)[0] and "24px" in str(other.notebook.cells[0].outputs)
        (live,) = outputs(run(state, f"lab = Lab(mode='live')\n'{PSID}'"))
        assert PSID not in live, "in live mode least of all"
    finally:
        stop(state)


def test_a_notebook_that_was_saved_with_large_type_gets_small_type_when_nothing_is_masked(tmp_path: Path) -> None:
    state = tmp_path / "lab"
    try:
        run(state, "lab.present()", "lab.present(False)")
        later = run(state, f"'{PSID}'")
        assert "--nbh-type: inherit" in str(later.notebook.cells[0].outputs)
        assert outputs(later)[0].count(PSID) == 1
    finally:
        stop(state)


@pytest.mark.parametrize("ask", ["inspect", "input"])
def test_what_a_kernel_says_beside_its_outputs_is_masked_too(tmp_path: Path, ask: str) -> None:
    state = tmp_path / "lab"
    manager, client = start_new_kernel(env=environment(state))
    try:
        client.execute_interactive(f"{OPEN}\nlab.present()\nperson = '{PSID}'", timeout=60)
        if ask == "inspect":
            client.inspect("person", cursor_pos=6)
            said = str(client.get_shell_msg(timeout=30)["content"])
        else:
            client.execute("answer = input(f'To {person}: ')", allow_stdin=True)
            said = str(client.get_stdin_msg(timeout=30)["content"])
        assert "••••4631" in said and PSID not in said
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        stop(state)


def test_what_the_lab_holds_is_not_masked(presented: Lab) -> None:
    said = presented.user.write("Hello")
    assert said.psid and said.psid.isdigit()
    event = presented.inbox.wait_for_message(said, timeout=10)
    assert event.psid == said.psid


@pytest.mark.fast
def test_outside_of_a_notebook_nothing_is_touched(presented: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    print(PSID)
    assert PSID in capsys.readouterr().out
