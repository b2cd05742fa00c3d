"""People who write, by the scene: several at once, all kinds of messages, other scripts, fifty without a pause."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbhelpers.errors import KitError

__all__ = ["SCENES", "Line", "lines_of"]


@dataclass(frozen=True)
class Line:
    """What one person does: a message of a kind, with a text if it is one."""

    person: str
    kind: str
    text: str | None


_TABLE = tomllib.loads((Path(__file__).parent / "scenes.toml").read_text(encoding="utf-8"))
#: The scenes that several people can play: name, and what happens.
SCENES = {name: scene["says"] for name, scene in _TABLE.items()}


def lines_of(name: str) -> Iterator[Line]:
    """Yield what happens in a scene, in its order. Raises KitError for one that there is not."""
    if name not in _TABLE:
        raise KitError("There is no such scene.", f"You named “{name}”.", f"There are {', '.join(SCENES)}.")
    for line in _TABLE[name]["lines"]:
        times = line.get("times", 1)
        for number in range(1, times + 1):
            text = line.get("text")
            if text is not None:
                text = (text * line.get("repeat", 1)).replace("{n}", str(number)).replace("{times}", str(times)).strip()
            yield Line(line["person"], line.get("type", "text"), text)
