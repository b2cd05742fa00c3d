"""A call by hand that fails in a notebook is one readable line, and shows no token."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

# A real IPython, as a kernel has it: what it would draw is printed.
RUN = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from nbhelpers.course.short_errors import show_short_errors
show_short_errors()
shell = InteractiveShell.instance(colors="NoColor")
shell.run_cell(sys.argv[1])
"""
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.c2lnbmF0dXJl"


SERVED = """
import http.server, threading
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
"""


def shown(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", RUN, f"import requests\n{code}"], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            'requests.get("http://127.0.0.1:9/", timeout=5)',
            "Nobody answers at this address. No answer from http://127.0.0.1:9",
        ),
        ('requests.get("127.0.0.1:9/v0.1")', "This is no address."),
        ('requests.get("https://127.0.0.1:9", timeout=5)', "No answer from https://127.0.0.1:9"),
        (f'requests.get("http://127.0.0.1:9", headers={{"Authorization": "Bearer {TOKEN}\\nx"}})', "Paste it again."),
        (f'{SERVED}requests.get(url, headers={{"Authorization": "Bearer {TOKEN}\\n"}})', "Paste it again."),
    ],
)
def test_a_failed_call_is_one_line_with_the_next_step(code: str, words: str) -> None:
    line = shown(code)
    assert words in line
    assert line.count("\n") == 0
    assert re.match(r"\w+: [A-Z].+\.$", line)
    assert "eyJ" not in line and "Traceback" not in line


def test_what_a_front_end_is_told_beside_the_line_holds_no_token_either() -> None:
    code = f"""
try:
    requests.get("http://127.0.0.1:9", headers={{"Authorization": "Bearer {TOKEN}\\nx"}})
except requests.RequestException as error:
    before, lines = str(error), error._render_traceback_()
    print("eyJ" in before, "eyJ" in str(error), "eyJ" in repr(error))
"""
    assert shown(code) == "True False False"


def test_other_errors_keep_their_traceback() -> None:
    assert "ZeroDivisionError" in shown("1 / 0") and "Traceback" in shown("1 / 0")
