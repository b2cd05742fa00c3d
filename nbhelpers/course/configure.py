"""Asks for what live mode needs and writes it into `.env`, for you alone; secrets are never shown, not while typed."""

from __future__ import annotations

import getpass
import html
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dotenv

from nbhelpers.auth.private_key import key_path, load_key
from nbhelpers.config.private_files import write_private
from nbhelpers.config.settings import MODES, Settings, dotenv_path, load
from nbhelpers.errors import KitError, SettingsError
from nbhelpers.tunnel.configured import checked_token, public_base

__all__ = ["QUESTIONS", "Configured", "configure"]

_OUT = "-"  # the answer that takes a value out
_TRIES = 3  # how often a value that cannot be meant is asked for again


@dataclass(frozen=True)
class Configured:
    """What was written, by name, and where; never a value."""

    path: Path
    names: tuple[str, ...]
    words: str

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        return f'<p role="status">{html.escape(self.words)}</p>'


@dataclass(frozen=True)
class _Question:
    """One name: what it is, whether it is a secret, in which modes it must be there, and what checks it."""

    name: str
    field: str
    what: str
    needed: tuple[str, ...] = ()
    secret: bool = False
    check: Callable[[str], str] = str.strip


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError:
        raise SettingsError(
            "This is no application ID.", "It is not 32 hex digits with four dashes.", "Copy it from the dashboard."
        ) from None


def _digits(text: str) -> str:
    if not text.strip().isdecimal():
        raise SettingsError("This is no Page ID.", "It has something but digits in it.", "Copy it from the dashboard.")
    return text.strip()


def _key(text: str) -> str:
    load_key(text)
    path = key_path(text)
    if path is None:
        raise SettingsError(
            "This is the key itself.",
            "Here its path is asked for.",
            "Save it as private.key, and give the path of that.",
        )
    return str(path.absolute())


#: What is asked, in this order: the name of the setting, and which modes need it.
QUESTIONS = (
    _Question("VONAGE_API_KEY", "api_key", "API key of your account", ("sandbox",)),
    _Question("VONAGE_API_SECRET", "api_secret", "API secret of your account", ("sandbox",), secret=True),
    _Question("VONAGE_APPLICATION_ID", "application_id", "ID of your application", ("live",), check=_uuid),
    _Question("VONAGE_PRIVATE_KEY", "private_key", "path of its private.key", ("live",), check=_key),
    _Question("VONAGE_SIGNATURE_SECRET", "signature_secret", "signature secret, for signed webhooks", secret=True),
    _Question("MESSENGER_SENDER_ID", "sender_id", "ID of your Page", ("live",), check=_digits),
    _Question("PUBLIC_URL", "public_url", "address of a tunnel of your own, if you have one", check=public_base),
    _Question(
        "NGROK_AUTHTOKEN", "ngrok_authtoken", "ngrok token, if ngrok is to open one", secret=True, check=checked_token
    ),
    _Question("NGROK_DOMAIN", "ngrok_domain", "your ngrok domain, if you have one"),
)

_OF_A_TUNNEL = ("public_url", "ngrok_authtoken", "ngrok_domain")  # on a hub its own address is enough


def configure(
    settings: Settings,
    mode: str | None = None,
    again: bool = False,
    ask: Callable[[str], str] | None = None,
    ask_secretly: Callable[[str], str] | None = None,
) -> Configured:
    """Ask for what is not set yet and write it into `.env`, readable by you alone; nothing, once what is needed is set.

    `mode` is the one to go to; it is written too. With `again` everything is asked; Enter leaves a value as it is, `-`
    takes it out. In simulator mode nothing is asked, since nothing is needed. Raises SettingsError for a mode that
    there is not, and where nobody can be asked.
    """
    mode, path = mode or settings.mode, _file()
    if mode not in MODES:
        raise SettingsError("There is no such mode.", f"You gave “{mode}”.", f"Use {', '.join(MODES)}.")
    values: dict[str, str] = {} if mode == settings.mode else {"NBHELPERS_MODE": mode}
    if mode == "simulator":
        if not values:
            words = 'In simulator mode nothing is needed. To go live, run `lab.configure("live")`.'
            return Configured(path, (), words)
    else:
        _refuse_what_cannot_be_written(path)
        known = settings if mode == settings.mode else load(mode, settings.state)
        values |= _answers(mode, known, again, ask or input, ask_secretly or getpass.getpass)
    _write(path, values)
    names = tuple(values)
    if not names:
        return Configured(path, (), f'Everything is set. To change it, run `lab.configure("{mode}", again=True)`.')
    words = f"Written to {path}, readable by you alone: {', '.join(names)}. Now run `lab = Lab()` again."
    hidden = [name for name in names if os.environ.get(name, values[name]) != values[name]]
    if hidden:
        words += f" But the environment says something else of {', '.join(hidden)}, and wins: take it out there."
    return Configured(path, names, words)


def _file() -> Path:
    # What an editor made of it is read only while there is no .env: one beside it would hide all that it says.
    path = dotenv_path()
    other = path.with_name(".env.txt")
    return other if other.is_file() and not path.is_file() else path


def _is_enough(mode: str, known: Settings) -> bool:
    tunnel = known.public_url or known.ngrok_authtoken or known.tunnel == "jupyter"
    return bool(tunnel) and all(getattr(known, each.field) for each in QUESTIONS if mode in each.needed)


def _answers(
    mode: str, known: Settings, again: bool, ask: Callable[[str], str], ask_secretly: Callable[[str], str]
) -> dict[str, str]:
    answers: dict[str, str] = {}
    if _is_enough(mode, known) and not again:  # what was left out once is not asked for for ever
        return answers
    for question in QUESTIONS:
        if getattr(known, question.field) and not again:
            continue
        if known.tunnel == "jupyter" and not again and question.field in _OF_A_TUNNEL:
            continue
        if question.name.startswith("NGROK") and answers.get("PUBLIC_URL", known.public_url):
            continue
        asker = ask_secretly if question.secret else ask
        must = "needed" if mode in question.needed else "Enter leaves it out"
        if getattr(known, question.field):
            must = f"Enter leaves it as it is, {_OUT} takes it out"
        prompt = f"{question.name}, {question.what} ({'nothing is shown while you type; ' * question.secret}{must}): "
        value = _value(question, prompt, asker)
        if value is not None:
            answers[question.name] = value
    return answers


def _value(question: _Question, prompt: str, ask: Callable[[str], str]) -> str | None:
    for _ in range(_TRIES):
        try:
            given = ask(prompt)
        except (EOFError, NotImplementedError, RuntimeError):  # RuntimeError: what a kernel without a front end raises
            raise SettingsError(
                "Nobody can be asked here.", "This front end takes no input.", "Write the values into .env by hand."
            ) from None
        if not given.strip():
            return None
        if given.strip() == _OUT:
            return ""
        try:
            return question.check(given)
        except KitError as error:
            prompt = f"{error} {question.name}: "
    raise SettingsError(
        f"{question.name} was not set.", f"{_TRIES} answers could not be meant.", "Look it up, then run this again."
    )


def _refuse_what_cannot_be_written(path: Path) -> None:
    seen, following = "", "Save it as UTF-8."
    try:
        if path.exists():
            path.read_text(encoding="utf-8")
        if not os.access(path.parent, os.W_OK):
            seen, following = f"{path.parent} cannot be written.", "Move the course to a folder of your own."
    except UnicodeDecodeError:
        seen = "It is not stored as UTF-8."
    except OSError as error:
        seen, following = f"{error.strerror}.", "Move it away: a file belongs there."
    if seen:
        raise SettingsError(f"{path} cannot be changed.", seen, following)


def _write(path: Path, values: dict[str, str]) -> None:
    if not values:
        return
    _refuse_what_cannot_be_written(path)
    if not path.exists():
        write_private(path, b"")
    path.chmod(0o600)
    for name, value in values.items():
        if value:
            dotenv.set_key(path, name, value, quote_mode="always", encoding="utf-8")
        elif name in dotenv.dotenv_values(path, interpolate=False):
            dotenv.unset_key(path, name, encoding="utf-8")
    path.chmod(0o600)
