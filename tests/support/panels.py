"""A notebook with every panel in it, and the states in which each can be: for tests that look at all of them."""

from __future__ import annotations

import time

from nbhelpers import Lab

__all__ = ["HEADINGS", "STATES", "cells_of", "opened"]

HEADINGS = {
    "hello": "Hello",
    "credentials": "Credentials",
    "token": "Your JWT",
    "webhooks": "Webhooks",
    "psid": "Captured PSID",
    "reply": "Reply",
    "conversation": "The whole talk",
    "round": "The round, live",
    "inbox": "Inbox",
    "lessons": "Lessons in what goes wrong",
    "hops": "The way of a message",
    "question": "Before you go on",
}
_GIVEN = {"token": "lab.token()", "question": "'jwt'"}  # what a panel is given


def opened(state: object, key: str = "webhooks", more: str = "") -> str:
    """The first cell of a notebook: it opens the lab in a state directory."""
    return f"from nbhelpers import Lab\n\nlab = Lab(state={str(state)!r})\nlab.need({key!r}){more}"


def cells_of(state: object, *names: str) -> list[str]:
    """The cells of a notebook that opens a lab and shows these panels, or all."""
    shown = [f"lab.panels.{name}({_GIVEN.get(name, '')})" for name in names or HEADINGS]
    return [opened(state), *shown]


def working(lab: Lab) -> None:
    """Two people have written, one was answered; nobody has read yet."""
    lab.user.write("Do you have rye bread?")
    lab.inbox.wait_for_message()
    accepted = lab.reply("Yes: baked this morning.")
    lab.inbox.wait_for_receipt(accepted, "delivered")
    lab.user.write("And until when are you open?", person="Ben")


def done(lab: Lab) -> None:
    """Everything was read."""
    lab.inbox.wait_for_receipt(lab.reply("Until six."), "delivered")
    lab.user.read()
    lab.user.read(person="Ben")


def refused(lab: Lab) -> None:
    """A webhook found nobody, a call was refused at once, an answer later; the form says GET."""
    lab.simulator.pace(100)
    lab.simulator.fault("receiver-down", 2)
    lab.user.write("Anybody there?")
    lab.simulator.refuse_next("1340")
    lab.inbox.wait_for_receipt(lab.reply("Sorry, too late."), "rejected")
    time.sleep(1)
    lab.simulator.pace(1)
    lab.webhooks.save()


# What is brought about before the panels are looked at; each goes on from the one before.
STATES = {"empty": lambda lab: None, "working": working, "done": done, "refused": refused}
