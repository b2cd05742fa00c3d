"""Checks whether the credentials fit together before the first call; it sends no message and changes nothing."""

from __future__ import annotations

import hashlib
import html
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization

from nbhelpers.api import applications
from nbhelpers.api.applications import FIELDS, Application, webhook
from nbhelpers.auth import tokens
from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.auth.tokens import Minter
from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError
from nbhelpers.errors.connection import no_answer
from nbhelpers.inbox.events import one_line

__all__ = ["STATES", "CredentialsCheck", "examine_credentials"]

STATES = ("ready", "to do", "not looked at")

_TIMEOUT = (3.05, 10.0)  # seconds: to connect, and to the answer
_APART = 30  # seconds that two clocks may differ. How far the service lets them is not known
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
    """Return the application ID, and the path of the demo's key when it is `simulator --demo` for whom we act."""
    demo = course.simulator.ready if course.simulator else {}
    if not course.application_id and "application_id" in demo:
        return demo["application_id"], demo["private_key"]
    return course.application_id, None


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
    try:
        there = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError):  # none, or none that can be read
        return ("clock", "not looked at", "the answer of the service does not say what time it is"), True
    apart = int(here) - int(there)
    both = f"this computer says {_moment(here)}, the service {_moment(there)}"
    if abs(apart) <= _APART:
        return ("clock", "ready", f"{abs(apart)} s apart: {both}"), True
    which = "ahead" if apart > 0 else "behind"
    words = f"{abs(apart)} s {which}: {both}, so tokens may be refused"
    return ("clock", "to do", f"{words}. Let this computer set its clock from the internet"), True


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
    if held is None and course.simulated:
        words = 'the account\'s own settings count here: `lab.check("webhooks")` looks at them'
        return [
            (
                "messages",
                "ready",
                "a Voice application, as in the guide: it may send, and the account has the webhooks",
            ),
            *((name, "not looked at", words) for name in names.values()),
        ]
    if held is None:
        only = ", ".join(one_line(name) for name in application.capabilities) or "none"
        words = f"Messages is not among its capabilities (it has: {only})"
        action = "switch *Messages* on, on its page of the dashboard, and press *Save changes*"
        return [("messages", "to do", f"{words}: {action}"), *(_unseen(name, "messages") for name in names.values())]
    version = held.get("version")
    shape = _SHAPES.get(str(version), "webhooks may come in either shape, and both are read")
    told = f"version {one_line(str(version), 20)}" if version else "no version is shown"
    lines: list[_Line] = [("messages", "ready", f"switched on, {told}: {shape}")]
    known = course.facts.get("receiver") if course.simulated else course.public_urls()
    return lines + [(name, *_field(application, which, known, course.simulated)) for which, name in names.items()]


def _field(application: Application, which: str, known: dict[str, str] | None, simulated: bool) -> tuple[str, str]:
    address, method = webhook(application.messages, which)
    shown = one_line(address, 150)
    action = "change the application" if simulated else "run `lab.webhooks.save()`, or set it on the dashboard"
    other = next(each for each in FIELDS if each != which)
    if not address and simulated:
        return "ready", "it is empty: the simulator calls the receiver that runs here"
    if not address:
        return "to do", f"it is empty: {action}"
    if known and address == known[other] != known[which]:
        return "to do", f"it holds {shown}, the address of the other field: the two are swapped; {action}"
    if known and address != known[which]:
        return "to do", f"it holds {shown}; your receiver is {known[which]}: {action}"
    if method not in ("POST", ""):  # documented: POST only, so where none is named there is no wrong one
        return "to do", f"{shown} is called by {one_line(method, 10)}, and must be by POST: {action}"
    if not known:
        what = "running receiver is known to compare it with: run `lab.receiver`" if simulated else _NO_TUNNEL
        return "not looked at", f"it holds {shown} (POST), and no {what}, then this again"
    return "ready", f"{shown} (POST) leads to your receiver"


def _sandbox() -> list[_Line]:
    # The hosted sandbox has webhook fields of its own, on its page of the dashboard (documented, not tried).
    words = "the hosted sandbox has its own on its page of the dashboard: `lab.webhooks` shows what to copy there"
    return [(name, "not looked at", words) for name in ("inbound URL", "status URL")]
