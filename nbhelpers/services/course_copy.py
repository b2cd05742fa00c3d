"""Copies the course into a folder of the learner's own, and leaves alone what the learner has changed there."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from nbhelpers.errors import KitError

__all__ = ["CourseCopy", "copy_course", "course_files"]

_RECORD = ".nbhelpers-course.json"  # in the copy: what each file was when it came


@dataclass(frozen=True)
class CourseCopy:
    """What came of copying: the `folder`, and by their names the files `new` there, `renewed`, and left `alone`."""

    folder: Path
    new: tuple[str, ...]
    renewed: tuple[str, ...]
    alone: tuple[str, ...]

    def __str__(self) -> str:
        if not (self.new or self.renewed or self.alone):
            return f"The course is in {self.folder}, as it came. Nothing was copied."
        done = f"{_files(self.new)} copied, {_files(self.renewed)} brought up to date"
        lines = [f"The course is in {self.folder}: {done}."]
        if self.alone:
            lines += [
                f"Left alone, because you have changed them: {', '.join(self.alone)}.",
                "To get one as it came, rename yours and run this again.",
            ]
        return "\n".join(lines)


def course_files() -> Path:
    """Return the folder of the course as it came with the kit: in the wheel, or beside the package.

    Raises KitError when there is none.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / "00_start_here.ipynb").is_file():
            return folder
    raise KitError("This kit has no notebooks.", f"None are in {package}.", "Install its wheel.")


def copy_course(target: Path) -> CourseCopy:
    """Copy notebooks, pictures, fixtures and pages into `target`, which is made; return what was done.

    A file that is there already is replaced only when it is just as an earlier copy left it. Raises KitError when
    `target` is a file or cannot be written.
    """
    source, target = course_files(), target.absolute()
    try:
        return _copied(source, target)
    except OSError as error:
        seen = f"{error.filename or target}: {error.strerror or error}."
        raise KitError("The course cannot be copied there.", seen, "Name a folder in which you may write.") from None


def _copied(source: Path, target: Path) -> CourseCopy:
    target.mkdir(parents=True, exist_ok=True)
    came = _came(target)
    new: list[str] = []
    renewed: list[str] = []
    alone: list[str] = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name = path.relative_to(source).as_posix()
        if any(part.startswith(".") for part in name.split("/")):
            continue
        mine, wanted = target / name, _digest(path)
        is_there = _digest(mine) if mine.exists() else None
        if is_there not in (None, wanted, came.get(name)):
            alone.append(name)
            continue
        if is_there != wanted:
            (renewed if is_there else new).append(name)
            mine.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, mine)
        came[name] = wanted
    (target / _RECORD).write_text(json.dumps(came, indent=1), encoding="utf-8")
    return CourseCopy(target, tuple(new), tuple(renewed), tuple(alone))


def _came(target: Path) -> dict[str, str]:
    """Return what an earlier copy wrote down. A record that cannot be read protects every file there."""
    try:
        return dict(json.loads((target / _RECORD).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(names: tuple[str, ...]) -> str:
    return f"{len(names)} file{'' if len(names) == 1 else 's'}"
