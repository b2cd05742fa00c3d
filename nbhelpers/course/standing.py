"""How the steps stand for a program: which are done, which were filled in, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["KEYS", "reached", "standing"]

#: The seven steps, in their order.
KEYS = ("page", "application", "jwt", "link", "webhooks", "receive", "reply")


def reached(facts: Mapping[str, Any], good: Mapping[str, bool]) -> dict[str, str]:
    """Return the fact `reached`, brought up to date: when each step that stands well was first seen to.

    `good` says of some of the steps how they stand now; of the others nothing changes.
    """
    known: dict[str, str] = facts.get("reached") or {}
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    kept = {key: at for key, at in known.items() if good.get(key, True)}
    return kept | {key: known.get(key, now) for key, well in good.items() if well}


def standing(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the seven steps by what the lab has noted: state (`done`, `filled in`, `open`) and, if reached, `since`.

    `step` is the first that is open, None when all are there; `since` when the last was reached. `exercises` has the
    numbers of those that were solved. It asks nobody, and has no message, PSID or token in it.
    """
    known, filled = facts.get("reached") or {}, facts.get("filled") or {}
    steps = []
    for number, key in enumerate(KEYS, 1):
        state = "open" if key not in known else "filled in" if key in filled else "done"
        steps.append({"number": number, "key": key, "state": state, "since": known.get(key)})
    first = next((step["number"] for step in steps if step["state"] == "open"), None)
    return {
        "steps": steps,
        "step": first,
        "since": max(known.values(), default=None),
        "exercises": sorted(facts.get("exercises") or ()),
    }
