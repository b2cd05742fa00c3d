"""The hop map: how each hop of a message's way stands, as text, as a panel and for a program."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from nbhelpers.course.look import dressed, marked
from nbhelpers.errors.in_shell import in_shell

__all__ = ["STATES", "Hop", "HopMap"]

#: state: its sign, which never stands without its word
STATES = {"well": "✓", "broken": "✗", "not yet": "…", "not verified": "?", "not needed": "–", "not looked at": "·"}
_COLOURS = {"well": "nbh-ok", "broken": "nbh-bad", "not yet": "nbh-warn", "not verified": "nbh-warn"}


@dataclass(frozen=True)
class Hop:
    """One hop: its name, how it stands (one of STATES), what was seen, and what to do when it does not stand well."""

    name: str
    state: str
    seen: str
    next: str = ""


@dataclass(frozen=True)
class HopMap:
    """All hops in the order of a message's way, the one at which it stops, if it does, and `beside` what else calls."""

    mode: str
    hops: tuple[Hop, ...]
    beside: tuple[str, ...] = ()

    @property
    def stop(self) -> Hop | None:
        """The first hop that is broken or not yet seen; None when the whole round was seen."""
        return next((hop for hop in self.hops if hop.state in ("broken", "not yet")), None)

    @property
    def verdict(self) -> str:
        """One sentence for all of it, and the next action."""
        if self.stop is None:
            return "The whole round was seen, from the message to the receipt of your answer."
        word = "It stops" if self.stop.state == "broken" else "So far all is well; not seen yet"
        return f"{word}: {self.stop.name}. {self.stop.seen} Next: {self.stop.next}"

    def in_shell(self) -> HopMap:
        """Return the same with commands for a shell where there are cells for a notebook."""
        hops = tuple(Hop(hop.name, hop.state, in_shell(hop.seen), in_shell(hop.next)) for hop in self.hops)
        return HopMap(self.mode, hops, tuple(map(in_shell, self.beside)))

    @property
    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        hops = [vars(hop) for hop in self.hops]
        return {"mode": self.mode, "hops": hops, "beside": list(self.beside), "verdict": self.verdict}

    def __repr__(self) -> str:
        lines = [f"{STATES[hop.state]} {hop.name:<22} {_line(hop)}".rstrip() for hop in self.hops]
        return "\n".join([self.mode.upper(), *lines, *(f"Beside it: {line}" for line in self.beside), self.verdict])

    def _repr_html_(self) -> str:
        return dressed(f"{self.note()}{self.listing()}")

    def note(self, looked: str = "") -> str:
        """Return the verdict as markup: where it stops in bold, what to do on a line of its own, when it `looked`."""
        stop, words = self.stop, marked(self.verdict)
        if stop is not None:
            head, name, rest = words.partition(f"{stop.name}.")
            told, _, following = rest.rpartition("Next:")
            words = f"<strong>{head}{name}</strong>{told}<br><strong>Next:</strong>{following}"
        kind = "nbh-ok" if stop is None else _COLOURS[stop.state]
        when = f' <span class="nbh-soft">{looked}</span>' if looked else ""
        return f'<p role="status" class="nbh-note {kind}">{words}{when}</p>'

    def listing(self) -> str:
        """Return the hops as markup, and what came beside them."""
        items = "".join(_item(hop, told=hop is self.stop, last=hop is self.hops[-1]) for hop in self.hops)
        beside = "".join(f'<p class="nbh-note">Beside it: {html.escape(line)}</p>' for line in self.beside)
        return f'<ol class="nbh-hops">{items}</ol>{beside}'


def _item(hop: Hop, told: bool, last: bool) -> str:
    """One hop as a line in three columns: sign, name, what was seen; `told` when the verdict above says it already.

    Those that were not looked at stand in one line; the eye reads the word after the last, the ear after each.
    """
    sign = f'<span class="nbh-sign" aria-hidden="true">{STATES[hop.state]}</span>'
    if hop.state == "not looked at":
        hidden = "" if last else ' class="nbh-heard"'
        return f'<li class="nbh-rest">{sign} {hop.name}<span{hidden}>: {hop.state}</span></li>'
    words = f"<strong>{hop.state}</strong>: see above" if told else html.escape(_line(hop))
    return f'<li class="{_COLOURS.get(hop.state, "")}">{sign}<strong>{hop.name}</strong><span>{words}</span></li>'


def _line(hop: Hop) -> str:
    return hop.seen if hop.state == "well" else f"{hop.state}. {hop.seen}".rstrip()
