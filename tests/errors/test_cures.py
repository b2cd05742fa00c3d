"""The cures: every code that can be met has one, in whole sentences, with a next step."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from nbhelpers.errors import Cure, cure_for, cures
from nbhelpers.simulator.rules import problems
from nbhelpers.simulator.rules.messenger import REFUSALS
from nbhelpers.simulator.storage.faults import FAULTS
from nbhelpers.simulator.storage.switches import SWITCHES

pytestmark = pytest.mark.fast

CURES = tomllib.loads(resources.files("nbhelpers.errors").joinpath("cures.toml").read_text(encoding="utf-8"))
CODES = tomllib.loads((Path(__file__).parents[1] / "data" / "codes.toml").read_text(encoding="utf-8"))
KNOWN = {space: sorted({str(code) for each in lists for code in each["codes"]}) for space, lists in CODES.items()}


@pytest.mark.parametrize("space", KNOWN)
def test_every_code_that_can_be_met_has_a_cure(space: str):
    assert KNOWN[space]
    for code in KNOWN[space]:
        cure = cure_for(space, code)
        assert isinstance(cure, Cure), f"[{space}.{code}] is missing in cures.toml"
        assert cure.what and cure.next and cure.seen and cure.fault, code


def test_every_cure_is_of_a_code_that_can_be_met():
    known = {f"{space}.{code}" for space, codes in KNOWN.items() for code in codes}
    assert {f"{space}.{code}" for space, found in cures().items() for code in found} == known


@pytest.mark.parametrize("space", KNOWN)
def test_every_cure_is_told_in_whole_sentences(space: str):
    for code, cure in cures()[space].items():
        for sentence in (cure.what, cure.next, cure.seen):
            assert sentence.strip() == sentence, code
            assert sentence[0].isupper() or sentence[0] == "`", code
            assert sentence[-1] == ".", code
            assert "{" not in sentence.replace("`{}`", ""), code
            assert sentence.count("`") % 2 == 0, code


@pytest.mark.parametrize("space", KNOWN)
def test_the_fault_that_shows_a_code_is_one_that_there_is(space: str):
    for code, cure in cures()[space].items():
        kind, _, rest = cure.fault.partition(":")
        if kind == "lesson":
            assert rest in FAULTS, code
        elif kind == "refuse":
            assert rest in REFUSALS and space == "status", code
        elif kind == "do":
            assert rest[0].isupper() and rest[-1] == ".", code
        else:
            assert cure.fault == "none", code


def test_a_cure_says_only_what_its_space_does_not_say_for_it():
    usual = CURES["usually"]
    assert set(usual) == set(CURES) - {"usually"} == set(CODES)
    for space, words in usual.items():
        assert set(words) == {"seen", "fault"}
        for code, cure in CURES[space].items():
            assert {"what", "next"} <= set(cure) <= {"what", "next", "seen", "fault"}, code
            assert all(cure.get(name) != said.replace("{code}", code) for name, said in words.items()), code


def test_a_cure_of_ngrok_never_asks_to_show_a_token():
    for code, cure in cures()["ngrok"].items():
        words = f"{cure.what} {cure.next} {cure.seen}"
        if "token" in words.lower():
            assert not re.search(r"\b(print|paste|show|send) (it|the token|your token)\b(?! to nobody)", words), code


# What the simulator can answer


def problems_of_the_simulator() -> list[problems.Problem]:
    """Every error that its code can make."""
    named = [("field", "is required.")]
    made = [problems.unauthorised(), problems.unauthorised(version="v1"), problems.invalid_v01(named)]
    made += [make(version) for make in (problems.low_balance,) for version in ("v0.1", "v1")]
    made += [problems.invalid_json(version, "reason") for version in ("v0.1", "v1")]
    made += [problems.problem_v1(number) for number in problems._V1]
    made += [problems.rate_limited(fragment) for fragment in SWITCHES["rate_limit_fragment"].choices]
    made += [problems.unknown_message("uuid"), problems.unsupported_operation()]
    made += [problems.bad_application(status) for status in problems._APPLICATION]
    made += [problems.bad_application(400, [("page", "must be")])]
    made += [problems.external(status) for status in (403, 404, 409)] + [problems.external(400, parameters=named)]
    for path in Path(problems.__file__).parents[1].rglob("*.py"):
        calls = re.findall(r"(gateway|settings_refused)\((\d{3})", path.read_text(encoding="utf-8"))
        made += [problems.Problem(int(status)) for _, status in calls]
    return made


def test_every_error_that_the_simulator_can_answer_has_a_cure():
    made = problems_of_the_simulator()
    assert {413, 420} <= {each.status for each in made}
    for each in made:
        assert cure_for("http", each.status), each
        fragment = each.fields.get("type", "").rpartition("#")[2]
        assert not fragment or cure_for("refusal", fragment), each


def test_every_error_of_the_simulators_own_module_was_made_here():
    # One that is written next year is not to be forgotten.
    makers = {name for name in problems.__all__ if name != "Problem"}
    here = (Path(__file__)).read_text(encoding="utf-8")
    assert {name for name in makers if name not in here} == set()


def test_every_code_of_a_status_webhook_that_the_simulator_can_send_has_a_cure_and_no_other():
    assert set(cures()["status"]) == set(REFUSALS)


@pytest.mark.parametrize("name", FAULTS)
def test_every_code_that_a_lesson_shows_has_a_cure(name: str):
    for code in re.findall(r"\b[1-9]\d{2,3}\b", FAULTS[name].see):
        assert code == "202" or cure_for("status", code) or cure_for("http", code), code


def test_a_number_means_another_thing_in_each_space():
    assert cure_for("refusal", 1120) != cure_for("status", 1120)
    assert cure_for("refusal", 1100) != cure_for("status", 1100)
    assert "Page" in cure_for("refusal", 1120).what
    assert "24 hours" in cure_for("status", 1340).what


def test_the_first_known_code_gives_the_cure():
    assert cure_for("status", None, "no such code", 1340, 1300) == cure_for("status", "1340") is not None


def test_an_unknown_code_or_space_has_no_cure():
    assert cure_for("status", 999999) is None
    assert cure_for("status") is None
    assert cure_for("no such space", 1340) is None
