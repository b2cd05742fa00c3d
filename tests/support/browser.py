"""The browser that the suite drives, and how."""

from __future__ import annotations

import shutil

__all__ = ["BROWSER", "FLAGS", "REASON"]

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REASON = "there is no Chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
