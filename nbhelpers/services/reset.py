"""Sets the state of a mode aside and brings the notebooks back as they came."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from nbhelpers.config.private_files import make_private_folder
from nbhelpers.config.settings import Settings
from nbhelpers.errors import KitError
from nbhelpers.services import launcher

__all__ = ["keep_pristine", "notebooks_folder", "restore_notebooks", "set_aside"]


def notebooks_folder() -> Path:
    """Return the folder of the notebooks: the kit's own, else the current one when the course was copied into it.

    Raises KitError when it is in neither.
    """
    folder = Path(__file__).resolve().parents[2] / "notebooks"
    if folder.is_dir():
        return folder
    if Path("00_start_here.ipynb").is_file():
        return Path.cwd()
    raise KitError(
        "The notebooks are not here.",
        f"There is no 00_start_here.ipynb in {Path.cwd()}.",
        "`nbhelpers course DIR` copies them into a folder; run this again inside it.",
    )


def set_aside(settings: Settings, forget: bool = False) -> Path | None:
    """Stop this mode's services, move its state into `<state>/backups/` and return where; with `forget` delete it.

    Returns None when there was nothing to set aside, or it was deleted. Other modes are left alone.
    """
    launcher.stop(settings, modes=(settings.mode,))
    if not settings.folder.is_dir():
        return None
    if forget:
        shutil.rmtree(settings.folder)
        return None
    place = _backup(settings) / settings.mode
    settings.folder.rename(place)
    return place


def keep_pristine(settings: Settings, version: str) -> None:
    """Copy the notebooks as they came, once for each version of the kit, so that they can be brought back."""
    place = settings.state / "pristine" / version
    if not place.is_dir():
        make_private_folder(place.parent)
        half = place.with_name(f".{version}.half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(notebooks_folder(), half, ignore=shutil.ignore_patterns(".ipynb_checkpoints", ".*"))
        half.rename(place)


def restore_notebooks(settings: Settings, version: str) -> Path:
    """Bring the notebooks back as they came; yours go to `<state>/backups/`, and where is returned.

    Raises KitError when no pristine copy was kept: `nbhelpers lab` makes it.
    """
    pristine, notebooks = settings.state / "pristine" / version, notebooks_folder()
    if not pristine.is_dir():
        raise KitError(
            "There is no pristine copy of the notebooks.",
            f"Nothing is in {pristine}.",
            "`nbhelpers lab` keeps one when it starts for the first time; get the kit anew.",
        )
    place = _backup(settings) / "notebooks"
    shutil.copytree(notebooks, place)
    shutil.copytree(pristine, notebooks, dirs_exist_ok=True)
    return place


def _backup(settings: Settings) -> Path:
    return make_private_folder(settings.state / "backups" / f"{datetime.now():%Y%m%d-%H%M%S-%f}")  # noqa: DTZ005
