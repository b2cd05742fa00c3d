"""Edits the body of a delivery that is sent again: by dotted paths, by a function, or as a command line writes it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nbhelpers.errors import KitError, MessageError
from nbhelpers.inbox.events import Delivery, one_line
from nbhelpers.messages.encodings import content_of

__all__ = ["Edit", "edited", "typed"]

#: What changes a body before it is sent again: values by their paths, or a function of the body.
Edit = Mapping[str, Any] | Callable[[dict[str, Any]], Any]


def typed(texts: Iterable[str]) -> Edit | None:
    """Return the edit that a command line writes as `PATH=VALUE`, each; None when there is none.

    Where a text stands the value is a text, digits too; elsewhere it is read as JSON if it is any. Raises MessageError
    for one without `=`.
    """
    pairs = []
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise MessageError("An edit is PATH=VALUE.", f"You wrote “{text}”.", "Such as text=Hello or from.id=1234.")
        pairs.append((path, value))

    def edit(body: dict[str, Any]) -> None:
        for path, value in pairs:
            place, name = _place(body, path)
            place[name] = value if isinstance(place[name], str) else _json_or_text(value)

    return edit if pairs else None


def edited(delivery: Delivery, name: str, edits: Sequence[Edit]) -> bytes:
    """Return the body of a delivery after these edits, one after the other; `name` is what errors call it.

    Raises MessageError when the body is no JSON object, or an edit cannot be made.
    """
    try:
        body = json.loads(content_of(delivery.body, delivery.headers).data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise MessageError(f"{name} cannot be edited.", "Its body is no JSON object.", "Send it as it is, or another.")
    try:
        for edit in edits:
            body = _after(edit, body)
        return _written(body)
    except KitError:
        raise
    except Exception as error:  # whatever a learner's function, or a value that is no JSON, may raise
        raise MessageError(
            "The edit failed.", f"{type(error).__name__}: {one_line(str(error), 200)}.", "Mend the edit, then again."
        ) from error


def _written(body: dict[str, Any]) -> bytes:
    # Compact, as the simulator writes it: a receiver may hash what it has parsed and written again.
    write = functools.partial(json.dumps, body, separators=(",", ":"), allow_nan=False)
    try:
        return write(ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character, which only an escape can carry
        return write().encode()


def _after(edit: Any, body: dict[str, Any]) -> dict[str, Any]:
    if isinstance(edit, Mapping):
        for path, value in edit.items():
            place, name = _place(body, path)
            place[name] = value
        return body
    if not callable(edit):
        raise MessageError(
            "This is no edit.",
            f"It is of type {type(edit).__name__}.",
            'Give paths with values, such as {"from.id": "1"}, or a function of the body.',
        )
    returned = edit(body)
    if returned is not None and not isinstance(returned, dict):
        raise MessageError(
            "The edit gave no body.",
            f"It returned a {type(returned).__name__}.",
            "Change the body in place and return nothing, or return the whole body.",
        )
    return body if returned is None else returned


def _place(body: dict[str, Any], path: Any) -> tuple[Any, Any]:
    """Return what holds the value at a dotted path, and its name there. Raises MessageError when it is not there."""
    if not isinstance(path, str):
        raise MessageError("This is no path.", f"It is of type {type(path).__name__}.", "Write it as text: from.id.")
    content = message.get("content") if isinstance(message := body.get("message"), dict) else None
    if path == "text" and "text" not in body:
        if "text" not in (content if isinstance(content, dict) else body):
            cure = "Choose a message that has one: `nbhelpers replay --list` shows them."
            raise MessageError("This has no text to change.", "It is a message of another type, or a receipt.", cure)
        path = "message.content.text"
    place, rest = body, path
    while True:
        if isinstance(place, dict) and rest in place:  # the last name, or one with a dot in it
            return place, rest
        name, dot, after = rest.partition(".")
        known = list(place) if isinstance(place, dict) else []
        if isinstance(place, list):
            known = [str(number) for number in range(len(place))]
        if name not in known:
            there = ", ".join(known[:20]) if known else "nothing"
            raise MessageError(
                "There is nothing at this path.",
                f"You wrote “{one_line(path)}”; where “{one_line(name)}” should be there is: {one_line(there, 200)}.",
                "Use a name that is there; a function of the body can add one.",
            )
        key = int(name) if isinstance(place, list) else name
        if not dot:
            return place, key
        place, rest = place[key], after


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
