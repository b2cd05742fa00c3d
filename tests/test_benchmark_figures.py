"""The last figures are kept for each benchmark and stand in both READMEs; several run in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import figures, together
from benchmarks.figures import Measured, keep
from benchmarks.frame import CannotMeasure, make_row
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.fast

MARKS = "<!-- figures: written by `python -m benchmarks all --write` -->\n{}<!-- end -->"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "benchmarks"
    made.mkdir()
    for page in (made / "README.md", tmp_path / "README.md"):
        page.write_text(f"Before.\n\n{MARKS.format('old')}\n\nAfter.\n", "utf-8")
    return made


def measured(name: str, value: float, load: float = 0.1, **more: Any) -> Measured:
    versions = {"Python": "3.11.7", "how": "with a | in it"}
    rows = (
        make_row("sends", [value], "/s", peer="Prism", peer_values=[10], bar="<= 3", versions=versions),
        make_row("only seen", [7], "ms", versions=versions),
    )
    return Measured(name, rows, "2026-01-02", "a machine", load)


def pages(folder: Path) -> tuple[str, str]:
    return (folder / "README.md").read_text("utf-8"), (folder.parent / "README.md").read_text("utf-8")


def test_both_pages_get_the_table_and_only_the_first_what_has_no_bar(folder: Path) -> None:
    keep([measured("capture", 25)], folder)
    whole, short = pages(folder)
    for page in (whole, short):
        assert page.startswith("Before.\n")
        assert page.endswith("\nAfter.\n")
        assert "| `capture` | sends | 25 /s | 10 /s: Prism | 2.50 | \\<= 3 | yes |\n" in page
        assert "Measured 2026-01-02, a machine, load average 0.1 before the start (`capture`)." in page
        assert "Versions: Python 3.11.7." in page
        assert "old" not in page
    assert "only seen" in whole
    assert "only seen" not in short
    assert "- how: with a | in it" in whole


def test_what_is_measured_again_takes_the_place_of_its_last_figures_alone(folder: Path) -> None:
    keep([measured("capture", 25), measured("tokens", 40)], folder)
    keep([measured("tokens", 50)], folder)
    for page in pages(folder):
        assert "25 /s" in page
        assert "50 /s" in page
        assert "40 /s" not in page
    assert list(json.loads((folder / "last.json").read_text("utf-8"))) == ["capture", "tokens"]


def test_figures_that_were_bent_say_so(folder: Path) -> None:
    keep([measured("capture", 25, load=9.0)], folder)
    assert "load average 9.0 before the start: other work bent the figures" in pages(folder)[0]


def test_a_page_without_a_place_loses_nothing(folder: Path) -> None:
    (folder.parent / "README.md").write_text("No place.", "utf-8")
    with pytest.raises(CannotMeasure, match="no place"):
        keep([measured("capture", 25)], folder)
    assert not (folder / "last.json").exists()
    assert "old" in pages(folder)[0]


def test_the_pages_of_the_repository_show_what_is_kept(tmp_path: Path, folder: Path) -> None:
    here = REPOSITORY / "benchmarks"
    for name in ("README.md", "last.json", "../README.md"):
        (folder / name).write_text((here / name).read_text("utf-8"), "utf-8")
    keep([], folder)
    assert pages(folder) == pages(here)
    assert set(json.loads((folder / "last.json").read_text("utf-8"))) <= set(command.BENCHMARKS)


def test_every_benchmark_is_named_in_the_page_and_machine_says_what_it_is() -> None:
    page = (REPOSITORY / "benchmarks" / "README.md").read_text("utf-8")
    assert [name for name in command.BENCHMARKS if f"| `{name}` |" not in page] == []
    assert "cores" in figures.machine()


def test_each_runs_in_a_process_of_its_own_and_one_that_cannot_measure_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "benchmarks"
    package.mkdir()
    (package / "__init__.py").touch()
    row = json.dumps([{"name": "x", "value": 1.5, "unit": "s", "n": 1, "bar": "<= 2 s", "met": True}])
    (package / "__main__.py").write_text(
        "import os, sys\n"
        "if sys.argv[1] == 'hub': sys.exit('There is no proxy.')\n"
        f"print({row!r})\n"
        "print(os.getpid(), *sys.argv[1:], file=sys.stderr)\n",
        "utf-8",
    )
    monkeypatch.setattr(together, "_FOLDER", tmp_path)
    monkeypatch.setattr(together, "environment", dict)
    found = list(together.each(["tokens", "hub", "round"], ["--quick"]))
    said = capfd.readouterr().err
    assert "There is no proxy." in said
    assert "tokens --json --quick" in said
    rows = together.one_table(found)
    assert [(row.name.partition(":")[0], row.value, row.met) for row in rows] == [
        ("tokens", 1.5, True),
        ("hub", None, False),
        ("round", 1.5, True),
    ]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([("tokens", measured("tokens", 25)), ("round", measured("round", 25))], 0),
        ([("tokens", measured("tokens", 90)), ("round", measured("round", 25))], 1),
        ([("tokens", measured("tokens", 90)), ("round", CannotMeasure("no"))], 2),
    ],
)
def test_several_are_one_table_and_the_exit_code_is_the_worst(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: Any, code: int
) -> None:
    asked = []
    monkeypatch.setattr(together, "each", lambda names, arguments: asked.append((list(names), arguments)) or found)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    assert command.main(["tokens", "round", "tokens", "--quick", "--check"]) == code
    assert asked == [(["tokens", "round"], ["--seconds", "1", "--runs", "1", "--messages", "2000", "--quick"])]
    assert "tokens: sends" in capsys.readouterr().out


def test_all_are_every_one_and_write_keeps_each_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []

    def each(names: list[str], _arguments: list[str]) -> Any:
        assert names == list(command.BENCHMARKS)
        for name in names[:2]:
            yield name, measured(name, 25)
            assert kept[-1] == name

    monkeypatch.setattr(together, "each", each)
    monkeypatch.setattr(figures, "keep", lambda found: kept.append(found[0].name))
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    assert command.main(["all", "--write"]) == 0


def test_a_quick_look_is_not_kept() -> None:
    with pytest.raises(SystemExit):
        command.main(["all", "--write", "--quick"])
