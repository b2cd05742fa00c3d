"""Beginning again: the state of one mode is set aside, the notebooks come back, nothing is lost unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbhelpers.config.settings import Settings
from nbhelpers.errors import KitError
from nbhelpers.services import launcher, reset
from tests.conftest import Shell


def test_the_state_is_set_aside_and_the_services_end(shell: Shell) -> None:
    shell.start("simulator", "--demo")
    said = shell("reset").stdout
    (backup,) = (shell.folder / ".lab" / "backups").glob("*/simulator")

    assert str(backup) in said
    assert (backup / "simulator.sqlite3").exists()
    assert not (shell.folder / ".lab" / "simulator").exists()
    assert "No service runs." in shell("status").stdout
    assert shell("inbox").stdout == ""


def test_forget_keeps_no_backup(shell: Shell) -> None:
    shell.start("simulator", "--demo")
    shell("reset", "--forget")
    assert not (shell.folder / ".lab" / "simulator").exists()
    assert not list((shell.folder / ".lab").glob("backups/*"))


def test_the_state_of_another_mode_is_left_alone(settings: Settings) -> None:
    live = settings.state / "live"
    live.mkdir(parents=True)
    (live / "lab.sqlite3").write_text("precious")
    launcher.start("simulator", settings)

    assert reset.set_aside(settings) is not None
    assert (live / "lab.sqlite3").read_text() == "precious"


def test_nothing_to_set_aside_is_said_plainly(shell: Shell) -> None:
    assert "The state of simulator mode is empty." in shell("reset").stdout


@pytest.mark.fast
def test_notebooks_come_back_as_they_came_and_the_learners_are_kept(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "01.ipynb").write_text("as it came")
    # Only where the notebooks are is another: this repository's own must not be touched by a test.
    monkeypatch.setattr(reset, "notebooks_folder", lambda: folder)
    with pytest.raises(KitError, match="no pristine copy"):
        reset.restore_notebooks(settings, "1")

    reset.keep_pristine(settings, "1")
    (folder / "01.ipynb").write_text("my own notes")
    reset.keep_pristine(settings, "1")
    place = reset.restore_notebooks(settings, "1")

    assert (folder / "01.ipynb").read_text() == "as it came"
    assert (place / "01.ipynb").read_text() == "my own notes"


@pytest.mark.fast
def test_the_notebooks_are_found_beside_the_package() -> None:
    assert (reset.notebooks_folder() / "00_start_here.ipynb").is_file()
