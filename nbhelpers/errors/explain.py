"""Explains a code: a number, word or address of an error, in every place where it stands for something."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from nbhelpers.errors import Cure, KitError, cures

__all__ = ["Explained", "Meaning", "explain"]

# Where a code can stand, in the order in which they are told.
_PLACES = {
    "refusal": "{code} in the answer to a call",
    "status": "{code} in a receipt",
    "http": "{code} as the status of an answer",
    "connection": "{code}: a call without an answer",
    "ngrok": "{code} from ngrok",
}
_NGROK = re.compile(r"err_ngrok_(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Meaning:
    """What a code means in one place (`space`), with its `cure`."""

    space: str
    code: str
    cure: Cure

    @property
    def heading(self) -> str:
        """The code and where it stands."""
        return _PLACES[self.space].format(code=self.code)

    @property
    def shown(self) -> str:
        """How to meet it in the simulator, as a sentence."""
        kind, _, rest = self.cure.fault.partition(":")
        if kind == "lesson":
            return f'Run `lab.simulator.fault("{rest}")`, or `nbhelpers fault {rest}` in a shell, then send.'
        if kind == "refuse":
            return f'Run `lab.simulator.refuse_next("{rest}")`, then send.'
        return rest if kind == "do" else "It cannot be shown there."

    @property
    def parts(self) -> dict[str, str]:
        """What is told, by its label."""
        cure = self.cure
        return {"What happened": cure.what, "Seen": cure.seen, "Next": cure.next, "In the simulator": self.shown}


@dataclass(frozen=True)
class Explained:
    """What a code means: one of `meanings` for each place where it stands for something."""

    code: str
    meanings: tuple[Meaning, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        told = [
            {"space": each.space, "code": each.code, **vars(each.cure), "simulator": each.shown}
            for each in self.meanings
        ]
        return {"code": self.code, "meanings": told}

    def __repr__(self) -> str:
        return "\n\n".join(
            "\n".join([each.heading, *(f"    {label}: {words}" for label, words in each.parts.items())])
            for each in self.meanings
        )

    def _repr_html_(self) -> str:
        parts = []
        for each in self.meanings:
            told = "".join(
                f'<p style="margin:0.2em 0"><strong>{label}:</strong> {_html(words)}</p>'
                for label, words in each.parts.items()
            )
            # A role and no h4: the notebook's table of contents lists headings of outputs too.
            parts.append(
                '<div style="border-left:0.3em solid currentColor;padding:0.3em 0.8em;margin:0.6em 0">'
                f'<p role="heading" aria-level="4" style="margin:0.2em 0"><strong>{html.escape(each.heading)}</strong>'
                f"</p>{told}</div>"
            )
        return f'<section aria-label="What {html.escape(self.code)} means">{"".join(parts)}</section>'


def explain(code: str | int) -> Explained:
    """Say what a code means, what to do, and how to meet it in the simulator.

    Takes what stands on the screen: 1340, "#1120", "low-balance", the whole `type` of an error, 401,
    "ERR_NGROK_108", or a word of the kit such as "tls-name". Raises KitError for a code that is not known.
    """
    given = str(code).strip().strip("`'\"“”.,;:").strip()
    wanted, spaces = given, tuple(_PLACES)
    if (found := _NGROK.search(given)) is not None:
        wanted, spaces = found[1], ("ngrok",)
    elif "#" in given:
        wanted, spaces = given.rpartition("#")[2], ("refusal",)
    meanings = _meanings(wanted, spaces)
    if not meanings and "#" in given:  # a number with a # before it that is no fragment
        meanings = _meanings(wanted, tuple(_PLACES))
    if not meanings:
        raise KitError(
            "The kit does not know this code.",
            f"You gave “{given[:80]}”." if given.isprintable() and given else "You gave nothing that can be read.",
            "Give what the error shows, such as 1340, #1120, low-balance, 401 or ERR_NGROK_108.",
        )
    return Explained(wanted, meanings)


def _meanings(wanted: str, spaces: tuple[str, ...]) -> tuple[Meaning, ...]:
    known = cures()
    return tuple(
        Meaning(space, name, known[space][name]) for space in spaces for name in _alike(wanted, list(known[space]))
    )


def _alike(wanted: str, names: list[str]) -> list[str]:
    # forbidden and Forbidden are two: what is written exactly so comes alone.
    return [wanted] if wanted in names else [name for name in names if name.casefold() == wanted.casefold()]


def _html(words: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))
