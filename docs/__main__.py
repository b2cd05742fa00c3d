"""Builds the book into build/book: runs the notebooks, has pictures taken, lets Sphinx read everything, checks it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat

from docs.links import broken_links, from_a_network
from docs.mended import mend
from docs.notebooks import as_page, run_all
from docs.pages import stage
from docs.pictures import taking_pictures

ROOT = Path(__file__).resolve().parents[1]
SOURCE, BOOK = ROOT / "build" / "book-source", ROOT / "build" / "book"


def main() -> int:
    """Build, and return the exit code."""
    parser = argparse.ArgumentParser(prog="start.py book", description=(__doc__ or "").strip())
    parser.parse_args()
    begun = time.monotonic()
    for folder in (SOURCE, f"{SOURCE}-read", BOOK):
        shutil.rmtree(folder, ignore_errors=True)
    with taking_pictures(ROOT) as pictures:  # by a process of its own, while the notebooks run
        stage(ROOT, SOURCE)
        walked = []
        for path, notebook, seconds in run_all(ROOT / "notebooks"):
            print(f"{path.stem}: {seconds:.1f} s", flush=True)
            walked.append((path, notebook))
    print(pictures.words, flush=True)
    pictures.copy_to(SOURCE / "pictures")
    for path, notebook in walked:
        nbformat.write(as_page(notebook, pictures), SOURCE / "notebooks" / path.name)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "2"]
    folders = ["-c", ROOT / "docs", "-d", f"{SOURCE}-read", SOURCE, BOOK]
    done = subprocess.run([*command, *folders], cwd=ROOT, check=False)
    if done.returncode:
        return done.returncode
    mend(BOOK)
    found = [*broken_links(BOOK), *from_a_network(BOOK)]
    print(*found, sep="\n", end="\n" if found else "")
    size = sum(path.stat().st_size for path in BOOK.rglob("*") if path.is_file())
    pages = len(list(BOOK.rglob("*.html")))
    print(f"{BOOK / 'index.html'}: {pages} pages, {size / 1e6:.1f} MB, in {time.monotonic() - begun:.0f} s.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
