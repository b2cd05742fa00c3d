"""Says with commands of a shell what a message says with cells of a notebook: one table for every next action."""

from __future__ import annotations

import re

__all__ = ["in_shell"]

# Where a message names both, the half for a notebook goes.
_BOTH = (
    (r"`lab[^`]*`,? or (`nbhelpers [^`]*`)( in a shell)?", r"\1"),
    (r"(`nbhelpers [^`]*`),? or `lab[^`]*`( in a cell| in a notebook)?", r"\1"),
    (r"; `lab = Lab\(\)` starts it again", "; `nbhelpers simulator` starts it again"),
    (r", `lab\.[^`]*` in a notebook", ""),
)

# What only a cell says: first whole sentences, then single cells.
_SENTENCES = (
    (
        "Run `lab.stop()`, then `lab = Lab()`, `lab.receiver` and `lab.tunnel`",
        "Run `nbhelpers stop`, then start both again: `nbhelpers receiver`, `nbhelpers tunnel`",
    ),
    ("Run `lab = Lab()` again", "Run the command again"),
    ("then `lab = Lab()` again: it starts the simulator", "then `nbhelpers simulator`"),
    ("Open `Lab()` anew", "Run the command again"),
    ("Open `Lab()` without `state=`", "Leave out --state"),
    ("Run `lab.configure()`, which asks for them, or write them into .env", "Write them into .env"),
    ("Run `lab.configure()`", "Write it into .env (.env.example has every name)"),
    ("; `lab.configure()` asks for it", ""),
    (": `lab.configure()` asks for it", " (.env.example has every name)"),
    ("Run *Save*, then *Mend*", "Run `nbhelpers webhooks --set`"),
    ('Run *Mend* of 05: `lab.webhooks.save(method="POST")`', "Run `nbhelpers webhooks --set`"),
    ('`lab.check("webhooks")` looks at them', "`nbhelpers doctor` looks at them"),
    ("; lab.panels.credentials() shows all of it", ""),
    ('Run `lab.catch_up("webhooks")`, then this cell again', "Run `nbhelpers simulator --demo`: its Page is linked"),
)
_CELLS = {
    "lab.receiver": "nbhelpers receiver",
    "lab.tunnel": "nbhelpers tunnel",
    "lab.tunnel.close()": "nbhelpers stop",
    "lab.tunnel.download()": "nbhelpers tunnel --download",
    "lab.tunnel.update()": "nbhelpers tunnel --update",
    "lab.doctor()": "nbhelpers doctor",
    "lab.webhooks": "nbhelpers webhooks",
    "lab.webhooks.save()": "nbhelpers webhooks --set",
    "lab.webhooks.save(yes=True)": "nbhelpers webhooks --set --yes",
    'lab.webhooks.save(method="POST")': "nbhelpers webhooks --set",
    "lab.webhooks.put_back()": "nbhelpers webhooks --put-back",
    "lab.webhooks.put_back(yes=True)": "nbhelpers webhooks --put-back --yes",
    'lab.user.write("Hello")': "nbhelpers trigger text",
    'lab.reply("…")': 'nbhelpers send --to PSID --text "…"',
    "lab.reply": "nbhelpers send",
    "lab.simulator.pace(60)": "nbhelpers pace 60",
    "lab.simulator.advance(0.1)": "nbhelpers advance 0.1",
    "lab.reset()": "nbhelpers reset",
    "lab.stop()": "nbhelpers stop",
    "lab = Lab()": "nbhelpers simulator",
}
_CALL = re.compile(r"`lab\.simulator\.call\((\d+)\)`")
_STEP = re.compile(r"\b([Rr])un (\*[A-Z][^*]*\*)")


def in_shell(words: str) -> str:
    """Return a message with its next actions as commands. What only a notebook can do is told with how to open it."""
    for pattern, instead in _BOTH:
        words = re.sub(pattern, instead, words)
    for sentence, instead in _SENTENCES:
        words = words.replace(sentence, instead)
    for cell, command in _CELLS.items():
        words = words.replace(f"`{cell}`", f"`{command}`")
    words = _CALL.sub(r"`nbhelpers calls \1`", words)
    return _STEP.sub(r"\1un \2 in the notebooks (`nbhelpers lab`)", words)
