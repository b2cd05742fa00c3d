"""Facebook's rules: the 24-hour window, the message tags, which files and addresses it takes, codes of a refusal."""

from __future__ import annotations

import datetime
import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

__all__ = [
    "DAY",
    "REFUSALS",
    "WINDOW",
    "Refusal",
    "Tag",
    "is_out_of_reach",
    "is_wrong_template",
    "is_wrong_type",
    "tag_on",
    "tag_refusal",
    "window_refusal",
]

#: Seconds of a day.
DAY = 24 * 3600.0
WINDOW = DAY  #: seconds; Meta's standard messaging window

_MOST_REPLIES, _MOST_BUTTONS = 13, 3  # Meta's pages on quick replies and on the button template
_LONGEST_TITLE, _LONGEST_PAYLOAD = 20, 1000  # characters of either, on both

# Endings that specification 1.11.0 and its forerunner name. `file` takes "a wide range": nothing is refused there.
_ENDINGS = {
    "image": (".jpg", ".jpeg", ".png", ".gif"),
    "audio": (".mp3",),
    "video": (".mp4",),
}
# Last labels that no resolver outside this computer or network knows (RFC 2606, 6761, 6762, 7686, 8375).
_NOWHERE = ("localhost", "invalid", "test", "example", "local", "internal", "onion", "arpa")


@dataclass(frozen=True)
class Refusal:
    """A code of a status webhook: the service's text, and what brings it about here ('' where it must be asked for)."""

    code: str
    text: str
    how: str


@dataclass(frozen=True)
class Tag:
    """A message tag: `seconds` after the person's last message it still works, None without a limit."""

    name: str
    begins: datetime.date
    ends: datetime.date | None
    seconds: float | None


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))


#: Why a message is refused later, by its code (`refusals.toml`).
REFUSALS: Mapping[str, Refusal] = {
    code: Refusal(code, entry["text"], entry.get("how", "")) for code, entry in _table("refusals.toml").items()
}
_TAGS = {
    name: Tag(name, entry["from"], entry.get("until"), entry["days"] * DAY if "days" in entry else None)
    for name, entry in _table("tags.toml").items()
}


def tag_on(name: str, day: str) -> Tag | None:
    """Return the tag of this name if Meta took it on that `day` (`YYYY-MM-DD` or `today`), else None.

    Case does not matter: the sample of the guide's time writes `ticket_update`.
    """
    tag = _TAGS.get(name.upper())
    when = datetime.datetime.now(datetime.UTC).date() if day == "today" else datetime.date.fromisoformat(day)
    return tag if tag and tag.begins <= when and (tag.ends is None or when < tag.ends) else None


def tag_refusal(name: str, switches: Mapping[str, str]) -> str | None:
    """Return the code that refuses a tag on the day of `tags_of`, None when Meta takes it.

    A tag that there never was is 1021; the code of one that Meta gave up is not documented, so a switch has it.
    """
    if tag_on(name, switches["tags_of"]) is not None:
        return None
    return switches["retired_tag"] if name.upper() in _TAGS else "1021"


def window_refusal(ago: float, tag: str | None, switches: Mapping[str, str]) -> str | None:
    """Return 1340 when a message comes too late, `ago` seconds after the person's last one, else None.

    Without a tag the window is 24 hours; a `tag` that Meta takes has a limit of its own, or none.
    """
    taken = tag_on(tag, switches["tags_of"]) if tag is not None else None
    longest = taken.seconds if taken else WINDOW
    return "1340" if longest is not None and ago > longest else None


def is_wrong_type(kind: str, url: str) -> bool:
    """Say whether an address ends in a file type that this kind of message does not take.

    Without an ending nothing can be said: the simulator fetches no file, for it may not go on the network.
    """
    endings, ending = _ENDINGS.get(kind), PurePosixPath(urlsplit(url).path).suffix.lower()
    return bool(endings and ending and ending not in endings)


def is_wrong_template(message: Mapping[str, Any]) -> bool:
    """Say whether Meta's Send API takes no such `message` object: what a custom message passes through.

    It has a text or an attachment; 13 quick replies at most; a button template has a text and 1 to 3 buttons; titles of
    20 and payloads of 1000 characters. Source: Meta's pages; that any of it gets 1022 is inferred.
    """
    if not message.keys() & {"text", "attachment"}:
        return True
    attachment = message.get("attachment", {})
    payload = attachment.get("payload", {}) if isinstance(attachment, Mapping) else None
    replies = message.get("quick_replies", [])
    if not isinstance(payload, Mapping) or not isinstance(replies, list) or len(replies) > _MOST_REPLIES:
        return True
    buttons = payload.get("buttons", [])
    if payload.get("template_type") == "button" and not (payload.get("text") and buttons):
        return True
    if not isinstance(buttons, list) or len(buttons) > _MOST_BUTTONS:
        return True
    typed = [each for each in replies if isinstance(each, Mapping) and each.get("content_type", "text") != "text"]
    return any(_is_wrong_choice(each) for each in (*replies, *buttons) if each not in typed)


def _is_wrong_choice(choice: Any) -> bool:
    if not isinstance(choice, Mapping) or not isinstance(choice.get("title"), str):
        return True
    payload = choice.get("payload", "")
    is_payload = isinstance(payload, str | int) and len(str(payload)[: _LONGEST_PAYLOAD + 1]) <= _LONGEST_PAYLOAD
    return not (1 <= len(choice["title"]) <= _LONGEST_TITLE and is_payload)


def is_out_of_reach(url: str) -> bool:
    """Say whether Facebook can never fetch from an address: on this computer, in a private network, of no name."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.split(".")
        # A last label that begins with a digit is no name: one of the odd ways to write a number, such as 127.1.
        return len(labels) < 2 or not all(labels) or labels[-1] in _NOWHERE or labels[-1][0].isdigit()
