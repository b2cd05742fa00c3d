"""What became of every accepted message: is it in the simulator's file, and where is each of its two webhooks."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame import CannotMeasure
from benchmarks.sink import Call, understood
from nbhelpers.auth.signatures import verify

__all__ = ["STATUSES", "Audit", "Stored", "audit", "read_calls", "read_store"]

STATUSES = ("submitted", "delivered")  # each message has these two
_JUDGED = 1000  # signatures verified in one run at most, spread over it


@dataclass(frozen=True)
class Stored:
    """What a simulator has on the disk: the messages sent, and the statuses (uuid, status) that wait for delivery."""

    messages: frozenset[str]
    waiting: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Audit:
    """The count of a run: statuses that came too `late`, messages or statuses `lost`, statuses that came `again`.

    `during` is the share of the statuses that had arrived when the last send was answered, `last` the seconds
    from then to the last that came. `unsigned` counts webhooks with a wrong signature or none, among those `judged`.
    """

    during: float = 0.0
    last: float = 0.0
    late: int = 0
    lost: int = 0
    again: int = 0
    unsigned: int = 0
    judged: int = 0


def read_store(path: Path) -> Stored:
    """Read the file of a simulator that has ended. Raises CannotMeasure for a file of another form."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as file:
            messages = {row[0] for row in file.execute("SELECT uuid FROM messages WHERE way = 'out'")}
            waiting = set(file.execute("SELECT uuid, kind FROM webhooks WHERE outcome IS NULL AND kind <> 'inbound'"))
    except sqlite3.Error as error:
        raise CannotMeasure(f"The simulator's file has another form than audit.py knows: {error}.") from None
    return Stored(frozenset(messages), frozenset(waiting))


def read_calls(path: Path) -> list[Call]:
    """Read what the sink has dumped."""
    return [understood(at, request.encode("latin-1")) for at, request in json.loads(path.read_text("utf-8"))]


def audit(
    accepted: Sequence[str],
    stored: Stored,
    calls: Iterable[Call] = (),
    ended: float = 0.0,
    patience: float = 0.0,
    secret: str = "",
) -> Audit:
    """Hold what was accepted against what is on the disk and what reached the sink.

    `ended` is the monotonic time of the last answer; what arrives more than `patience` seconds after it is late.

    Lost is a message that is not in the file, a uuid that was given out twice, and a status that has neither reached
    the sink nor waits in the file. With no calls at all every status must wait there.
    """
    calls = list(calls)
    said = [json.loads(call.body) for call in calls]
    told = [(call.at, (each.get("message_uuid"), each.get("status"))) for call, each in zip(calls, said, strict=True)]
    arrived = Counter(pair for _, pair in told if pair[1] is not None)
    in_time = {pair for at, pair in told if at <= ended + patience}
    during = {pair for at, pair in told if at <= ended}
    wanted = {(uuid, status) for uuid in accepted for status in STATUSES}
    missing = len(accepted) - len(set(accepted) & stored.messages)
    gone = sum(pair not in arrived and pair not in stored.waiting for pair in wanted)
    judged = calls[:: max(1, -(-len(calls) // _JUDGED))]
    wrong = sum(verify(call.authorization, call.body, secret).kind != "signed" for call in judged)
    # One without any signature is seen among all of them, not only among the judged.
    bare = sum(call.authorization is None for call in calls)
    return Audit(
        during=len(wanted & during) / max(1, len(wanted)),
        last=max(0.0, max((at for at, _ in told), default=0.0) - ended),
        late=len(wanted - in_time),
        lost=missing + gone,
        again=sum(count - 1 for count in arrived.values()),
        unsigned=max(wrong, bare),
        judged=len(judged),
    )
