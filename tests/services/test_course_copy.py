"""The course in a folder of the learner's own: all of it, and nothing of the learner's is ever overwritten."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nbhelpers.errors import KitError
from nbhelpers.services import course_copy
from nbhelpers.services.course_copy import CourseCopy, copy_course, course_files
from tests.conftest import REPOSITORY, Shell

pytestmark = pytest.mark.fast


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small course of the test's own: what stands in the repository must not be changed."""
    folder = tmp_path / "kit"
    (folder / "images").mkdir(parents=True)
    (folder / "00_start_here.ipynb").write_text("first")
    (folder / "images" / "round.svg").write_text("a picture")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "00_start_here.ipynb").write_text("not of the course")
    monkeypatch.setattr(course_copy, "course_files", lambda: folder)
    return folder


def names(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found - {".nbhelpers-course.json"}


def test_everything_of_the_course_is_copied_and_nothing_else(source: Path, tmp_path: Path) -> None:
    done = copy_course(tmp_path / "mine" / "course")
    assert names(done.folder) == {"00_start_here.ipynb", "images/round.svg"} == set(done.new)
    assert "2 files copied, 0 files brought up to date." in str(done)


def test_a_second_time_there_is_nothing_to_do(source: Path, tmp_path: Path) -> None:
    copy_course(tmp_path / "mine")
    done = copy_course(tmp_path / "mine")
    assert done == CourseCopy(tmp_path / "mine", (), (), ())
    assert str(done) == f"The course is in {tmp_path / 'mine'}, as it came. Nothing was copied."


def test_what_the_learner_changed_is_left_alone_and_named(source: Path, tmp_path: Path) -> None:
    mine = copy_course(tmp_path / "mine").folder
    (mine / "00_start_here.ipynb").write_text("with my notes")
    (source / "00_start_here.ipynb").write_text("second")
    done = copy_course(mine)
    assert (mine / "00_start_here.ipynb").read_text() == "with my notes"
    assert "Left alone, because you have changed them: 00_start_here.ipynb." in str(done)
    assert "rename yours" in str(done)

    (mine / "00_start_here.ipynb").rename(mine / "my_notes.ipynb")
    assert copy_course(mine).new == ("00_start_here.ipynb",)
    assert (mine / "00_start_here.ipynb").read_text() == "second"
    assert (mine / "my_notes.ipynb").read_text() == "with my notes"


def test_a_file_that_nobody_changed_is_brought_up_to_date(source: Path, tmp_path: Path) -> None:
    mine = copy_course(tmp_path / "mine").folder
    (source / "00_start_here.ipynb").write_text("second")
    assert copy_course(mine).renewed == ("00_start_here.ipynb",)
    assert (mine / "00_start_here.ipynb").read_text() == "second"


def test_a_file_of_the_same_name_that_was_there_before_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "00_start_here.ipynb").write_text("of another course")
    assert copy_course(tmp_path).alone == ("00_start_here.ipynb",)
    assert copy_course(tmp_path).alone == ("00_start_here.ipynb",), "it is left alone every time"
    assert (tmp_path / "00_start_here.ipynb").read_text() == "of another course"


@pytest.mark.parametrize("record", ["", "[1]", '{"half', "null"])
def test_with_a_spoilt_record_every_file_counts_as_changed(source: Path, tmp_path: Path, record: str) -> None:
    mine = copy_course(tmp_path / "mine").folder
    (mine / ".nbhelpers-course.json").write_text(record)
    (source / "00_start_here.ipynb").write_text("second")
    assert copy_course(mine).alone == ("00_start_here.ipynb",)


def test_where_nothing_can_be_written_one_sentence_says_so(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KitError, match=r"cannot be copied there\. .*file.*Name a folder in which you may write\."):
        copy_course(tmp_path / "file")


def test_a_kit_without_notebooks_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "nbhelpers" / "services" / "course_copy.py"
    monkeypatch.setattr(course_copy, "__file__", str(package))
    with pytest.raises(KitError, match="This kit has no notebooks"):
        course_files()
    shutil.copytree(REPOSITORY / "notebooks", tmp_path / "nbhelpers" / "notebooks")
    assert course_files() == tmp_path / "nbhelpers" / "notebooks"


def test_the_command_copies_the_course_and_says_what_to_do_next(shell: Shell) -> None:
    said = shell("course", "my course").stdout
    assert "The course is in" in said
    assert said.endswith("Next: cd 'my course', then: nbhelpers lab\n")
    folder = shell.folder / "my course"
    assert names(folder) == {name for name in names(REPOSITORY / "notebooks") if "checkpoint" not in name}
    assert json.loads((folder / "00_start_here.ipynb").read_text(encoding="utf-8"))["cells"]
