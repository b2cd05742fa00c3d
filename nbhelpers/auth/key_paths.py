"""Finds the file that a path means, in whatever dress it was pasted, and says what was taken off."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote

__all__ = ["MeantPath", "meant_path"]

# Blanks, and the marks that nobody sees: Windows puts U+202A before a path that is copied out of its properties.
_BLANKS = " \t\r\n\f\v\u00a0\ufeff\u200b\u200e\u200f\u202a\u202c"
_QUOTES = "'\"`“”‘’«»"
_VARIABLE = re.compile(r"\$env:(\w+)|\$\{(\w+)\}|\$(\w+)|%(\w+)%", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([ ()\[\]&'\"])")  # on Windows no other character stands behind a backslash by mistake


@dataclass(frozen=True)
class MeantPath:
    """The path that is meant, there or not; `repairs` says what was mended, `unset` which variables have no value.

    `shown` is fit for a screen: as it was written where a variable was put in, whose value may be a secret.
    """

    path: str
    shown: str
    repairs: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()


def meant_path(given: str) -> MeantPath:
    """Return the path that `given` means, which is not there as it stands.

    Taken off: blanks and line ends around it, quotes, `file://`, a backslash before a blank. Put in: the home folder
    for `~`, and what the environment holds for `$NAME`, `${NAME}`, `$env:NAME` and `%NAME%`. What is there at any
    point on this way is taken as it stands then.
    """
    path, shown, repairs = given, given, []
    for mend in (_without_blanks, _without_quotes, _without_scheme, _with_values, _with_home, _without_escapes):
        mended, repair = mend(path)
        if mended == path:
            continue
        path, shown = mended, shown if _VARIABLE.search(shown) else mended
        repairs.append(repair)
        if os.path.exists(path):  # noqa: PTH110 - pathlib's raises for a name that no system takes
            break
    names = [_name(found) for found in _VARIABLE.finditer(path)]
    return MeantPath(path, shown, tuple(repairs), tuple(name for name in names if name not in os.environ))


def _without_blanks(path: str) -> tuple[str, str]:
    bare = path.strip(_BLANKS)
    return bare, "blanks or a line end around the path were left out" if bare != path else ""


def _without_quotes(path: str) -> tuple[str, str]:
    bare = path.removeprefix("b") if path[1:2] in tuple(_QUOTES) else path
    bare = bare.strip(_QUOTES + _BLANKS)
    return bare, "quotes around the path were left out" if bare != path else ""


def _without_scheme(path: str) -> tuple[str, str]:
    if not path.lower().startswith("file:"):
        return path, ""
    bare = re.sub(r"^//(localhost(?=/))?", "", unquote(path[len("file:") :]))
    bare = bare[1:] if re.match(r"/[A-Za-z]:[\\/]|/~", bare) else bare  # /C:/… and /~/…
    return bare, "file:// was left out of the path"


def _with_values(path: str) -> tuple[str, str]:
    put: list[str] = []

    def value(found: re.Match[str]) -> str:
        known = os.environ.get(_name(found))
        if known is None:
            return found[0]
        put.append(found[0])
        return known

    return _VARIABLE.sub(value, path), _values_of(put) if put else ""


def _values_of(names: list[str]) -> str:
    return f"{names[0]} got its value" if len(names) == 1 else f"{' and '.join(names)} got their values"


def _with_home(path: str) -> tuple[str, str]:
    try:
        home = os.path.expanduser(path)  # noqa: PTH111 - pathlib's raises for an unknown user
    except ValueError:  # a character that stands in no user's name
        return path, ""
    return home, "~ was read as the home folder" if home != path else ""


def _without_escapes(path: str) -> tuple[str, str]:
    bare = _ESCAPED.sub(r"\1", path)
    return bare, "backslashes before blanks were left out of the path" if bare != path else ""


def _name(found: re.Match[str]) -> str:
    return next(name for name in found.groups() if name)
