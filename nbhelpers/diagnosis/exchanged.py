"""Shows a call and its answer as they were: headers, body in its shape, signature in words, and the call as curl."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any

from nbhelpers.diagnosis.sequence import Exchanged
from nbhelpers.errors import cure_for
from nbhelpers.inbox.events import Delivery, Event, one_line
from nbhelpers.messages.inbound import TODAY, Unreadable, read
from nbhelpers.simulator.storage.calls import NOBODY

__all__ = ["api_refusal", "exchanged_by", "sent_by", "signature_words", "webhook_refusal"]

_LONGEST_BODY = 4000  # characters of a body that are shown
_SHAPES = {True: "today's shape", False: "the guide's shape"}


def exchanged_by(
    call: dict[str, Any] | None, delivery: Delivery | None, base: str, simulated: bool, asked: bool = False
) -> Exchanged:
    """Show a call as the simulator's record has it, as the receiver has it, or both; `asked` is one of the API.

    `base` is the address of whoever was called, for the command.
    """
    if call is not None:
        method, url, status = call["method"], call["url"], call["status"]
        headers: Iterable[tuple[str, str]] = [(name, value) for name, value in call["headers"]]
        raw = call["body"].encode()
        answer = f"{status}\n{_pretty(call['answer_body'].encode())}".strip() if status else call["words"]
    else:
        assert delivery is not None  # noqa: S101 - one of the two there is
        method, url, raw = delivery.method, delivery.path, delivery.body
        headers, answer = delivery.headers, str(delivery.answer)
    body = _pretty(raw)
    return Exchanged(
        line=f"{one_line(method, 10)} {one_line(url, 300)}",
        headers=_without_secrets(delivery.headers if delivery else headers),
        body=body or ("(refused before the body was read)" if asked else ""),
        shape=_SHAPES[url.startswith("/v1/")] if asked else _shape(raw),
        answer=answer,
        verdict=signature_words(delivery, simulated) if delivery else "",
        curl=_curl(method, url if "://" in url else base + url, body, "$JWT" if asked else None),
    )


def sent_by(event: Event, base: str) -> Exchanged:
    """Show a reply as the inbox has it: what was sent, and that it was accepted."""
    body = _pretty(event.body)
    return Exchanged(
        line=f"POST {event.path}",
        headers=(("Authorization", "Bearer ••••"), ("Content-Type", "application/json")),
        body=body,
        shape=_SHAPES[event.shape == TODAY],
        answer=f"202\n{json.dumps({'message_uuid': event.message_uuid})}",
        verdict="",
        curl=_curl("POST", base + event.path, body, "$JWT"),
    )


def signature_words(call: Delivery, simulated: bool) -> str:
    """Say how the signature of a call was judged; nothing of a call that was refused before anybody looked at it."""
    if call.verdict == "signed":
        return "Signature verified."
    if call.verdict == "wrong":
        return f"Signature wrong: {one_line(call.why, 120)}."
    if call.verdict == "unsigned":
        return "Unsigned."
    if not call.why:  # refused for its method or path
        return ""
    unset = "no signature secret is known" if simulated else "VONAGE_SIGNATURE_SECRET is not set"
    return f"Signature not verified: {unset}."


def api_refusal(call: dict[str, Any]) -> str:
    """Say why the API has refused a call, and what to do."""
    try:
        problem = json.loads(call["answer_body"])
    except ValueError:
        problem = {}
    problem = problem if isinstance(problem, dict) else {}
    parts = (one_line(str(problem.get(name) or ""), 120).rstrip(".") for name in ("title", "detail"))
    words = f"{call['status']} {': '.join(filter(None, parts))}".strip()
    cure = cure_for("refusal", str(problem.get("type", "")).rpartition("#")[2]) or cure_for("http", call["status"])
    return f"{words}. Next: {cure.next}" if cure else f"{words}."


def webhook_refusal(status: int, answer: str, words: str) -> str:
    """Say why a webhook was not taken, and what to do: in the receiver's own words where there are some."""
    try:
        said = json.loads(answer) if answer else {}
    except ValueError:
        said = {}
    parts = [str(said[name]) for name in ("error", "seen", "next") if said.get(name)] if isinstance(said, dict) else []
    if parts:
        return one_line(" ".join(parts), 240)
    if status == 0:
        told = one_line(words, 120)
        cure = " Next: start what should answer there, `lab.receiver`." if words == NOBODY else ""
        return f"{told[:1].upper()}{told[1:]}.{cure}"
    told = f"answered {status}"  # which is all that the simulator itself can say of it
    return f"It {told}. {'' if words == told else one_line(words, 120)}".strip()


def _pretty(body: bytes) -> str:
    try:
        text = json.dumps(json.loads(body), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace")
    text = "\n".join(one_line(line, 2000) for line in text.splitlines())
    return text if len(text) <= _LONGEST_BODY else text[:_LONGEST_BODY] + "\n… (cut)"


def _shape(body: bytes) -> str:
    said = read(body)
    return "" if isinstance(said, Unreadable) else _SHAPES[said.shape == TODAY]


def _without_secrets(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    shown = []
    for name, value in headers:
        if name.lower() in ("authorization", "cookie", "proxy-authorization") and "••••" not in value:
            value = f"{value.partition(' ')[0]} ••••"
        shown.append((one_line(name, 60), one_line(value, 300)))
    return tuple(shown)


def _curl(method: str, url: str, body: str, token: str | None = None) -> str:
    lines = [f"curl -X {shlex.quote(method)} {shlex.quote(url)}"]
    if token:
        lines.append(f'  -H "Authorization: Bearer {token}"')
    if body:
        lines += ["  -H 'Content-Type: application/json'", f"  --data-raw {shlex.quote(body)}"]
    return " \\\n".join(lines)
