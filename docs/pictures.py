"""Pictures of the panels: those that the browser tests left; if they are missing or old, new ones are taken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Pictures", "taking_pictures"]

# Which picture stands for a panel: the state, of those in tests/support/panels.py, that is most like the notebook's.
_STATE = {
    **dict.fromkeys(("hello", "credentials", "token", "lessons", "question"), "empty"),
    **dict.fromkeys(("webhooks", "psid"), "working"),
    **dict.fromkeys(("reply", "conversation", "round", "inbox", "hops"), "done"),
}
_THEMES = ("light", "dark")
_TEST = "tests/widgets/test_pictures.py"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Pictures:
    """The pictures of the panels under `folder`, which the browser tests fill; `words` says what came of them."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.words = root, root / "build" / "panels", ""

    @property
    def names(self) -> list[str]:
        """The pictures that the book shows, as paths below `folder`."""
        return [f"{theme}/{panel}-{state}.png" for theme in _THEMES for panel, state in _STATE.items()]

    @property
    def are_there(self) -> bool:
        """Whether all are there and none is older than the panels' code."""
        taken = [self.folder / name for name in self.names]
        code = (self.root / "nbhelpers" / "widgets").rglob("*")
        changed = max(path.stat().st_mtime for path in code if path.suffix in (".py", ".js", ".css"))
        return all(path.is_file() and path.stat().st_mtime > changed for path in taken)

    def of(self, panel: str) -> str:
        """Return the Markdown that shows a panel, in the theme of the page; without pictures, nothing."""
        if not self.are_there or panel not in _STATE:
            return ""
        alt = "The same panel in JupyterLab, with messages of another day"
        each = (f"![{alt}](../pictures/{theme}/{panel}-{_STATE[panel]}.png){{.only-{theme}}}" for theme in _THEMES)
        return "In JupyterLab this is a panel:\n\n" + "\n".join(each)

    def copy_to(self, folder: Path) -> None:
        """Copy what the book shows."""
        for name in self.names if self.are_there else ():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.folder / name, folder / name)


@contextmanager
def taking_pictures(root: Path) -> Iterator[Pictures]:
    """Have pictures that are missing or old taken while the block runs. Raises RuntimeError when that fails."""
    pictures = Pictures(root)
    if pictures.are_there:
        pictures.words = f"The pictures of the panels are those of the last browser tests, in {pictures.folder}."
        yield pictures
    elif not any(map(shutil.which, _BROWSERS)):
        yield pictures
        pictures.words = "Without pictures of the panels: there is no Chromium to take them. Their text is in the book."
    else:
        log = pictures.folder.with_suffix(".log")
        log.parent.mkdir(exist_ok=True)
        shown = [f"{panel}={state}" for panel, state in _STATE.items()]
        command = [sys.executable, "-m", "docs.photograph", str(pictures.folder), *shown]
        with log.open("w") as out:
            taking = subprocess.Popen(command, cwd=root, stdout=out, stderr=subprocess.STDOUT)
            try:
                yield pictures
                failed = taking.wait(400)
            finally:
                taking.terminate()
        if failed:
            raise RuntimeError(f"The pictures of the panels were not taken. See {log}. Next: does {_TEST} pass?")
        pictures.words = f"The pictures of the panels were taken, into {pictures.folder}."
