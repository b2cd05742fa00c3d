"""The ngrok program: where it is, whether it is new enough, its download and update, each announced and asked for."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from pyngrok import conf, installer
from pyngrok.exception import PyngrokError

from nbhelpers.config.private_files import make_private_folder
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.inbox.events import one_line

__all__ = ["ANNOUNCED", "NEEDED", "binary_of", "download", "find_binary", "own_place", "update", "version_of"]

NEEDED = (3, 30)  #: agents before 2025-09-23 have no /api/endpoints: pyngrok 9 would hang (ngrok's changelog)
_ASK = 15.0  # seconds that it may take to say its version
_FETCH = 60.0  # seconds without a byte before a download or an update is given up
#: What is said, and asked, before ngrok is fetched; `{place}` is where it will be.
ANNOUNCED = "This fetches ngrok, some 30 MB, from ngrok's own server into {place}; there is no checksum to compare."
_TO_DOWNLOAD = (
    "Run `lab.tunnel.download()` or `nbhelpers tunnel --download`: some 30 MB from ngrok's own server. "
    "Or set PYNGROK_NGROK_PATH to an ngrok that you have, or PUBLIC_URL to the address of another tunnel."
)


def own_place(settings: Settings) -> Path:
    """Where the kit puts an ngrok that it downloads: in the state directory, for all modes."""
    return settings.state / "ngrok" / installer.get_ngrok_bin()


def find_binary(settings: Settings) -> Path | None:
    """Return the ngrok to use: the configured one, the kit's own, pyngrok's, the one on PATH; None when there is none.

    What stands on PATH in a virtual environment is pyngrok's own script, which would start a second process: it is
    passed over. Raises ServiceError when the configured one is not there.
    """
    if settings.ngrok_path:
        path = Path(settings.ngrok_path)
        with contextlib.suppress(RuntimeError, ValueError):  # of a user that there is not: then it is no program either
            path = path.expanduser()
        if not path.is_file() or not os.access(path, os.X_OK):
            raise ServiceError(
                "There is no ngrok where you said.",
                f"PYNGROK_NGROK_PATH is {path}, which is no program.",
                "Correct it, or leave it out.",
            )
        return path
    for path in (own_place(settings), Path(conf.DEFAULT_NGROK_PATH)):
        if path.is_file():
            return path
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("ngrok", path=folder) if folder else None
        if found and not _is_script(Path(found)):
            return Path(found)
    return None


def binary_of(settings: Settings) -> Path:
    """Return the ngrok to use. Raises ServiceError when there is none, or it is too old, with what to do."""
    path = find_binary(settings)
    if path is None:
        raise ServiceError("ngrok is not on this computer.", f"Nothing is at {own_place(settings)}.", _TO_DOWNLOAD)
    version = version_of(path)
    if version < NEEDED:
        raise ServiceError(
            "This ngrok is too old.",
            f"{path} is version {_dotted(version)}; {_dotted(NEEDED)} or newer is needed.",
            "Run `lab.tunnel.update()` or `nbhelpers tunnel --update`, which asks ngrok to update itself.",
        )
    return path


def version_of(path: Path) -> tuple[int, int]:
    """Ask an ngrok for its version. Raises ServiceError when it does not say one."""
    said = _ask(path, "--version")
    found = re.search(r"version v?(\d+)\.(\d+)", said)
    if found is None:
        raise ServiceError("This is no ngrok.", f"{path} says “{one_line(said)}”.", "Set PYNGROK_NGROK_PATH to one.")
    return int(found[1]), int(found[2])


def download(settings: Settings) -> Path:
    """Fetch ngrok into the state directory, with progress on the screen, and return where it is.

    Whoever calls it has been told what will be fetched and has agreed. Raises ServiceError when it cannot be had.
    """
    place = own_place(settings)
    make_private_folder(place.parent)
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        # pyngrok downloads under a fixed name into the folder for temporary files, which others may write to.
        tempfile.tempdir = scratch
        fetched = Path(scratch) / place.name
        try:
            installer.install_ngrok(str(fetched), timeout=_FETCH)
        except (PyngrokError, OSError) as error:
            raise _not_had(str(error)) from None
        finally:
            tempfile.tempdir = before
        version_of(fetched)
        fetched.replace(place)  # whole, or not at all
    return place


def update(settings: Settings) -> str:
    """Let ngrok update itself and return its version then. Raises ServiceError when it cannot."""
    path = find_binary(settings)
    if path is None:
        raise ServiceError("ngrok is not on this computer.", "There is nothing to update.", _TO_DOWNLOAD)
    said = _ask(path, "update", timeout=_FETCH)
    version = version_of(path)
    if version < NEEDED:
        raise ServiceError(
            "ngrok did not update itself.",
            f"It says “{one_line(said, 200)}” and is version {_dotted(version)}.",
            f"Delete {path} and run `lab.tunnel.download()`, or set PUBLIC_URL to the address of another tunnel.",
        )
    return _dotted(version)


def _not_had(words: str) -> ServiceError:
    # pyngrok's error is text alone. Antivirus programs and company networks are the usual causes besides no network.
    if "CERTIFICATE_VERIFY_FAILED" in words:
        following = "Somebody between you and ngrok reads TLS: fetch ngrok on another network"
    else:
        following = "Check the network, or fetch ngrok elsewhere"
    return ServiceError(
        "ngrok could not be downloaded.",
        f"{one_line(words, 200)}.",
        f"{following} and set PYNGROK_NGROK_PATH to it; or set PUBLIC_URL, or go on in simulator mode.",
    )


def _ask(path: Path, *words: str, timeout: float = _ASK) -> str:
    # Not pyngrok's own way: it waits for ever, and would download what is not there without asking.
    try:
        done = subprocess.run(  # noqa: S603 - the program that the settings name
            [str(path), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServiceError(
            "ngrok does not answer.", f"`{path.name} {' '.join(words)}` took more than {timeout:g} s.", "Try again."
        ) from None
    except OSError as error:
        raise ServiceError(
            "ngrok cannot be run.", f"{path}: {error.strerror}.", "An antivirus program may have taken it away."
        ) from None
    return done.stdout.strip() or done.stderr.strip()


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
