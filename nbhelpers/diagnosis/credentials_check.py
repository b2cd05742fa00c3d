"""Checks whether the credentials fit together before the first call; it sends no message and changes nothing."""

from __future__ import annotations

import hashlib
import html
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization

from nbhelpers.api import applications
from nbhelpers.api.applications import Application
from nbhelpers.auth import tokens
from nbhelpers.auth.clocks import APART, SET_IT, apart, apart_in_words
from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.auth.tokens import Minter
from nbhelpers.course.context import CourseContext
from nbhelpers.course.destinations import Destination, Destinations, destinations, held_by
from nbhelpers.errors import KitError
from nbhelpers.errors.connection import no_answer
from nbhelpers.errors.in_shell import in_shell
from nbhelpers.inbox.events import one_line

__all__ = ["STATES", "CredentialsCheck", "examine_credentials"]

#: How a line of the check can stand.
STATES = ("ready", "to do", "not looked at")

_TIMEOUT = (3.05, 10.0)  # seconds: to connect, and to the answer
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_NEEDED = "not needed: API key and secret are used"
_NO_TUNNEL = "tunnel is known to compare it with: open `lab.tunnel`"
_SAVE = "press it, or generate a new pair there and use the private.key that comes with it"

# The shape in which webhooks arrive, by the version of the messages capability (documented, not tried).
_SHAPES = {"v1": "webhooks come in today's shape (flat)", "v0.1": "webhooks come in the guide's shape (nested)"}


@dataclass(frozen=True)
class CredentialsCheck:
    """What was looked at: for each its name, one of STATES, and the words. `public_pem` is the public half, if any."""

    lines: tuple[tuple[str, str, str], ...]
    public_pem: str = ""

    @property
    def ready(self) -> bool:
        """Whether there is nothing to do."""
        return all(state != "to do" for _, state, _ in self.lines)

    @property
    def closing(self) -> str:
        """The last line."""
        if not self.ready:
            return "Do what is said above, then run this again."
        if any(state == "not looked at" for _, state, _ in self.lines):
            return "What could be looked at is ready. Nothing was sent to anybody."
        return "All is ready. Nothing was sent to anybody."

    def in_shell(self) -> CredentialsCheck:
        """Return the same with commands for a shell where there are cells for a notebook."""
        lines = tuple((name, state, in_shell(words)) for name, state, words in self.lines)
        return CredentialsCheck(lines, self.public_pem)

    @property
    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        lines = [{"name": name, "state": state, "words": words} for name, state, words in self.lines]
        return {"ready": self.ready, "lines": lines, "public_key": self.public_pem}

    def __repr__(self) -> str:
        return "\n".join([*(f"{name:<11} {state}: {words}" for name, state, words in self.lines), self.closing])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;white-space:nowrap">{name}</th>'
            '<td style="text-align:left;white-space:nowrap">'
            f"{f'<strong>{state}</strong>' if state == 'to do' else state}</td>"
            f'<td style="text-align:left;overflow-wrap:anywhere">{html.escape(words)}</td></tr>'
            for name, state, words in self.lines
        )
        pem = (
            "<details><summary>The public half of your key</summary>"
            f'<pre style="font-size:0.8em;margin:0">{html.escape(self.public_pem)}</pre></details>'
        )
        return f'<table>{rows}</table>{pem if self.public_pem else ""}<p role="status">{self.closing}</p>'


def examine_credentials(course: CourseContext) -> CredentialsCheck:
    """Look at ID, key, token, clock and, with API key and secret, at the application as the account holds it.

    Stops at nothing: what depends on something that is to do is “not looked at”. No message is sent.
    """
    settings = course.settings
    application_id, key_source = _whose(course)
    if settings.mode == "sandbox" and not application_id and not applications.missing(settings):
        lines = [(name, "ready", _NOT_NEEDED) for name in ("ID", "key", "public half", "token")]
        return CredentialsCheck((*lines, _clock(course)[0], _account_alone(course), *_sandbox()))
    found_id = _id(application_id)
    found_key, key = _key(key_source, course)
    lines = [found_id, found_key, _half(key)]
    lines.append(_token(application_id or "", key) if found_id[1] == "ready" and key else _unseen("token", "ID, key"))
    clock, answers = _clock(course)
    answers = answers or settings.account_host != settings.host
    account, application = _account(course, application_id or "", found_id[1] == "ready", answers)
    lines += [clock, account, _pair(course, application, key)]
    lines += _sandbox() if settings.mode == "sandbox" else _messages(course, application)
    return CredentialsCheck(tuple(lines), key.public_pem if key else "")


_Line = tuple[str, str, str]


def _unseen(name: str, needs: str) -> _Line:
    return name, "not looked at", f"it needs what is above ({needs})"


def _whose(course: CourseContext) -> tuple[str | None, str | None]:
    """Return the application ID, and the path of the demo's key when it is `simulator --demo` for which we act."""
    return (course.demo["application_id"], course.demo["private_key"]) if course.demo else (course.application_id, None)


def _end(application_id: str) -> str:
    return f"…{one_line(application_id[-4:])}"


def _id(application_id: str | None) -> _Line:
    where = "copy it from the application's page on the dashboard"
    if not application_id:
        return "ID", "to do", f"no application ID is noted or set (VONAGE_APPLICATION_ID): {where}"
    if _UUID.fullmatch(application_id):
        return "ID", "ready", application_id
    seen = f"{len(application_id)} characters"
    if re.fullmatch(r"[0-9a-fA-F]{8}", application_id):
        seen += ", as an API key has"
    words = "the application ID is no UUID (8-4-4-4-12 characters of 0-9 and a-f)"
    return "ID", "to do", f"{words}: it has {seen}; {where}"


def _key(source: str | None, course: CourseContext) -> tuple[_Line, PrivateKey | None]:
    try:
        key = load_key(source) if source else course.key()
    except KitError as error:
        return ("key", "to do", str(error)), None
    mended = f"; mended while it was read: {', '.join(key.repairs)}" if key.repairs else ""
    return ("key", "ready", f"RSA, {key.key.key_size} bits, from {one_line(key.source, 200)}{mended}"), key


def _half(key: PrivateKey | None) -> _Line:
    if key is None:
        return _unseen("public half", "key")
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    digest = hashlib.sha256(key.key.public_key().public_bytes(serialization.Encoding.DER, kind)).hexdigest()
    groups = " ".join(digest[at : at + 4] for at in range(0, 16, 4))
    return "public half", "ready", f"SHA-256 begins {groups}; lab.panels.credentials() shows all of it"


def _token(application_id: str, key: PrivateKey) -> _Line:
    try:
        facts = tokens.inspect(Minter(application_id, key)())
    except KitError as error:
        return "token", "to do", str(error)
    if facts.fault is not None:
        words = f"a token made here says {one_line(facts.fault[0])}, and {facts.fault[1]} is expected"
        return "token", "to do", f"{words}: set the clock of this computer"
    good = facts.remaining_text.removesuffix(" left")
    return "token", "ready", f"{facts.header['alg']}, for application {_end(application_id)}, good for {good}"


def _clock(course: CourseContext) -> tuple[_Line, bool]:
    # The line, and whether anybody answered.
    began = time.time()
    try:
        # `auth` is there so that no ~/.netrc sends anything along; nothing of the body is read.
        with requests.get(
            course.host,
            auth=lambda request: request,
            headers={"Cache-Control": "no-cache"},
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as answer:
            date = answer.headers.get("Date")
    except requests.RequestException as error:
        told = no_answer(error, course.host)
        # Its usual cure is for a call that sends a message.
        following = f"{told.what} {told.seen} Check the network, then try again"
        words = f"the service does not answer, so the clocks cannot be compared. {following}"
        return ("clock", "to do", words), False
    here = (began + time.time()) / 2
    wrong = apart(date, here)
    if wrong is None:
        return ("clock", "not looked at", "the answer of the service does not say what time it is"), True
    both = f"this computer says {_moment(here)}, the service {_moment(int(here) - wrong)}"
    if abs(wrong) <= APART:
        return ("clock", "ready", f"{abs(wrong)} s apart: {both}"), True
    return ("clock", "to do", f"{apart_in_words(wrong)}: {both}, so tokens may be refused. {SET_IT}"), True


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _account(
    course: CourseContext, application_id: str, id_is_good: bool, answers: bool
) -> tuple[_Line, Application | None]:
    settings = course.settings
    if unset := applications.missing(settings):
        words = f"{' and '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set. Compare by eye on the dashboard"
        whose = f"application {_end(application_id)}" if application_id else "your application"
        what = "its public key with the public half above, Messages switched on, both webhook URLs with POST"
        return ("account", "not looked at", f"{words}, {whose}: {what}"), None
    if not id_is_good:
        return _unseen("account", "ID"), None
    if not answers:
        return _unseen("account", "clock: the service does not answer"), None
    try:
        application = applications.read(settings, application_id)
    except KitError as error:
        return ("account", "to do", str(error)), None
    return ("account", "ready", f"{application} is in the account of API key {one_line(settings.api_key)}"), application


def _account_alone(course: CourseContext) -> _Line:
    try:
        applications.accepts(course.settings)
    except KitError as error:
        return "account", "to do", str(error)
    return "account", "ready", f"the service accepts API key {one_line(course.settings.api_key)} and its secret"


def _pair(course: CourseContext, application: Application | None, key: PrivateKey | None) -> _Line:
    if application is None or key is None:
        return _unseen("key pair", "key, account")
    end = _end(application.id)
    if not application.public_key:
        words = f"no public key is stored for application {end}: generate a pair on its page of the dashboard"
        return "key pair", "to do", f"{words}, press *Save changes*, and use the private.key that comes with it"
    if key.fits(application.public_key):
        return "key pair", "ready", f"your private key fits the public key stored for application {end}"
    words = f"Your private key does not match the public key stored for application {end}."
    if course.simulated:
        return "key pair", "to do", f"{words} In step 2, run *Send it* and *Save both together* again, both"
    likely = "Most likely the key pair was regenerated and *Save changes* was not pressed"
    return "key pair", "to do", f"{words} {likely}: {_SAVE}"


def _messages(course: CourseContext, application: Application | None) -> list[_Line]:
    names = {"inbound_url": "inbound URL", "status_url": "status URL"}
    if application is None:
        return [_unseen(name, "account") for name in ("messages", *names.values())]
    held = application.messages
    if held is None and not course.simulated:
        only = ", ".join(one_line(name) for name in application.capabilities) or "none"
        words = f"Messages is not among its capabilities (it has: {only})"
        action = "switch *Messages* on, on its page of the dashboard, and press *Save changes*"
        return [("messages", "to do", f"{words}: {action}"), *(_unseen(name, "messages") for name in names.values())]
    if held is None:
        told = "a Voice application, as in the guide: it may send, and the account has the webhooks"
    else:
        version = held.get("version")
        shape = _SHAPES.get(str(version), "webhooks may come in either shape, and both are read")
        told = f"switched on, {f'version {one_line(str(version), 20)}' if version else 'no version is shown'}: {shape}"
    found = destinations(course, application.id) if course.simulated else held_by(course, application)
    fields = [(names[each.which], *_field(each, found, course.simulated)) for each in found.both]
    return [("messages", "ready", told), *fields]


def _field(found: Destination, of: Destinations, simulated: bool) -> tuple[str, str]:
    action = "run `lab.webhooks.save()`, or set it on the dashboard"
    if simulated:
        action = "change the application" if of.holder == "application" else 'run `lab.webhooks.save(method="POST")`'
    if found.leads == "nowhere" and of.finds_receiver:
        return "not looked at", "it is empty: webhooks wait until a receiver runs (`lab.receiver`)"
    if found.leads == "nowhere":
        return "to do", f"it is empty: {action}"
    if found.leads == "server":
        return "ready", f"{found.shown} ({found.method}) leads to a server of your own"
    if found.leads == "swapped":
        return "to do", f"it holds {found.shown}, the address of the other field: the two are swapped; {action}"
    if found.leads == "elsewhere":
        return "to do", f"it holds {found.shown}; your receiver is {found.wanted}: {action}"
    if found.method not in ("POST", ""):  # documented: POST only, so where none is named there is no wrong one
        return "to do", f"{found.shown} is called by {one_line(found.method, 10)}, and must be by POST: {action}"
    if found.leads == "unknown":
        return "not looked at", f"it holds {found.shown} (POST), and no {_NO_TUNNEL}, then this again"
    how = "it is empty: the simulator has found" if found.source == "receiver" else f"{found.shown} (POST) leads to"
    return "ready", f"{how} your receiver"


def _sandbox() -> list[_Line]:
    # The hosted sandbox has webhook fields of its own, on its page of the dashboard (documented, not tried).
    words = "the hosted sandbox has its own on its page of the dashboard: `lab.webhooks` shows what to copy there"
    return [(name, "not looked at", words) for name in ("inbound URL", "status URL")]
