"""The exercises: untouched not yet, two typical wrong answers each named by what was seen, and the solution done."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.course import exercises
from nbhelpers.course.exercises import tasks
from nbhelpers.course.outcome import Outcome
from nbhelpers.course.steps import STEPS
from nbhelpers.errors import SettingsError
from tests.conftest import REPOSITORY
from tests.support.exercising import POST, answered, arrived, run, untouched
from tests.support.labs import Shared, opened

NUMBERS = list(tasks())


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """A lab of this file's own: time that was let pass in it cannot be taken back."""
    with opened(tmp_path_factory.mktemp("exercises") / "lab") as lab:
        yield Shared(lab)


AGAIN = 'page = lab.simulator.create_page("Corner Bakery")'
SIGN = """
claims |= {{"iat": int(time.time()), "exp": int(time.time()) + {}, "jti": str(uuid.uuid4())}}
token = jwt.encode(claims, {}, algorithm="RS256")
"""
ASK = 'requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code'
LINK = 'requests.post(link_url, data={"jwt": token, "page": lab.facts["page_name"]}, timeout=10)'

# For each exercise two answers that people give, and what the check says of them.
WRONG: dict[str, list[tuple[str, str]]] = {
    "1.1": [
        (f'second = "Corner Café"\n{AGAIN}', "`second` holds Corner Café, and that is no Page."),
        (f"second = lab.simulator.create_page(page.name)\n{AGAIN}", "`second` is “Corner Bakery”, the Page that"),
    ],
    "1.2": [
        (
            'wrote_today = "yes"; only_liked_it = "yes"; wrote_to_your_other_page = "no"',
            "You say yes to somebody who only liked your Page.",
        ),
        (
            'wrote_today = "yes"; only_liked_it = "no"; wrote_to_your_other_page = "Yes"',
            "You say yes to somebody who wrote to your other Page.",
        ),
    ],
    "2.1": [
        (
            "from cryptography.hazmat.primitives.serialization import load_pem_private_key\n"
            "own = load_pem_private_key(lab.key_file.read_bytes(), None)",
            "`own` is the private key itself. It is not shown here",
        ),
        (
            "from cryptography.hazmat.primitives.asymmetric import rsa\n"
            "own = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()",
            r"`own` is another key: its fingerprint is \w{8}, and that of the half which application …\w{4} holds",
        ),
    ],
    "2.2": [
        (
            'second = requests.post(url, json=form, auth=account, timeout=10).json()["id"]\n'
            "first = lab.facts['application_id']\n"
            "lab.note(application_id=second)\n"
            'broken = mended = lab.check("application")',
            r"`mended` says “Wrong. \S+ does not fit application …\w{4}",
        ),
        (
            'lab.note(application_id=first)\nbroken = mended = lab.check("application")',
            "`broken` says “Done. Application …",
        ),
    ],
    "3.1": [
        (
            f"{SIGN.format(900, 'private_key')}\nshort = token\nbefore = {ASK}\n"
            f"lab.simulator.advance(minutes=20)\nafter = {ASK}",
            "Your token lasts 900 seconds, from `iat` to `exp`.",
        ),
        (f"{SIGN.format(60, 'private_key')}\nshort = token\nbefore = after = {ASK}", "`after` is 400: for the service"),
    ],
    "3.2": [
        (f'{SIGN.format(900, "private_key")}\nstrange, because = token, "key"', "it answered 400. It is signed with"),
        (
            f'{SIGN.format(900, "fresh")}\nstrange, because = token, "time"',
            r"You say that its time is over. The token is good for another 1[45]:\d\d.",
        ),
    ],
    "4.1": [
        (
            f"token = lab.token()\nrefused = linked = {LINK}",
            "`refused` says that “Corner Bakery” was linked: that token was still good.",
        ),
        (
            f"token = lab.token()\nlab.simulator.advance(hours=1)\nrefused = linked = {LINK}",
            "`linked` says “Unauthorised: Invalid Token”: that token was refused too.",
        ),
    ],
    "4.2": [
        (
            'lab.simulator.link(lab.token(), name)\nsaid = lab.user.write("Hello?")',
            "The service made a webhook of this message: “Corner Bakery” was linked",
        ),
        (
            'lab.simulator.unlink(name)\nsaid = lab.user.write("Hello?")',
            "“Corner Bakery” is linked to no application now.",
        ),
    ],
    "5.1": [
        (
            'lab.webhooks.save(method="POST")\nswapped = mended = lab.check("webhooks")',
            "`swapped` says “Done. Both addresses answered a POST with 200.",
        ),
        (
            "at = lab.receiver\n"
            'lab.webhooks.save(inbound=at.status_url, status=at.inbound_url, method="POST")\n'
            'swapped = lab.check("webhooks")\nlab.webhooks.save()\nmended = lab.check("webhooks")',
            "`mended` says “Wrong. The method is GET: set POST.”",
        ),
    ],
    "5.2": [
        (
            'shut = astray = asked = lab.webhooks.save(method="POST")',
            r"`shut`: the call to http://127.0.0.1:\d+/webhooks/inbound came with POST and was answered 200",
        ),
        (
            'shut = lab.webhooks.save(inbound=url, method="POST")\n'
            'astray = lab.webhooks.save(inbound=lab.receiver.inbound_url + "/x", method="POST")\n'
            "asked = lab.webhooks.save()",
            "Your answers are right. One thing is left, in step 5: The method is GET: set POST. Then run",
        ),
    ],
    "6.1": [
        (
            'ids = lambda event: (event["from"]["id"], event["to"]["id"])',
            r"For a text in today's shape `ids` raised TypeError: string indices must be integers.* `from` is \d{16}",
        ),
        (
            'ids = lambda event: (event["to"]["id"], event["from"]["id"])',
            r"For a text in the guide's shape `ids` returned \(\d{15}, \d{16}\). `from` is \d{16} there",
        ),
    ],
    "6.2": [
        (
            'there = lab.user.write("Hello?")\nhere = lab.user.write("Hello!")',
            r"Both messages went to “Corner Bakery”, and there Ada is \d{16} both times.",
        ),
        (
            'lab.simulator.create_page("Corner Café"); lab.note(page_name=mine)\n'
            'there = lab.user.write("Hello?", page="Corner Café")\nhere = lab.user.write("Hello!", page=mine)',
            "“Corner Café” is linked to no application, so its message was not passed on.",
        ),
    ],
    "7.1": [
        (
            f'turned, who = {POST.format("url, json=flat")}, "person"',
            r"`from` was \d{15}, and that is your Page: the right way round. The service answered 202.",
        ),
        (
            'wrong = flat | {"from": flat["to"], "to": flat["from"]}\n'
            f'turned, who = {POST.format("url, json=wrong")}, "Page"',
            r"You say that `from` was a Page. It was \d{16}",
        ),
    ],
    "7.2": [
        (
            f"early = {POST.format('url, json=flat')}\nlab.simulator.advance(hours=25)\n"
            f"late = {POST.format('url, json=flat')}",
            r"`early` went to \d{16}, who has written to your Page.",
        ),
        (
            'lab.user.write("Hello again")\n'
            f"""early = {POST.format('url, json=flat | {"to": "2" * 16}')}\nlate = {POST.format("url, json=flat")}""",
            r"`late` was delivered to \d{16}: the last message of that person is not a day old.",
        ),
    ],
    "7.3": [
        (
            "token, psid = lab.token(), event.psid\n"
            'headers = {"Authorization": f"Bearer {token}"}\n'
            "answer = requests.post(url, json=flat, headers=headers, timeout=10)",
            "`token` was made by `lab.token()`.",
        ),
        (
            "import jwt, time, uuid\n"
            "now, jti = int(time.time()), str(uuid.uuid4())\n"
            "claims = {'application_id': lab.facts['application_id'], 'iat': now, 'jti': jti}\n"
            'token = jwt.encode(claims, lab.key_file.read_text(), algorithm="RS256")\n'
            'psid, answer = lab.inbox.newest_message().psid, lab.reply("By the kit")',
            "`answer` is what `lab.reply` said.",
        ),
    ],
}


@pytest.mark.parametrize("number", NUMBERS)
def test_untouched_it_is_not_yet_two_wrong_answers_are_named_and_the_solution_is_done(number: str, ready: Lab) -> None:
    names = arrived(ready, number)
    outcome = run(untouched(number), names)
    assert outcome.kind == "not yet"
    assert all(f"`{blank}`" in outcome.words for blank in tasks()[number].blanks)
    assert len(WRONG[number]) == 2
    for code, said in WRONG[number]:
        outcome = run(answered(number, code), names)
        assert outcome.kind in ("wrong", "not yet"), outcome
        assert said in outcome.words or re.search(said, outcome.words), outcome
    assert ready.progress().exercises == ()
    run(untouched(number), names)  # what the cell defines is as at the beginning
    outcome = run(tasks()[number].solution, names)
    assert outcome.kind == "done", outcome
    assert "{" not in outcome.words
    assert ready.progress().exercises == (number,)
    assert repr(ready.exercise(number)).startswith(f"Exercise {number}, {tasks()[number].title}: done.")


# The table


@pytest.mark.fast
def test_every_step_says_how_many_it_has() -> None:
    assert len(NUMBERS) == sum(step.exercises for step in STEPS)
    for step in STEPS:
        assert [n for n in NUMBERS if n.startswith(f"{step.number}.")] == [
            n for n in NUMBERS if tasks()[n].step == step.key
        ]
        assert len([n for n in NUMBERS if tasks()[n].step == step.key]) == step.exercises


@pytest.mark.fast
def test_every_sentence_is_said_somewhere_and_every_sentence_that_is_said_is_there() -> None:
    folder = REPOSITORY / "nbhelpers" / "course"
    said: set[str] = set()
    for path in folder.glob("exercise_checks*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "says":
                first = node.args[0]
                either = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
                said |= {each.value for each in either if isinstance(each, ast.Constant)}
    # The names of blanks stand in a loop there: these sentences are called as the blank is.
    loops = {blank for task in tasks().values() for blank in task.blanks}
    there = {name for task in tasks().values() for name in task.sentences}
    assert said <= there
    assert there <= said | loops


@pytest.mark.fast
def test_the_table_has_no_key_that_nobody_reads() -> None:
    table = tomllib.loads((REPOSITORY / "nbhelpers/course/exercises.toml").read_text(encoding="utf-8"))
    known = {"step", "title", "blanks", "hints", "solution", "done", "not_yet", "wrong"}
    assert [number for number, entry in table.items() if set(entry) - known] == []
    assert all({"done", "wrong"} <= set(entry) for entry in table.values())


# Hints and solutions


@pytest.mark.fast
@pytest.mark.parametrize("number", NUMBERS)
def test_hints_grow_and_lead_to_the_solution(ready: Lab, number: str) -> None:
    exercise, hints = ready.exercise(number), tasks()[number].hints
    assert len(hints) >= 2
    assert repr(exercise.hint()) == f"Hint 1 of {len(hints)}: {hints[0]} `.hint(2)` says more."
    last = repr(exercise.hint(len(hints)))
    assert last.endswith("`.solution()` shows a way.")
    assert repr(exercise.hint(99)) == last
    assert repr(exercise.solution()).endswith(tasks()[number].solution.strip())


@pytest.mark.fast
def test_everything_has_a_rich_and_a_printed_form_and_none_of_them_says_none(ready: Lab) -> None:
    exercise = ready.exercise("3.1")
    for told in (exercise, exercise.hint(), exercise.solution(), exercise.check(..., ..., ...)):
        assert "None" not in str(told) + repr(told) + told._repr_html_()
        assert str(told) == repr(told)
        assert told._repr_html_().startswith("<")
    assert "<pre><code>claims |= {&quot;iat&quot;" in exercise.solution()._repr_html_()
    assert (
        repr(exercise)
        == "Exercise 3.1, A pass for sixty seconds: open. check(short, before, after), hint(), solution()"
    )


# What a check never does


@pytest.mark.fast
@pytest.mark.parametrize(
    "rubbish", [5, None, object(), b"\xff", "", [1], {"a": 1}, float("nan"), "\ud800", True, print]
)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_check_never_raises_whatever_is_in_hand(ready: Lab, number: str, rubbish: Any) -> None:
    outcome = ready.exercise(number).check(*[rubbish] * len(tasks()[number].blanks))
    assert outcome.kind in ("wrong", "not yet")
    assert outcome.words


@pytest.mark.fast
@pytest.mark.parametrize("number", NUMBERS)
def test_a_check_never_shows_a_token_or_a_key(ready: Lab, number: str) -> None:
    for secret in (str(ready.token()), ready.key_file.read_text()):
        outcome = ready.exercise(number).check(*[secret] * len(tasks()[number].blanks))
        assert "eyJ" not in repr(outcome)
        assert "BEGIN" not in repr(outcome)


@pytest.mark.fast
def test_what_is_blank_is_named_and_so_is_a_value_too_few(ready: Lab) -> None:
    exercise = ready.exercise("3.1")
    assert repr(exercise.check("token", ..., ...)) == (
        'Not yet. `before` and `after` have no value yet. `lab.exercise("3.1").hint()` helps.'
    )
    assert repr(exercise.check()) == "Not yet. Check takes short, before, after, in this order; 0 of 3 came."


@pytest.mark.fast
@pytest.mark.parametrize("number", NUMBERS)
def test_in_another_mode_it_cannot_tell_and_sends_nothing(tmp_path: Path, number: str) -> None:
    live = Lab(state=tmp_path / "lab", mode="live")
    outcome = live.exercise(number).check(*["x"] * len(tasks()[number].blanks))
    live.inbox.close()
    assert repr(outcome) == "Cannot tell. Exercises need the simulator, and this is live mode. Nothing was sent."


def test_when_the_simulator_is_gone_it_cannot_tell_and_says_so(fresh: Lab) -> None:
    fresh.need("link")
    exercise = fresh.exercise("4.2")
    said = fresh.user.write("Hello")
    fresh.stop()
    outcome = exercise.check(said)
    assert outcome.kind == "cannot tell"
    assert "`lab = Lab()`" in outcome.words


@pytest.mark.fast
@pytest.mark.parametrize("unknown", ["8.1", "", None, 3, "x" * 500])
def test_an_unknown_exercise_is_said_with_those_there_are(ready: Lab, unknown: Any) -> None:
    with pytest.raises(SettingsError, match=r"There are 1\.1, 1\.2, 2\.1") as refused:
        ready.exercise(unknown)
    assert len(str(refused.value)) < 200
    assert isinstance(ready.exercise(3.1), exercises.Exercise)  # type: ignore[arg-type] # as people write it


@pytest.mark.fast
def test_what_it_says_is_an_outcome_as_a_steps_check_says_it(ready: Lab) -> None:
    assert isinstance(ready.exercise("1.2").check("yes", "no", "no"), Outcome)
    assert ready.progress().exercises == ("1.2",)
    counted = f"exercises: 1 of {len(NUMBERS)}"
    assert counted in repr(ready.need())
    assert counted in repr(ready.progress())
    assert counted in ready.progress()._repr_html_()
    assert "exercises" not in ready.facts
