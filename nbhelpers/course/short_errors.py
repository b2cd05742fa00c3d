"""Shows the error of a call made by hand as one readable line in a notebook, without the token in it."""

from __future__ import annotations

import re
import sys
from typing import Any
from urllib.parse import urlsplit

import requests

from nbhelpers.errors.connection import no_answer
from nbhelpers.inbox.events import one_line

__all__ = ["show_short_errors"]

_TOKEN = re.compile(r"eyJ[\w-]*(?:\.[\w-]*){0,2}")


_NO_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)
_NO_HEADER = "The header cannot be sent: it holds a line end or a character that no header may have. Paste it again."


def show_short_errors() -> None:
    """Let a failed call of `requests` show as one line in IPython from now on; elsewhere nothing changes."""
    # IPython asks an exception for this method before it draws a traceback, and nobody else does.
    setattr(requests.RequestException, "_render_traceback_", _one_line)  # noqa: B010 - a name that requests does not know
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.set_custom_exc((ValueError,), _value_error)


def _value_error(
    shell: Any, kind: type[ValueError], error: ValueError, trace: Any, tb_offset: int | None = None
) -> Any:
    # A token with a line end at its end passes requests, and is quoted in full by http.client below it.
    if "Invalid header value" not in str(error):
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        return None
    error.args = ("Invalid header value",)
    lines = [f"ValueError: {_NO_HEADER}"]
    shell._showtraceback(kind, error, lines)
    return lines


def _one_line(error: requests.RequestException) -> list[str]:
    # An invalid header is quoted in the error, token and all; the front end is sent str(error) too.
    error.args = tuple(
        _TOKEN.sub("••••", argument) if isinstance(argument, str) else argument for argument in error.args
    )
    if isinstance(error, requests.exceptions.InvalidHeader):
        return [f"{type(error).__name__}: {_NO_HEADER}"]
    if isinstance(error, _NO_ADDRESS):
        words = f"This is no address. {one_line(str(error), 200)} Compare it with `lab.settings.host`."
        return [f"{type(error).__name__}: {words}"]
    if isinstance(error, requests.HTTPError):  # raise_for_status: the service did answer
        return [f"{type(error).__name__}: {one_line(str(error), 300)}. Read `answer.json()`: it says why."]
    asked = urlsplit(error.request.url) if error.request is not None and error.request.url else None
    host = f"{asked.scheme}://{asked.netloc}" if asked else "the service"
    return [f"{type(error).__name__}: {no_answer(error, host)}"]
