"""Shows calls of webhook URLs as lines of text: each as it comes, or one of them in full."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from nbhelpers.inbox.events import one_line
from nbhelpers.simulator.storage.calls import NOBODY

__all__ = ["CallLines", "answer_of", "call_line", "in_full", "was_taken"]


def was_taken(call: Mapping[str, Any]) -> bool:
    """Say whether a call was answered so that the service is content: 200 to 205."""
    return 200 <= int(call["status"]) <= 205


def answer_of(call: Mapping[str, Any]) -> str:
    """Return what was answered, how soon, and whether it is tried again: `500 in 12 ms, again in 5 s`."""
    took = f"{call['seconds'] * 1000:.0f} ms" if call["seconds"] < 1 else f"{call['seconds']:.1f} s"
    if call["status"]:
        words = f"{call['status']} in {took}"
    elif call["words"] == NOBODY:
        words = f"nobody listens at {_origin(call)}"
    else:
        words = f"{call['words']} after {took}"
    if call["outcome"] == "again":
        return f"{words}, again in {call['again']:.3g} s"
    return words + {"held": ", waits until a receiver runs", "dropped": ", not tried again"}.get(call["outcome"], "")


def call_line(call: Mapping[str, Any]) -> str:
    """Return a call as one line: `14:00:02 --> POST /inbound 500 in 12 ms, again in 5 s (17 inbound)`."""
    return f"{_begun(call)} {answer_of(call)}{_mark(call)}"


class CallLines:
    """Makes lines of calls as they come. That nobody listens at an address is said once, until somebody does."""

    def __init__(self) -> None:
        self._silent: set[str] = set()

    def lines(self, calls: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bool]]:
        """Yield a line for each call, and whether it was taken."""
        for call in calls:
            origin = _origin(call)
            if call["status"] or call["words"] != NOBODY:
                self._silent.discard(origin)
                yield call_line(call), was_taken(call)
            elif origin not in self._silent:
                self._silent.add(origin)
                again = "tried again until somebody does" if call["outcome"] == "again" else "not tried again"
                yield f"{_begun(call)} nobody listens at {origin} yet: {again}{_mark(call)}", False


def in_full(call: Mapping[str, Any]) -> list[str]:
    """Return a call as lines: the request with headers and body, the answer, and every try of its webhook."""
    lines = [f"{call['method']} {call['url']}", *_headers(call["headers"]), ""]
    lines += [*_body(call["body"]), ""] if call["body"] else []
    if call["status"]:
        lines += [f"{call['status']} {_phrase(call['status'])}".rstrip(), *_headers(call["answer_headers"]), ""]
        lines += [*_body(call["answer_body"]), ""] if call["answer_body"] else []
    else:
        lines += [f"{answer_of(call)}.", ""]
    tries = call["tries"]
    lines.append("1 try:" if len(tries) == 1 else f"{len(tries)} tries:")
    return lines + [call_line(each) for each in tries]


def _begun(call: Mapping[str, Any]) -> str:
    clock = f"{datetime.fromtimestamp(call['at'], UTC).astimezone():%H:%M:%S}"
    return f"{clock} --> {call['method']} {one_line(urlsplit(call['url']).path or '/', 60)}"


def _mark(call: Mapping[str, Any]) -> str:
    return f" ({call['id']} {call['kind']})"


def _origin(call: Mapping[str, Any]) -> str:
    parts = urlsplit(call["url"])
    return f"{parts.scheme}://{parts.netloc}"


def _headers(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]


def _body(body: str) -> list[str]:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return body.expandtabs().splitlines()


def _phrase(status: int) -> str:
    return next((each.phrase for each in HTTPStatus if each == status), "")
