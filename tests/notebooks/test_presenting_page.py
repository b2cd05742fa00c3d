"""The presenter's page cannot lie: its cells exist, its commands are commands, its lines of Python run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from types import ModuleType

import click
import pytest

from nbhelpers import Lab
from nbhelpers.cli.main import main
from tests.conftest import REPOSITORY
from tests.support.cells import FOLDER, STEPS, cells, headings
from tests.support.minutes import minutes_of
from tests.widgets.test_pictures import SMALLEST

PAGE = (FOLDER / "PRESENTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```(\w+)\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^ *```.*?^ *```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
CODE = re.findall(r"`([^`]+)`", PROSE)
WIDEST = 67  # characters of 20 pixels in the 827 that a screen of 1024 leaves; seen in Chromium
SHEETS = {45: "Forty-five minutes", 90: "Ninety minutes"}


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].partition("\n## ")[0]


def rows(title: str) -> list[tuple[int, str, str]]:
    found = re.findall(r"^\| (\d+) \| \[\d\d\]\((\w+)\.ipynb\) \| \*([^*]+)\* \|.*\|$", section(title), re.MULTILINE)
    return [(int(minute), notebook, heading) for minute, notebook, heading in found]


def titles(notebook: str) -> list[str]:
    return [title for cell in cells(notebook) for _, title in headings(cell.source)]


@pytest.fixture(scope="module")
def start() -> ModuleType:
    spec = importlib.util.spec_from_file_location("start_of_the_course", REPOSITORY / "start.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.fast
@pytest.mark.parametrize(("length", "title"), SHEETS.items())
def test_a_run_sheet_goes_forward_and_ends_in_time(length: int, title: str) -> None:
    sheet = rows(title)
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    assert len(sheet) == len(lines) - 2, "every line was read"
    assert [minute for minute, *_ in sheet] == sorted({minute for minute, *_ in sheet})
    assert sheet[0][0] == 0
    assert length - 10 < sheet[-1][0] < length
    assert [notebook for _, notebook, _ in sheet] == sorted(notebook for _, notebook, _ in sheet)
    assert all(line.count("“") == line.count("”") >= 1 for line in lines[2:]), "each says what people ask"


@pytest.mark.fast
@pytest.mark.parametrize("title", SHEETS.values())
def test_a_run_sheet_names_cells_that_exist_in_their_order(title: str) -> None:
    for notebook in {notebook for _, notebook, _ in rows(title)}:
        there = titles(notebook)
        named = [heading for _, each, heading in rows(title) if each == notebook]
        assert [heading for heading in named if heading not in there] == [], notebook
        assert [there.index(heading) for heading in named] == sorted(there.index(heading) for heading in named)


@pytest.mark.fast
def test_in_ninety_minutes_every_step_is_walked() -> None:
    assert set(STEPS) <= {notebook for _, notebook, _ in rows(SHEETS[90])}


@pytest.mark.fast
def test_in_ninety_minutes_each_notebook_gets_the_minutes_that_it_takes() -> None:
    sheet = rows(SHEETS[90])
    starts = {notebook: minute for minute, notebook, _ in reversed(sheet)}
    ends = [*sorted(starts.values())[1:], 90]
    for (notebook, start), end in zip(sorted(starts.items()), ends, strict=True):
        assert end - start >= minutes_of(notebook) - 0.7, notebook


@pytest.mark.fast
def test_no_line_of_code_of_the_steps_is_wider_than_the_screen_of_a_projector() -> None:
    shown = [
        cell
        for notebook in STEPS
        for cell in cells(notebook)
        if cell.type == "code" and "exercise" not in str(cell.tags)
    ]
    lines = [line for cell in shown for line in cell.source.splitlines()]
    assert len(lines) > 100
    assert [line for line in lines if len(line) > WIDEST] == []


@pytest.mark.fast
def test_every_other_cell_that_is_named_exists_too() -> None:
    everywhere = {title for path in FOLDER.glob("*.ipynb") for title in titles(path.stem)}
    own = {title for _, title in headings(PAGE)}
    # In italics stand also a button of the link page, a box of the board and entries of JupyterLab's menu.
    others = {"Link", "Pause", "Projector", "Kernel", "Interrupt Kernel", "Shut Down All Kernels…"}
    others.add("Restart Kernel and Clear Outputs of All Cells")
    named = {re.sub(r"\s+", " ", each) for each in re.findall(r"(?<![*\w])\*([^*\n]+)\*(?![*\w])", PROSE)}
    assert named - everywhere - own - others == set()


@pytest.mark.fast
def test_its_commands_are_commands_with_their_options(start: ModuleType) -> None:
    lines = [line[2:] for kind, body in BLOCKS if kind == "console" for line in map(str.strip, body.splitlines())
             if line.startswith("$ ")]  # fmt: skip
    lines += [code for code in CODE if code.startswith(("nbhelpers ", "python3 start.py", "py start.py"))]
    assert len(lines) >= 8
    for line in lines:
        name, *words = shlex.split(line)
        if name in ("python3", "py"):
            assert words[0] == "start.py"
            start.read_options(words[1:])
        elif name == "nbhelpers":
            command = main.commands[words[0]]
            command.make_context(words[0], list(words[1:]), parent=click.Context(main), resilient_parsing=True)
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known, line
        else:
            assert line == "source .venv/bin/activate"


@pytest.mark.fast
def test_the_code_of_the_day_before_is_what_the_page_says() -> None:
    check, explained = (body for kind, body in BLOCKS[:2])
    done = subprocess.run(
        [sys.executable, "start.py", "--check"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    seen, shown = done.stdout.strip().splitlines(), [line.strip() for line in check.splitlines()]
    assert done.returncode == 0, "as it is where this suite runs"
    shape = r"Code for your presenter: nb-3\d\d-\w-\w+-[0-9a-f]{2}"
    assert re.fullmatch(shape, seen[-1]) and re.fullmatch(shape, shown[-1])
    assert len(seen) == len(shown) - 1
    code = shown[-1].rpartition(" ")[2]
    told = subprocess.run(
        [sys.executable, "start.py", "--explain", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert [line.strip() for line in explained.splitlines()] == [
        f"$ python3 start.py --explain {code}",
        told.stdout.strip(),
    ]


@pytest.mark.fast
def test_what_it_calls_on_the_lab_is_there_and_the_harmless_is_run(ready: Lab) -> None:
    calls = [code for code in CODE if code.startswith("lab.")]
    live = ("lab.webhooks.put_back(yes=True)", "lab.tunnel.close()", "lab.reset()")
    harmless = set(calls) - set(live)
    assert set(live) < set(calls) and len(harmless) >= 5
    try:
        for call in sorted(harmless):
            panel = eval(call, {"lab": ready})
            getattr(panel, "close", bool)()
    finally:
        ready.present(False)
    assert callable(ready.tunnel.close) and callable(ready.reset)
    from nbhelpers.course.dashboard import LiveWebhooks

    assert callable(LiveWebhooks.put_back)


@pytest.mark.fast
def test_its_lines_of_python_delete_everybodys_messages(ready: Lab) -> None:
    for person in ("Ada", "Grace"):
        ready.inbox.wait_for_message(ready.user.write("Hello", person=person), timeout=10)
    (code,) = (body for kind, body in BLOCKS if kind == "python")
    *lines, last = [line[3:] for line in code.splitlines()]
    names: dict[str, object] = {"lab": ready}
    exec("\n".join(lines), names)
    people, left = eval(last, names)
    assert people >= 2
    assert list(left) == []


@pytest.mark.fast
def test_the_letters_are_as_large_as_it_says() -> None:
    assert f"smaller than {SMALLEST}, made for a screen of 1024 × 768" in " ".join(PAGE.split())


@pytest.mark.fast
def test_no_slide_tool_is_praised_without_its_version() -> None:
    table = [line for line in section("Slides").splitlines() if line.startswith("|")][2:]
    assert len(table) == 3
    assert all(re.search(r"^\| \S.* \d+\.\d+\.\d+", line) for line in table)
