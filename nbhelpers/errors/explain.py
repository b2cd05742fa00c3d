"""Explains an error as it stands on the screen: each code in it, in every place where it stands for something."""

from __future__ import annotations

import difflib
import html
import re
from dataclasses import dataclass
from typing import Any

from nbhelpers.errors import Cure, KitError, cures
from nbhelpers.errors.families import family
from nbhelpers.errors.pasted import read_pasted, sentences, shown

__all__ = ["Explained", "Meaning", "explain"]

# Where a code can stand, in the order in which they are told.
_PLACES = {
    "refusal": "{code} in the answer to a call",
    "status": "{code} in a receipt",
    "http": "{code} as the status of an answer",
    "connection": "{code}: a call without an answer",
    "ngrok": "{code} from ngrok",
    "python": "{code} from Python",
    "kit": "{code} from the kit",
}
_EXAMPLES = (
    "Give what the error shows: the answer itself, its JSON, a sentence, its last line, 1340, #1120, ERR_NGROK_108."
)


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
    """What an error means: one of `meanings` for each code and place; `said` is what was given says of itself."""

    code: str
    meanings: tuple[Meaning, ...]
    said: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        told = [
            {"space": each.space, "code": each.code, **vars(each.cure), "simulator": each.shown}
            for each in self.meanings
        ]
        return {"code": self.code, "said": list(self.said), "meanings": told}

    def __repr__(self) -> str:
        told = [
            "\n".join([each.heading, *(f"    {label}: {words}" for label, words in each.parts.items())])
            for each in self.meanings
        ]
        return "\n\n".join([*self.said, *told])

    def _repr_html_(self) -> str:
        parts = [f'<p style="margin:0.2em 0">{_html(words)}</p>' for words in self.said]
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


def explain(given: Any) -> Explained:
    """Say what an error means, what to do, and how to meet it in the simulator.

    Takes what stands on the screen: 1340, "#1120", "low-balance", 401, "ERR_NGROK_108", the whole `type` of an error, a
    sentence such as "Invalid Token", pasted JSON, the last line of a traceback; and what stands in a variable: an
    answer of `requests`, an exception, an event of the inbox. Of a code without a cure it says of what family it is.
    Raises KitError, with what is nearest, when there is nothing in it that the kit knows.
    """
    code, meanings = _asked(given)
    said: tuple[str, ...] = ()
    if code not in {each.code for each in meanings}:  # Unauthorized may be the fragment, and the words of a 401
        pasted = read_pasted(given)
        found = [each for pair in pasted.codes if (each := _meaning(*pair)) and each not in meanings]
        meanings, said = (*meanings, *found), pasted.said
        code = ", ".join(dict.fromkeys(each.code for each in meanings)) or "this"
    if not meanings and not said:
        raise _unknown(given)
    return Explained(code, meanings, said)


def _asked(given: Any) -> tuple[str, tuple[Meaning, ...]]:
    # A code that was given alone: in every place where it stands for something.
    wanted = str(given).strip().strip("`'\"“”.,;:").strip() if isinstance(given, str | int) else ""
    if "#" not in wanted:
        return wanted, _meanings(wanted, tuple(_PLACES))
    wanted = wanted.rpartition("#")[2]
    return wanted, _meanings(wanted, ("refusal",)) or _meanings(wanted, tuple(_PLACES))


def _meanings(wanted: str, spaces: tuple[str, ...]) -> tuple[Meaning, ...]:
    known = cures()
    return tuple(
        Meaning(space, name, known[space][name])
        for space in spaces
        for name in _alike(wanted, list(known.get(space, ())))
    )


def _meaning(space: str, code: str) -> Meaning | None:
    cure = cures().get(space, {}).get(code) or family(space, code)
    return Meaning(space, code, cure) if cure else None


def _unknown(given: Any) -> KitError:
    text = shown(given, 80)
    seen = f"You gave “{text}”" if text else "You gave nothing that can be read"
    names = [code for known in cures().values() for code in known]
    names += [each for known in sentences().values() for texts in known.values() for each in texts]
    near = difflib.get_close_matches(text.casefold(), {name.casefold(): name for name in names}, n=2, cutoff=0.7)
    if near and text:
        seen += f"; nearest to it is {' or '.join(f'“{name}”' for name in near)}"
    elif text.isdecimal():
        seen += ": a status has three digits, a code of a receipt or a refusal three or four"
    following = f"{_EXAMPLES} Without one, `lab.doctor()` looks for the fault by itself."
    return KitError("There is no code and no sentence in this that the kit knows.", f"{seen}.", following)


def _alike(wanted: str, names: list[str]) -> list[str]:
    # forbidden and Forbidden are two: what is written exactly so comes alone.
    return [wanted] if wanted in names else [name for name in names if name.casefold() == wanted.casefold()]


def _html(words: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))
