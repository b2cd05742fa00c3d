"""A round as a sequence diagram: lifelines and arrows, as text and as Mermaid."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbhelpers.inbox.events import one_line

__all__ = ["Arrow", "Exchanged", "Round"]

_WIDTH = 17  # characters from one lifeline to the next, in text
_LONGEST = 70  # characters of a label in text


@dataclass(frozen=True)
class Exchanged:
    """The request behind an arrow, and its answer; what lets one in is masked in it.

    `shape` names the shape of the body in words, `verdict` how a signature was judged, `curl` makes the call again.
    """

    line: str
    headers: tuple[tuple[str, str], ...]
    body: str
    shape: str
    answer: str
    verdict: str
    curl: str


@dataclass(frozen=True)
class Arrow:
    """One hop: from one lifeline to another, at a moment (Unix seconds), with what it was and what came of it.

    `state` is `ok`, `refused` or `waiting`; `why` says what went wrong and what to do. What the kit did not see itself
    has `seen` False: it is inferred. `took` is in milliseconds. `look()` gives the request behind it and its answer:
    only when somebody asks, since they are many and few are opened.
    """

    key: str
    at: float
    source: str
    target: str
    label: str
    result: str = ""
    took: float | None = None
    state: str = "ok"
    seen: bool = True
    why: str = ""
    look: Callable[[], Exchanged] | None = None

    @property
    def exchanged(self) -> Exchanged | None:
        """The request behind the arrow and its answer, None where there is none."""
        return self.look() if self.look is not None else None

    @property
    def words(self) -> str:
        """The label with the answer and the milliseconds."""
        parts = [self.label, f"→ {self.result}" if self.result else "", f"· {_ms(self.took)}" if self.took else ""]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Round:
    """The way of one message, or of all lately: `lifelines` are names by their keys, in their order."""

    lifelines: dict[str, str]
    arrows: tuple[Arrow, ...]
    summary: str

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain values, for a page or a program."""
        arrows = [
            {name: getattr(arrow, name) for name in ("key", "at", "source", "target", "words", "state", "seen", "why")}
            | {"told": self.told(arrow)}
            for arrow in self.arrows
        ]
        return {"lifelines": [list(each) for each in self.lifelines.items()], "arrows": arrows}

    def opened(self, key: str) -> dict[str, Any] | None:
        """Return the request behind an arrow and its answer as plain values, None where there is none."""
        arrow = next((each for each in self.arrows if each.key == key), None)
        exchanged = arrow.exchanged if arrow else None
        return vars(exchanged) if exchanged else None

    def told(self, arrow: Arrow) -> str:
        """Say one arrow as a sentence."""
        ends = f"{self.lifelines[arrow.source]} to {self.lifelines[arrow.target]}"
        marks = {"refused": "Refused. ", "waiting": "Waiting. "}.get(arrow.state, "")
        return f"{ends}: {arrow.words}.{'' if arrow.seen else ' Inferred, not seen.'} {marks}{arrow.why}".strip()

    def mermaid(self) -> str:
        """Write it as a Mermaid sequence diagram: what was inferred has dashed arrows, what was refused a cross."""
        lines = ["sequenceDiagram"]
        lines += [f"  participant {key} as {_mermaid(name)}" for key, name in self.lifelines.items()]
        for arrow in self.arrows:
            line = "--" if not arrow.seen else "-"
            head = "x" if arrow.state == "refused" else ")" if arrow.state == "waiting" else ">>"
            lines.append(f"  {arrow.source}{line}{head}{arrow.target}: {_mermaid(arrow.words)}")
            if arrow.why:
                lines.append(f"  Note over {arrow.target}: {_mermaid(arrow.why)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        keys = list(self.lifelines)
        at = {key: 8 + number * _WIDTH for number, key in enumerate(keys)}
        bars = [" "] * (at[keys[-1]] + 1)
        for column in at.values():
            bars[column] = "|"
        head = [" "] * (at[keys[-1]] + 16)
        for key, column in at.items():
            name = one_line(self.lifelines[key], _WIDTH - 1)
            head[column - len(name) // 2 : column - len(name) // 2 + len(name)] = name
        lines = ["".join(head).rstrip(), "".join(bars)]
        for arrow in self.arrows:
            left, right = sorted((at[arrow.source], at[arrow.target]))
            lines.append(_over(bars, left + 2, one_line(arrow.words, _LONGEST)))
            dash = "-" if arrow.seen else "."
            shaft = dash * (right - left - 1)
            head_sign = "x" if arrow.state == "refused" else "?" if arrow.state == "waiting" else None
            rightward = at[arrow.target] == right
            shaft = shaft[:-1] + (head_sign or ">") if rightward else (head_sign or "<") + shaft[1:]
            lines.append(_over(bars, left + 1, shaft))
            if arrow.why:
                lines += [_over(bars, left + 2, part) for part in _wrapped(arrow.why)]
        notes = [self.summary]
        if any(not arrow.seen for arrow in self.arrows):
            notes.append("Dotted: inferred. The kit did not see that hop.")
        return "\n".join([*lines, "".join(bars), *notes])


def _over(bars: list[str], start: int, text: str) -> str:
    row = bars + [" "] * max(0, start + len(text) + 1 - len(bars))
    row[start : start + len(text)] = list(text)
    return "".join(row).rstrip()


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for word in one_line(text, 300).split():
        if line and len(line) + len(word) >= _LONGEST:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, line]


def _mermaid(text: str) -> str:
    # These end a statement or begin an entity or a comment there; one_line has taken line ends out.
    safe = {"#": "#35;", ";": "#59;", "%": "#37;", "<": "#lt;", ">": "#gt;", "{": "#123;", "}": "#125;", "`": "#96;"}
    shown = "".join(safe.get(character, character) for character in one_line(text, 160))
    return re.sub(r"\bend\b", "e#110;d", shown)  # a word of its language


def _ms(took: float | None) -> str:
    if took is None:
        return ""
    return f"{took / 1000:.1f} s" if took >= 1000 else f"{took:.0f} ms" if took >= 1 else "under 1 ms"
