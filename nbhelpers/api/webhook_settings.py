"""The two message webhooks of an application: set them with API key and secret, and put them back as they were."""

from __future__ import annotations

import copy
import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbhelpers.api.applications import FIELDS, Application, as_dict, read, replace, shown, webhook
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ApiError, KitError
from nbhelpers.inbox.events import one_line
from nbhelpers.inbox.inbox import Inbox

__all__ = ["Changed", "Proposal", "paragraph", "propose", "propose_back", "put_back", "remembered", "set_webhooks"]

_FACT = "webhooks_before"
_ITS_OWN = ("id", "_links")  # what the service says of an application, and takes from nobody
_MOST_SHOWN = 10  # differences that are named


@dataclass(frozen=True)
class Proposal:
    """What would be changed, old and new. `messages` is the capability as it will be, None when it is taken away."""

    application: Application
    messages: Mapping[str, Any] | None = field(repr=False)
    command: str = "lab.webhooks.save(yes=True)"
    back: bool = False

    @property
    def changes(self) -> bool:
        """Whether there is anything to change."""
        return self.application.messages != self.messages

    @property
    def lines(self) -> tuple[str, ...]:
        """Old and new of both fields, and what else there is to say."""
        old, new = self.application.messages, self.messages
        lines = [f"{self.application}:"]
        if not self.changes:
            return (*lines, "Both fields are as they should be. There is nothing to change.")
        lines += [f"{label}: {shown(old, which)} -> {shown(new, which)}" for which, label in FIELDS.items()]
        if old is None:
            lines.append("It has no messages capability: one is added, with these two webhooks.")
        elif new is None:
            lines.append("Its messages capability is taken away again: there was none before.")
        return (*lines, "Everything else of it stays as it is.")

    @property
    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        fields = {}
        for which in FIELDS:
            old, new = webhook(self.application.messages, which), webhook(self.messages, which)
            fields[which] = {"old": old[0], "old_method": old[1], "new": new[0], "new_method": new[1]}
        return {"application_id": self.application.id, "changed": False, **fields}

    def __repr__(self) -> str:
        closing = [f"Nothing is changed yet. To change it, run `{self.command}`."] if self.changes else []
        return "\n".join([*self.lines, *closing])

    def _repr_html_(self) -> str:
        return paragraph(repr(self))


@dataclass(frozen=True)
class Changed:
    """What was changed. `differences` names what else is different since, `trouble` says what did not go well."""

    proposal: Proposal
    differences: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        done = {"changed": self.proposal.changes, "differences": list(self.differences), "trouble": self.trouble}
        return self.proposal.facts | done

    @property
    def lines(self) -> tuple[str, ...]:
        """What was changed, and what was found when it was read again."""
        lines = self.proposal.lines
        if not self.proposal.changes:
            return lines
        if self.trouble:
            return (lines[0], self.trouble)
        if self.differences:
            told = f"But this is different now as well: {', '.join(self.differences)}."
            closing = ["It is done.", told, "Look at the application on the dashboard before you go on."]
        else:
            closing = ["It is done. It was read again: nothing else of it is different."]
        if not self.proposal.back:
            kept = "`lab.webhooks.put_back()` or `nbhelpers webhooks --put-back` puts it back"
            closing.append(f"What was there before is remembered: {kept}.")
        return (*lines[:-1], *closing)

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return paragraph(repr(self))


def remembered(inbox: Inbox, application_id: str | None) -> bool:
    """Say whether what was there before is remembered for this application."""
    return application_id in _memory(inbox)


def propose(application: Application, urls: Mapping[str, str]) -> Proposal:
    """Say what setting both webhooks to `urls` would change: address and method of these two, and nothing else."""
    messages = copy.deepcopy(application.messages or {})
    webhooks = messages["webhooks"] = as_dict(messages.get("webhooks"))
    for which in FIELDS:
        # Keys that are not ours, such as a time-out, stay.
        webhooks[which] = as_dict(webhooks.get(which)) | {"address": urls[which], "http_method": "POST"}
    return Proposal(application, messages)


def propose_back(application: Application, inbox: Inbox, force: bool = False) -> Proposal:
    """Say what putting the old webhooks back would change.

    Raises KitError when nothing is remembered, or when what stands there is not what we set and `force` is not.
    """
    entry = _memory(inbox).get(application.id)
    if entry is None:
        raise KitError(
            "There is nothing to put back.",
            f"{application} was not changed from here.",
            "To set its webhooks, run `lab.webhooks.save()`.",
        )
    now = application.messages
    then = _as_before(now, entry["before"])
    if not force and now != then and _pair(now) not in entry["set"]:
        seen = ", ".join(f"{label} holds {shown(now, which)}" for which, label in FIELDS.items())
        raise KitError(
            "Somebody has changed the webhooks since you set them.",
            f"{application}: {seen}.",
            "Leave it so, or put the old ones back all the same: `lab.webhooks.put_back(force=True)`.",
        )
    command = f"lab.webhooks.put_back(yes=True{', force=True' if force else ''})"
    return Proposal(application, then, command, back=True)


def set_webhooks(settings: Settings, inbox: Inbox, application_id: str, urls: Mapping[str, str]) -> Changed:
    """Set both webhooks of the messages capability to `urls` with POST, and prove that nothing else changed.

    What was there before is remembered first, and once: a second change does not overwrite it. A PUT replaces an
    application, so all that was read is sent back. Raises what `applications.read` and `applications.replace` raise.
    """
    proposal = propose(read(settings, application_id), urls)
    if not proposal.changes:
        return Changed(proposal)
    known = _memory(inbox).get(application_id)
    entry = known or {"before": _kept(proposal.application.messages), "set": []}
    wanted = _pair(proposal.messages)
    # Both until we know: when no answer comes, either may stand there.
    _remember(inbox, application_id, entry | {"set": [*entry["set"], wanted]})
    try:
        done = _change(settings, proposal)
    except ApiError as error:
        if error.status is not None and 400 <= error.status < 500:
            _remember(inbox, application_id, known)  # refused: there is nothing to put back
        raise
    if not done.trouble:
        _remember(inbox, application_id, entry | {"set": [wanted]})
    return done


def put_back(settings: Settings, inbox: Inbox, application_id: str, force: bool = False) -> Changed:
    """Put back what was there before we set the webhooks, and forget it then. Raises what `propose_back` raises."""
    proposal = propose_back(read(settings, application_id), inbox, force)
    done = _change(settings, proposal) if proposal.changes else Changed(proposal)
    if not done.trouble:
        _remember(inbox, application_id, None)
    return done


def _change(settings: Settings, proposal: Proposal) -> Changed:
    application = proposal.application
    wanted = _without_its_own(application.body)
    if proposal.messages is None:
        wanted["capabilities"] = {n: each for n, each in application.capabilities.items() if n != "messages"}
    else:  # in its old place, if it had one
        wanted["capabilities"] = {**application.capabilities, "messages": proposal.messages}
    replace(settings, application.id, wanted)
    try:
        after = read(settings, application.id)
    except KitError as error:
        words = f"The service took it, but it could not be read again: {error} Then look with `lab.webhooks`."
        return Changed(proposal, trouble=words)
    if _pair(after.messages) != _pair(proposal.messages):
        held = ", ".join(f"{label} {shown(after.messages, which)}" for which, label in FIELDS.items())
        words = f"The service took it, but holds something else: {held}. Set both fields on the dashboard."
        return Changed(proposal, trouble=words)
    found = _differences(wanted, _without_its_own(after.body))
    if application.messages is None:  # what the service fills into a new capability was never anything else
        found = [path for path in found if not path.startswith("capabilities.messages.")]
    return Changed(proposal, tuple(one_line(path) for path in found[:_MOST_SHOWN]))


# What is remembered: {application ID: {"before": the capability with its webhooks alone, or None, "set": [pairs]}}


def _memory(inbox: Inbox) -> dict[str, Any]:
    return inbox.facts().get(_FACT) or {}


def _remember(inbox: Inbox, application_id: str, entry: Mapping[str, Any] | None) -> None:
    others = {name: value for name, value in _memory(inbox).items() if name != application_id}
    inbox.note(**{_FACT: (others | ({application_id: entry} if entry else {})) or None})


def _kept(messages: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if messages is None else {name: messages[name] for name in messages if name == "webhooks"}


def _as_before(messages: Mapping[str, Any] | None, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if before is None:
        return None
    changed = copy.deepcopy(dict(messages or {}))
    webhooks, old = as_dict(changed.get("webhooks")), as_dict(before.get("webhooks"))
    webhooks = {which: value for which, value in webhooks.items() if which not in FIELDS or which in old}
    webhooks |= {which: old[which] for which in FIELDS if which in old}
    changed["webhooks"] = webhooks
    if not webhooks and "webhooks" not in before:
        del changed["webhooks"]
    return changed


# JSON


def _pair(messages: Mapping[str, Any] | None) -> list[list[str]]:
    return [list(webhook(messages, which)) for which in FIELDS]


def _without_its_own(body: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: copy.deepcopy(value) for name, value in body.items() if name not in _ITS_OWN}
    if isinstance(kept.get("keys"), dict):
        kept["keys"].pop("private_key", None)
    return kept


def _differences(wanted: Any, found: Any, path: str = "") -> list[str]:
    # The dotted paths at which two JSON values differ; one that is missing is like null.
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        names = [*wanted, *(name for name in found if name not in wanted)]
        start = f"{path}." if path else ""
        return [each for n in names for each in _differences(wanted.get(n), found.get(n), start + n)]
    if path == "keys.public_key":  # a line end at its end makes no other key
        wanted, found = str(wanted).strip(), str(found).strip()
    return [] if wanted == found else [path]


def paragraph(words: str) -> str:
    """Return lines of text as a front end shows them."""
    return f'<p role="status">{html.escape(words).replace(chr(10), "<br>")}</p>'
