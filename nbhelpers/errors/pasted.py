"""Finds the codes in what stands on a screen: an answer, pasted JSON, a sentence, the last line of a traceback."""

from __future__ import annotations

import ast
import functools
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbhelpers.errors import ApiError, cures, exceptions

__all__ = ["Pasted", "read_pasted", "sentences", "shown"]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A token, a key and whatever may be a line of one.
_SECRET = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*){0,2}|-----BEGIN [A-Z ]*PRIVATE KEY.*|[\w+/=-]{48,}", re.DOTALL)
_WIDEST = 300  # characters of a line in which the name of an error may stand
_LONGEST = 20_000  # characters of a text that are looked at: its end, where the last line stands
_QUOTES = re.compile(r"[\"'`“”‘’„]")
_NGROK = re.compile(r"ERR_NGROK_(\d+)", re.IGNORECASE)
_FRAGMENT = re.compile(r"\b(?:api-errors|Errors)[^\s\"'<>#]*#([\w-]+)")
_HTTP = re.compile(
    r"\bHTTP(?:/\d(?:\.\d)?)?[ :]+([1-5]\d\d)\b|<Response \[([1-5]\d\d)|\b([1-5]\d\d) (?:Client|Server) Error\b"
    r"|\b(?:status(?:[ _-]?code)?|answered|error|code)\W{1,3}([1-5]\d\d)\b"
    r"|^[\s\"“]*([1-5]\d\d)[\s:,-]*(?:[A-Za-z]+(?: [A-Za-z]+){0,4})?[ .\"”]*$",
    re.IGNORECASE,
)
# Four digits between hyphens are a part of a message_uuid, or of a date.
_RECEIPT = re.compile(
    r"(?:reject|undeliver|receipt|code|title|#).*?(?<![\w…-])(1\d\d\d|200\d)(?![\w-])|^\W*([12]\d\d\d)(?![\w-])",
    re.IGNORECASE,
)
_RAISED = re.compile(
    r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt|Timeout|Redirects|Schema|InvalidURL))\b(?::|\s*$)"
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|^-+> ?\d+ |^  File \"", re.MULTILINE)
# What says only that there was no answer, when nothing beside it says why.
_UNANSWERED = {
    **dict.fromkeys(("ConnectionError", "RequestException", "NewConnectionError", "MaxRetryError"), "other"),
    **dict.fromkeys(("Timeout", "TimeoutError"), "timeout"),
}
_META = ("fbtrace_id", "error_subcode")


@dataclass(frozen=True)
class Pasted:
    """What was found: `codes` as pairs of space and code, known or not; `said` what it says besides, in sentences."""

    codes: tuple[tuple[str, str], ...]
    said: tuple[str, ...] = ()


@functools.cache
def sentences() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the sentences that stand for a code, by space and code, from `sentences.toml`."""
    table = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))
    return {space: {code: tuple(texts) for code, texts in known.items()} for space, known in table.items()}


def shown(value: object, longest: int = 200) -> str:
    """Return what somebody gave fit for one line of a screen, with no token and no key in it."""
    text = " ".join(_SECRET.sub("••••", _COLOUR.sub("", str(value))).split())
    text = "".join(character if character.isprintable() else "�" for character in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def read_pasted(given: Any) -> Pasted:
    """Read an answer of `requests`, an exception, an event, JSON or text, and return the codes that it names."""
    found = _Found()
    found.take(given)
    return Pasted(found.narrowed(), tuple(found.said))


class _Found:
    def __init__(self) -> None:
        self.codes: dict[tuple[str, str], None] = {}
        self.said: list[str] = []

    def add(self, space: str, code: object) -> None:
        self.codes[space, str(code)] = None

    def narrowed(self) -> tuple[tuple[str, str], ...]:
        # What says more takes the place of what says less: a fragment that of its status, the cause that of its effect.
        spaces, known = {space for space, _ in self.codes}, cures()
        less: set[str] = set()
        if any(code in known["refusal"] for space, code in self.codes if space == "refusal"):
            less |= {"http", "python"}
        if "ngrok" in spaces:
            less |= {"http", "connection", "python", "kit"}
        if spaces & {"http", "status", "connection"}:
            less |= {"python", "kit"}
        return tuple(each for each in self.codes if each[0] not in less)

    def take(self, given: Any) -> None:
        if isinstance(given, BaseException):
            self._exception(given)
        elif isinstance(given, bytes):
            self._text(given.decode("utf-8", "replace"))
        elif isinstance(given, dict | list):
            self._body(given)
        elif callable(getattr(given, "json", None)) and isinstance(getattr(given, "status_code", None), int):
            self._answer(given)
        elif isinstance(getattr(given, "json", None), dict):  # an event of the inbox
            self._body(given.json)
        elif isinstance(given, tuple):  # such as the receipts of a reply
            for each in given:
                self.take(each)
        else:
            self._text(str(given))

    def _exception(self, error: BaseException) -> None:
        import requests  # what explains a code needs neither of these

        from nbhelpers.errors.connection import reason

        answer = getattr(error, "response", None)
        if answer is not None:
            self._answer(answer)
        elif isinstance(error, json.JSONDecodeError):  # `requests` has one that is an exception of its own, too
            self._text(f"JSONDecodeError: {error}")
        elif isinstance(error, requests.RequestException):
            self.add("connection", reason(error))
        elif isinstance(error, ApiError):
            self._refused(error)
        else:
            self._text(f"{type(error).__name__}: {error}")

    def _refused(self, error: ApiError) -> None:
        if error.status is None:
            self.add("connection", error.code or "other")
        else:
            self.add("http", error.status)
            self._body(error.body, error.status)

    def _answer(self, answer: Any) -> None:
        status, text = answer.status_code, str(answer.text)
        self._ngrok(f"{answer.headers.get('ngrok-error-code', '')} {text}")
        self.add("http", status)
        try:
            body = answer.json()
        except (ValueError, RecursionError):
            body = text
        self._body(body, status)

    def _body(self, body: Any, status: int | None = None) -> None:
        answered = f"It answered {status} with" if status else "It says"
        if isinstance(body, list):
            body = next((each for each in body if isinstance(each, dict)), str(body))
        if not isinstance(body, dict):
            page = "a page of HTML" if "<html" in str(body)[:1000].lower() else f"“{shown(body)}”"
            self.said.append(f"{answered} {page if str(body).strip() else 'nothing'}.")
            self._sentences(str(body))
            return
        self._ngrok(str(body))
        error = body.get("error")
        if isinstance(error, dict):
            self._error(error, body)
        elif body.get("status") in ("submitted", "delivered", "read", "rejected", "undeliverable"):
            good = "" if body["status"] in ("rejected", "undeliverable") else ", which is no error"
            self.said.append(f"It is a receipt that says {body['status']}{good}.")
        elif isinstance(error, str):  # the receiver's and the simulator's own answers, in three parts
            parts = [shown(body[name]).rstrip(".") for name in ("error", "seen", "next") if body.get(name)]
            self.said.append(f"The kit answered: {'. '.join(parts)}.")
        elif "error-code" in body:
            self.add("http", body["error-code"])
            self.said.append(f"{answered} “{shown(body.get('error-code-label', ''))}”.")
        elif "error_code" in body:  # the ngrok program's own
            if str(body["error_code"]) == "102":
                self.add("ngrok", "option")
            self.said.append(f"{answered} “{shown(body.get('msg', body['error_code']))}”.")
        elif any(isinstance(body.get(name), str) for name in ("type", "title", "detail")):
            self._problem(body, answered)
        elif "message_uuid" in body and len(body) > 2:
            self.said.append("It is an inbound message or a request, and no error.")
        elif "message_uuid" in body:
            self.said.append(f"The service took the message {shown(body['message_uuid'], 40)}: no error.")
        else:
            fields = f"the fields {shown(', '.join(map(str, body)))}" if body else "no fields"
            it = answered if status else "It is"
            self.said.append(f"{it} JSON with {fields}, and no error that the kit knows.")

    def _problem(self, body: dict[str, Any], answered: str) -> None:
        words = [str(body[name]) for name in ("title", "detail") if isinstance(body.get(name), str)]
        fragment = str(body.get("type", "")).rpartition("#")[2] if "#" in str(body.get("type", "")) else ""
        if fragment:
            self.add("refusal", fragment)
        if fragment not in cures()["refusal"]:
            for text in words:
                self._sentences(text)
        said = f"{answered} “{shown(': '.join(words) or fragment)}”"
        named = body.get("invalid_parameters") or body.get("invalid_params")
        for parameter in named if isinstance(named, list) else []:
            if isinstance(parameter, dict):
                said += f"; `{shown(parameter.get('name'), 60)}` {shown(parameter.get('reason'), 100).rstrip('.')}"
        trace = body.get("instance")
        self.said.append(f"{said}{f' (trace {shown(trace, 60)})' if trace else ''}.")

    def _error(self, error: dict[str, Any], body: dict[str, Any]) -> None:
        if any(name in error for name in _META) or error.get("type") == "OAuthException":
            self.said.append(f"Facebook says “{shown(error.get('message', ''))}”.")
            self._sentences(str(error.get("message", "")))
            return
        fragment = str(error.get("type", "")).rpartition("#")[2]
        code = next(
            (str(each) for each in (error.get("code"), error.get("title"), fragment) if str(each).isdecimal()), ""
        )
        words = error.get("reason") or error.get("detail") or error.get("title") or ""
        if code:
            self.add("status", code)
        else:
            self._sentences(str(words))
        about = f" for message {shown(body['message_uuid'], 40)}" if body.get("message_uuid") else ""
        self.said.append(f"It is a receipt that says {shown(f'{code} {words}'.strip())}{about}.")

    def _text(self, text: str) -> None:
        text = _COLOUR.sub("", text)[-_LONGEST:]
        raised = _last_error(text)
        if raised is not None and _TRACEBACK.search(text):
            text = raised  # above it stand lines of code, which name every error there is
        body, rest = _json_in(text)
        if body is not None:
            self._body(body)
        self._ngrok(text)
        for found in _FRAGMENT.finditer(rest):
            self.add("refusal", found[1])
        for found in _HTTP.finditer(rest):
            self.add("http", next(code for code in found.groups() if code))
        if not self.codes:
            for found in _RECEIPT.finditer(rest):
                self.add("status", found[1] or found[2])
        self._sentences(rest)
        name = _RAISED.match(raised[:_WIDEST]) if raised is not None else None
        if not self.codes:
            self._own_words(rest)
        if not self.codes and name is not None and name[1] in _UNANSWERED:
            self.add("connection", _UNANSWERED[name[1]])
        if name is not None:
            self.add("kit" if name[1] in exceptions.__all__ else "python", name[1])

    def _ngrok(self, text: str) -> None:
        for found in _NGROK.finditer(text):
            self.add("ngrok", found[1])

    def _sentences(self, text: str) -> None:
        flat, clauses = _flat(text), set(_clauses(text))
        for space, known in sentences().items():
            for code, texts in known.items():
                if not any(_stands(_flat(each), flat, clauses, space) for each in texts):
                    continue
                self.add(space, code)
                if space == "connection":
                    break

    def _own_words(self, text: str) -> None:
        # What the kit itself says of a code: the line that a notebook shows in the place of a traceback.
        flat = _flat(text)
        for space, known in cures().items():
            for code, cure in known.items():
                if _flat(cure.what) in flat and _flat(cure.next) in flat:
                    self.add(space, code)
                    return


def _stands(sentence: str, flat: str, clauses: set[str], space: str) -> bool:
    words = sentence.count(" ") + 1
    if space in ("connection", "ngrok") or words >= 4:
        return sentence in flat
    return sentence == flat.strip(" .:!") if words == 1 else sentence in clauses


def _flat(text: str) -> str:
    return " ".join(_QUOTES.sub("", text).casefold().split())


def _clauses(text: str) -> Iterator[str]:
    for clause in re.split(r"[:.;,()\n\"“”]", text):
        yield re.sub(r"^\d{3,4} ", "", _flat(clause))


def _last_error(text: str) -> str | None:
    lines = text.strip().splitlines()
    for at in range(len(lines) - 1, -1, -1):
        if _RAISED.match(lines[at].strip()[:_WIDEST]):
            return "\n".join(line.strip() for line in lines[at:])
    return None


def _json_in(text: str) -> tuple[Any, str]:
    """Return the JSON or the dict of Python that stands in a text, and what stands around it."""
    first, last = text.find("{"), text.rfind("}")
    if 0 <= first < last:
        for parse in (json.loads, ast.literal_eval):
            try:
                body = parse(text[first : last + 1])
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(body, dict):
                return body, f"{text[:first]} {text[last + 1 :]}"
    return None, text
