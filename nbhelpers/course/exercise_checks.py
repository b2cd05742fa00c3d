"""The checks of the exercises of steps 1 to 5: each looks at what was given and at the real state, and changes nothing.

A check returns the name of a sentence of `exercises.toml`, and what was seen: the values for that sentence.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import jwt
import requests

from nbhelpers.api import applications
from nbhelpers.auth import tokens
from nbhelpers.auth.private_key import fingerprint
from nbhelpers.course import checks
from nbhelpers.course.actions import ActionResult, Page, Saved
from nbhelpers.course.context import CourseContext
from nbhelpers.course.outcome import Outcome, in_hand, last_four
from nbhelpers.errors import CredentialsError, ServiceError, TokenError
from nbhelpers.inbox.events import one_line

__all__ = ["CHECKS", "Verdict", "answer_of", "facts_of", "page_named", "reason_of", "says", "yours"]

#: Which sentence of the table is said, and what fills its gaps.
Verdict = tuple[str, dict[str, Any]]

_TIMEOUT = (3.05, 10.0)  # seconds: to connect, and to the answer
_SHORT = 60  # seconds that the token of exercise 3.1 lasts
_WEBHOOKS = 1000  # the newest webhooks that are looked through for one message


# What the checks share


def says(sentence: str, **seen: Any) -> Verdict:
    """Name a sentence and what was seen."""
    return sentence, seen


def answer_of(value: Any) -> tuple[int | None, dict[str, Any]] | None:
    """Return status and JSON of what a call was answered, None when it is no answer; JSON alone has no status."""
    if isinstance(value, requests.Response):
        try:
            body = value.json()
        except ValueError:
            body = {}
        return value.status_code, body if isinstance(body, dict) else {}
    return (None, value) if isinstance(value, dict) else None


def reason_of(body: dict[str, Any]) -> str:
    """Return the service's own words for a refusal, in one line."""
    words = [body.get(name) for name in ("title", "detail", "error", "seen")]
    return one_line(": ".join(str(word) for word in words if word) or json.dumps(body), 200)


def page_named(course: CourseContext, name: str | None) -> dict[str, Any] | None:
    """Return a Page by its name, as the simulator has it."""
    return next((page for page in course.control.pages() if page["name"] == name), None)


def yours(course: CourseContext) -> dict[str, Any]:
    """Return the Page that counts as the learner's. Raises ServiceError when there is none."""
    page = page_named(course, course.facts.get("page_name"))
    if page is None:
        raise ServiceError("There is no Page yet.", next="Do step 1 first.")
    return page


def _status(course: CourseContext, token: str) -> int:
    """Return what the service answers to an empty message with this token: 400 when it believes it."""
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{course.host}/v0.1/messages", json={}, headers=headers, timeout=_TIMEOUT).status_code


def facts_of(token: Any) -> tokens.TokenFacts | None:
    """Return what a token says, None when it is none."""
    try:
        return tokens.inspect(token)
    except TokenError:
        return None


def _number(value: Any) -> Any:
    return value.status_code if isinstance(value, requests.Response) else value


# 1: page


def _second_page(course: CourseContext, second: Any) -> Verdict:
    if not isinstance(second, Page):
        return says("no_page", seen=in_hand(second))
    first = yours(course)
    if second.name == first["name"]:
        return says("same", second=second.name)
    names = {"first": first["name"], "second": second.name}
    return says("known" if second.people() else "two", **names)


def _whom(course: CourseContext, wrote_today: Any, only_liked_it: Any, wrote_to_your_other_page: Any) -> Verdict:
    answers = {
        "wrote_today": (wrote_today, True),
        "only_liked_it": (only_liked_it, False),
        "wrote_to_your_other_page": (wrote_to_your_other_page, False),
    }
    for name, (given, right) in answers.items():
        said = {"yes": True, "no": False}.get(given.strip().lower()) if isinstance(given, str) else given
        if not isinstance(said, bool):
            return says("neither", name=name, seen=in_hand(given))
        if said != right:
            return says(name)
    return says("right", page=yours(course)["name"])


# 2: application


def _fits(course: CourseContext, own: Any) -> Verdict:
    if hasattr(own, "private_numbers") or "PRIVATE KEY" in str(own):
        return says("private")
    try:
        print_of_own = fingerprint(own)
    except CredentialsError:
        return says("no_key", seen=in_hand(own))
    stored = fingerprint(applications.read(course.settings, course.application_id).public_key)
    seen = {"own": print_of_own, "stored": stored, "application": last_four(course.application_id)}
    return says("fits" if print_of_own == stored else "other", **seen)


def _pairs(course: CourseContext, broken: Any, mended: Any) -> Verdict:
    for name, given in (("broken", broken), ("mended", mended)):
        if not isinstance(given, Outcome):
            return says("no_outcome", name=name, seen=in_hand(given))
    if broken.kind != "wrong":
        return says("fitted", words=repr(broken))
    if not mended.good:
        return says("not_mended", words=repr(mended))
    now = checks.application(course)
    return says("pairs", application=last_four(course.application_id)) if now.good else says("not_mended", words=now)


# 3: jwt


def _short_token(course: CourseContext, short: Any, before: Any, after: Any) -> Verdict:
    facts = facts_of(short)
    if facts is None:
        return says("no_token", seen=in_hand(short))
    if facts.issued is None or facts.expires is None or "exp" not in facts.claims:
        return says("no_end")
    life = round((facts.expires - facts.issued).total_seconds())
    if life != _SHORT:
        return says("life", life=life)
    first, later = _number(before), _number(after)
    if first == requests.codes.unauthorized and (age := -(facts.remaining or 0.0)) >= 0:
        return says("late", age=f"{round(age + life)} seconds")
    if first != requests.codes.bad_request:
        return says("before", seen=in_hand(first))
    if later != requests.codes.unauthorized:
        return says("after", seen=in_hand(later))
    now = _status(course, str(short))
    return says("over", before=first, after=later) if now == later else says("alive", seen=now)


def _strange_key(course: CourseContext, strange: Any, because: Any) -> Verdict:
    facts = facts_of(strange)
    if facts is None:
        return says("no_token", seen=in_hand(strange))
    application = last_four(course.application_id)
    if facts.claims.get("application_id") != course.application_id:
        named = in_hand(facts.claims.get("application_id"))
        return says("claims", seen=f"application_id {named}", wanted=f"the ID of step 2, {application}")
    if facts.fault is not None or (facts.remaining or 0) <= 0:
        seen, wanted = facts.fault or (f"that it {facts.remaining_text}", "a time to come")
        return says("claims", seen=one_line(seen), wanted=wanted)
    status = _status(course, str(strange))
    if status != requests.codes.unauthorized or _is_own(course, str(strange)):
        return says("believed", status=status)
    said = because.strip().lower() if isinstance(because, str) else because
    if said == "claims":
        return says("not_claims", application=application)
    if said == "time":
        return says("not_time", left=facts.remaining_text.removesuffix(" left"))
    return (
        says("refused", status=status, application=application)
        if said == "key"
        else says("neither", seen=in_hand(because))
    )


def _is_own(course: CourseContext, token: str) -> bool:
    try:
        jwt.decode(token, course.key().public_pem, ["RS256"], options={"verify_exp": False, "verify_iat": False})
    except jwt.PyJWTError:
        return False
    return True


# 4: link


def _two_links(course: CourseContext, refused: Any, linked: Any) -> Verdict:
    page, bodies = yours(course), []
    for name, given in (("refused", refused), ("linked", linked)):
        if not isinstance(given, requests.Response):
            return says("no_answer", name=name, seen=in_hand(given))
        bodies.append((answer_of(given) or (None, {}))[1])
    old, new = bodies
    if old.get("linked") is True:
        return says("not_refused", page=one_line(str(old.get("page"))))
    if refused.status_code != requests.codes.unauthorized:
        return says("not_its_age", reason=reason_of(old))
    if (why := _never_good(course, refused)) is not None:
        return says("never_good", seen=why)
    if new.get("linked") is not True:
        return says("not_linked", reason=reason_of(new))
    if new.get("page_id") != page["id"]:
        return says("other_page", seen=in_hand(new.get("page_id")), page_id=page["id"])
    return says("both", reason=reason_of(old), page=page["name"], page_id=page["id"])


def _never_good(course: CourseContext, answer: requests.Response) -> str | None:
    """Say why the token in a form that was sent could be no good at any time, None when only its age can be wrong."""
    body = answer.request.body or ""
    form = parse_qs(body if isinstance(body, str) else body.decode("utf-8", "replace"))
    sent = form.get("jwt", [""])[0]
    facts = facts_of(sent)
    if facts is None:
        return "it cannot be read"
    if facts.claims.get("application_id") != course.application_id:
        return "it names another application"
    is_old = facts.issued is not None and time.time() - facts.issued.timestamp() > tokens.LONGEST
    if facts.fault is not None and not is_old:
        return f"it says {one_line(facts.fault[0])}"
    return None if _is_own(course, sent) else "your key has not signed it"


def _passed_on(course: CourseContext, said: Any) -> Verdict:
    if not isinstance(said, ActionResult) or said.message_uuid is None:
        return says("no_message", seen=in_hand(said))
    page = yours(course)
    if any(webhook["uuid"] == said.message_uuid for webhook in course.control.webhooks(_WEBHOOKS)):
        return says("passed_on", page=page["name"])
    return says("unlinked" if page["application_id"] is None else "kept", page=page["name"])


# 5: webhooks


def _swapped(_course: CourseContext, swapped: Any, mended: Any) -> Verdict:
    for name, given in (("swapped", swapped), ("mended", mended)):
        if not isinstance(given, Outcome):
            return says("no_outcome", name=name, seen=in_hand(given))
    if swapped.kind != "wrong" or "swapped" not in swapped.words:
        return says("not_swapped", words=repr(swapped))
    if not mended.good:
        return says("not_mended", words=repr(mended))
    return says("mended")


def _unreachable(_course: CourseContext, shut: Any, astray: Any, asked: Any) -> Verdict:
    expected = {"shut": (shut, 0), "astray": (astray, 404), "asked": (asked, 405)}
    for name, (given, status) in expected.items():
        if not isinstance(given, Saved) or not given.calls:
            return says("no_save", name=name, seen=in_hand(given))
        call = given.calls[0]
        if call["status"] != status:
            return says(name, **{each: call[each] for each in ("url", "method", "words")})
    return says("apart")


#: The check of each exercise of steps 1 to 5, by its number.
CHECKS: dict[str, Callable[..., Verdict]] = {
    "1.1": _second_page,
    "1.2": _whom,
    "2.1": _fits,
    "2.2": _pairs,
    "3.1": _short_token,
    "3.2": _strange_key,
    "4.1": _two_links,
    "4.2": _passed_on,
    "5.1": _swapped,
    "5.2": _unreachable,
}
