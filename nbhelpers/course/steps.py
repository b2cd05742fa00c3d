"""The table of the seven steps, and what reads it: need, check, progress, catch_up."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbhelpers.course import autofill, checks
from nbhelpers.course.context import CourseContext
from nbhelpers.course.look import dressed
from nbhelpers.course.outcome import Outcome
from nbhelpers.course.standing import reached
from nbhelpers.course.webhook_form import fit_shape, taken_from
from nbhelpers.errors import KitError, SettingsError

__all__ = [
    "STEPS",
    "FormOnly",
    "Needed",
    "Progress",
    "Step",
    "catch_up",
    "check",
    "glance",
    "need",
    "progress",
    "step_of",
]


@dataclass(frozen=True)
class Step:
    """One of the seven steps.

    `look` says how it stands, `make` fills it in for real and returns the value that tells the filled-in one from the
    learner's own. `form` marks a step that is a form on a screen in the other modes. `exercises` is how many it has.
    """

    number: int
    key: str
    title: str
    notebook: str
    look: Callable[..., Outcome]
    make: Callable[[CourseContext], str]
    form: bool
    exercises: int = 2


#: The seven steps, in their order, with notebook and number of exercises.
STEPS = (
    Step(1, "page", "Page", "01_facebook_page", checks.page, autofill.page, True),
    Step(2, "application", "application", "02_application", checks.application, autofill.application, True),
    Step(3, "jwt", "JWT", "03_jwt", checks.jwt, autofill.jwt, False),
    Step(4, "link", "link", "04_link_page", checks.link, autofill.link, True),
    Step(5, "webhooks", "webhooks", "05_webhooks", checks.webhooks, autofill.webhooks, True),
    Step(6, "receive", "receive", "06_receive", checks.receive, autofill.receive, False),
    Step(7, "reply", "reply", "07_reply", checks.reply, autofill.reply, False, 3),
)


_IN_HAND = ("jwt", "receive")  # the steps whose check takes a value that the learner has in hand
_LONGEST_KEY = 40  # characters that are shown of what was given for a key: it may be a token, by mistake


class FormOnly(KitError):  # noqa: N818 - nothing went wrong: the notebook ends here in this mode
    """This step is a form in sandbox and live mode, and the notebook stops at it."""


# What is shown of a state: its class, and the sign in the circle where that is not the step's number.
_SHAPES = {"done": ("nbh-done", "✓"), "filled in": ("nbh-filled", ""), "open": ("", "")}


@dataclass(frozen=True)
class Progress:
    """How the seven steps stand: for each a Step and `done`, `filled in` or `open`. `bold` is the step one is at.

    `exercises` are the numbers of those that are done.
    """

    states: tuple[tuple[Step, str], ...]
    mode: str
    bold: int | None = None
    exercises: tuple[str, ...] = ()

    @property
    def counted(self) -> str:
        """How many exercises are done, and of how many."""
        return f"exercises: {len(self.exercises)} of {sum(step.exercises for step, _ in self.states)}"

    def __repr__(self) -> str:
        lines = [f"{self.mode.upper()}"]
        for step, state in self.states:
            here = "  <- you are here" if step.number == self.bold else ""
            lines.append(f"{step.number} {step.title:<12} {state:<10} {step.notebook}.ipynb{here}")
        lines.append(self.counted)
        return "\n".join(lines)

    def line(self) -> str:
        """One line of text: every step with its state."""
        words = [*(f"{step.number} {step.title}: {state}" for step, state in self.states), self.counted]
        return f"{self.mode.upper()} | " + " | ".join(words)

    def _repr_html_(self) -> str:
        return dressed(self.strip())

    def strip(self, words: str = "") -> str:
        """Return the seven steps as markup, with the mode and a sentence below."""
        cells = []
        for step, state in self.states:
            here = step.number == self.bold
            kind, sign = _SHAPES[state]
            told = state if not here else "you are here" if state == "open" else f"{state}, you are here"
            current = ' aria-current="step"' if here else ""
            cells.append(
                f'<li class="{kind}"{current}><a href="{step.notebook}.ipynb">'
                f'<i aria-hidden="true">{sign or step.number}</i><span><b>{step.number} {step.title}</b></span></a>'
                f"<span><small>{told}</small></span></li>"
            )
        mode = f'<span class="nbh-badge">{html.escape(self.mode.upper())}</span>'
        return (
            f'<div class="nbh-strip"><nav aria-label="Progress"><ol class="nbh-steps">{"".join(cells)}</ol></nav>'
            f"<p>{mode}<span>{html.escape(words)}</span><small>{self.counted}</small></p></div>"
        )


@dataclass(frozen=True)
class Needed:
    """What `need` says: the progress strip and one sentence."""

    progress: Progress
    words: str

    def __repr__(self) -> str:
        return f"{self.progress.line()}\n{self.words}"

    def _repr_html_(self) -> str:
        return dressed(self.progress.strip(self.words))


def step_of(key: str | int) -> Step:
    """Return a step by its key or number. Raises SettingsError that names the seven keys."""
    for step in STEPS:
        if key in (step.key, step.number, str(step.number)):
            return step
    keys = ", ".join(step.key for step in STEPS)
    given = repr(key) if len(repr(key)) <= _LONGEST_KEY else f"something of type {type(key).__name__}"
    raise SettingsError("There is no such step.", f"You gave {given}.", f"Use {keys}, or a number from 1 to 7.")


def check(course: CourseContext, key: str | int, *given: Any) -> Outcome:
    """Say how a step stands. `jwt` takes the token, `receive` the PSID, as the learner has it in hand.

    A check with a value in hand that comes out well is the learner's own doing: the step is no longer filled in.
    """
    step = step_of(key)
    given = given[:1] if step.key in _IN_HAND else ()
    outcome = step.look(course, *given)
    if outcome.kind == "done" and any(value is not None for value in given):
        course.did(step.key)
        if step.key == "jwt":
            course.inbox.note(jwt=True)
    if outcome.good:  # a wrong value in hand says nothing of the step
        _note_reached(course, {step.key: True})
    return _as_filled(course, step, outcome)


def progress(course: CourseContext, at: str | int | None = None) -> Progress:
    """Say how all seven stand: done, filled in or open."""
    filled = course.filled()
    states = []
    for step in STEPS:
        outcome = _as_filled(course, step, glance(course, step), filled)
        states.append((step, outcome.kind if outcome.good else "open"))
    _note_reached(course, {step.key: state != "open" for step, state in states})
    number = step_of(at).number if at is not None else None
    return Progress(tuple(states), course.settings.mode, number, tuple(course.facts.get("exercises", ())))


def need(course: CourseContext, key: str | int | None = None) -> Needed:
    """Bring every step up to and including this one about, and say what was done for it. Without a key, none.

    In simulator mode what is missing is done for real, with sample values. In the other modes nothing is made: a
    notebook whose step is a form on a screen stops here with FormOnly, one sentence and no traceback.
    """
    last = 0 if key is None else step_of(key).number
    following = STEPS[last] if last < len(STEPS) else None
    if not course.simulated:
        return _need_for_real(course, following)
    made, told = _fill(course, last)
    words = []
    if made:
        numbers = f"Step {made[0]} is" if len(made) == 1 else f"Steps {_listed(made)} are"
        them = ("it was", "it") if len(made) == 1 else ("they were", "them")
        first = step_of(made[0]).notebook[:2]
        words.append(f"{numbers} filled in with sample values, because {them[0]} not done yet.")
        words.append(f"To do {them[1]} yourself, open {first}.")
    else:
        words.append(_ready(last))
    return Needed(progress(course, _at(last)), " ".join([*words, *told]))


def _at(last: int) -> int | None:
    """Return the step that follows on the last one needed, None in a notebook that is not this step's."""
    if last == len(STEPS):
        return None
    # Set by Jupyter's server for its kernels; elsewhere nobody can tell, and the step is taken to be the notebook's.
    notebook = Path(os.environ.get("JPY_SESSION_NAME", "")).name
    return STEPS[last].number if not notebook or notebook.startswith(STEPS[last].notebook) else None


def _ready(last: int) -> str:
    if last == len(STEPS):
        return "All seven steps are there."
    if _at(last) or last == 0:
        return f"Ready for step {last + 1}."
    return "Step 1 is there." if last == 1 else f"Steps 1 to {last} are there."


def catch_up(course: CourseContext, key: str | int) -> Needed:
    """Bring every step up to and including this one about, and say where to go on."""
    step = step_of(key)
    needed = need(course, step.key)
    following = STEPS[step.number].notebook if step.number < len(STEPS) else None
    more = f" Go on with {following}.ipynb." if following else ""
    return Needed(needed.progress, needed.words + more)


def _need_for_real(course: CourseContext, following: Step | None) -> Needed:
    if following is not None and following.key in ("page", "link") and course.settings.mode == "sandbox":
        raise FormOnly(
            "In sandbox mode this step is not needed.",
            f"The sandbox's own Page, {course.page_id}, stands in for yours.",
            "`09_go_live` says what to do instead: your phone must be on its allow-list.",
        )
    if following is not None and following.form:
        raise FormOnly(
            f"In {course.settings.mode} mode this step is a form that only you can fill in.",
            next="`09_go_live` walks you through it and runs the check.",
        )
    identity = course.identity()  # says in one sentence what is not configured
    if following is not None and following.key == "jwt":
        identity.token()  # in the sandbox there may be no application to make one for
    last = following.number - 1 if following else len(STEPS)
    words = _ready(last) if _at(last) else "Ready."  # what is on the dashboard, nobody has seen
    if following is not None and following.key in ("receive", "reply"):
        facts = course.tunnel() or {}
        words += f" Your receiver is public at {facts['public_url']}: `lab.tunnel` shows it and closes it."
    return Needed(progress(course, _at(last)), words)


def _note_reached(course: CourseContext, good: dict[str, bool]) -> None:
    facts = course.facts
    now = reached(facts, good)
    if now != (facts.get("reached") or {}):
        course.inbox.note(reached=now)


def _listed(numbers: list[int]) -> str:
    """“1 to 4” when none is left out, else “1, 3 and 4”."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return f"{', '.join(str(number) for number in numbers[:-1])} and {numbers[-1]}"


def _fill(course: CourseContext, last: int) -> tuple[list[int], list[str]]:
    """Make what is missing; return the numbers of the steps that were, and what is to be said beside."""
    made: list[int] = []
    told: list[str] = []
    if last >= 5 and course.facts.get("receiver"):
        course.receiver()  # opened once, it is opened again
    for step in STEPS[:last]:
        good, words = glance(course, step).good, ""
        if step.key == "webhooks":
            words = fit_shape(course) if good else taken_from(course)
        if words:
            told.append(words)
        if not good:
            course.fill(step.key, step.make(course))
            made += [] if words else [step.number]
    return made, told


def glance(course: CourseContext, step: Step) -> Outcome:
    """Say how a step stands without a call to the receiver: looking must not be seen in “Last call”."""
    return checks.webhooks(course, call=False) if step.look is checks.webhooks else step.look(course)


def _sample(course: CourseContext, key: str) -> str:
    newest = course.inbox.newest_message() if key == "receive" else None
    return {
        "page": f"the Page “{course.facts.get('page_name')}”",
        "application": f"application …{str(course.application_id)[-4:]} and its private.key",
        "jwt": "a token that the service has believed",
        "link": f"Page ID {course.page_id}",
        "webhooks": "both addresses, with POST",
        "receive": f"a message from PSID {newest.psid if newest else None}",
        "reply": "an answer that was read",
    }[key]


def _as_filled(course: CourseContext, step: Step, outcome: Outcome, filled: dict[str, str] | None = None) -> Outcome:
    if outcome.kind != "done":  # looked at first: an inbox that cannot be read has no facts either
        return outcome
    value = (course.filled() if filled is None else filled).get(step.key)
    if value is None:
        return outcome
    if step.key == "reply":
        events = course.inbox.last_answer()
        if events and events[0].message_uuid != value:
            return outcome  # the learner has answered since
    words = f"with sample values: {_sample(course, step.key)}. To do it yourself, open {step.notebook[:2]}."
    return Outcome("filled in", words)
