"""Takes the pictures of the panels that the book shows, with what the browser tests are made of."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from nbhelpers import Lab
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher
from tests.support.lab_page import lab_in_browser
from tests.support.panels import HEADINGS, STATES, cells_of

__all__ = ["photograph"]


def photograph(target: Path, shown: dict[str, str]) -> None:
    """Leave a picture of each panel in both themes, as `THEME/PANEL-STATE.png`; `shown` has the state of each."""
    with tempfile.TemporaryDirectory() as place:
        state = Path(place) / "lab"
        try:
            with lab_in_browser(Path(place), width=1180, height=1300) as page:
                page.start("all", *cells_of(state))
                page.page.keyboard.press("Control+b")  # the files are put away
                lab = Lab(state=state, mode="simulator")
                for name in [each for each in STATES if each in shown.values()]:
                    STATES[name](lab)
                    page.page.wait_for_timeout(2500)
                    for theme in ("dark", "light"):
                        page.dark(theme == "dark")
                        page.page.wait_for_timeout(500)
                        (target / theme).mkdir(parents=True, exist_ok=True)
                        for panel in [panel for panel, wanted in shown.items() if wanted == name]:
                            where = page.panel(HEADINGS[panel])
                            where.scroll_into_view_if_needed()
                            where.screenshot(path=str(target / theme / f"{panel}-{name}.png"))
                lab.close()
        finally:
            launcher.stop(configuration.load(state=state, environ={}))


if __name__ == "__main__":
    photograph(Path(sys.argv[1]), dict(pair.split("=") for pair in sys.argv[2:]))
