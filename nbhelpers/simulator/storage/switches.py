"""The table of switches: what nobody outside knows, or sources disagree about, with the likelier answer as default.

It is read from `switches.toml`; the simulator's README has the same, which a test holds. A switch says what the
simulator answers, never for which year or client.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbhelpers.errors import KitError

__all__ = ["DEFAULTS", "SWITCHES", "Switch", "check"]


@dataclass(frozen=True)
class Switch:
    """One open question. `choices[0]` is the default; one in `<…>` stands for any value of that form.

    `sure` is documented (sources disagree), seen, inferred or unknown.
    """

    name: str
    says: str
    choices: tuple[str, ...]
    source: str
    sure: str


def _read() -> dict[str, Switch]:
    table = tomllib.loads((Path(__file__).parent / "switches.toml").read_text(encoding="utf-8"))
    return {
        name: Switch(name, entry["says"], tuple(entry["choices"]), entry["source"], entry["sure"])
        for name, entry in table.items()
    }


#: The switches by name, as `switches.toml` has them.
SWITCHES = _read()
#: What each switch says unless it was set: the likelier choice.
DEFAULTS = {name: switch.choices[0] for name, switch in SWITCHES.items()}


def check(values: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of some switches. Raises KitError for a name or a choice that there is not."""
    for name, value in values.items():
        if name not in SWITCHES:
            raise KitError("There is no such switch.", f"You named {name}.", f"There are {', '.join(SWITCHES)}.")
        choices = SWITCHES[name].choices
        if value not in choices and not ("<YYYY-MM-DD>" in choices and _is_day(value)):
            raise KitError(f"{name} cannot be that.", f"You gave “{value}”.", f"Use {' or '.join(choices)}.")
    return dict(values)


def _is_day(value: str) -> bool:
    try:
        return datetime.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
