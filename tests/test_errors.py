"""errors and cures.toml: what went wrong in words, in one line, with a next step for every code."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from nbhelpers import errors
from nbhelpers.errors import ApiError, Cure, KitError, TokenError, cure_for

pytestmark = pytest.mark.fast

CURES = tomllib.loads(resources.files("nbhelpers").joinpath("cures.toml").read_text(encoding="utf-8"))

# messages-api.md: statuses of 2.1 and 2.2; fragments of 2.2 and of its `InvalidParams` in 2.1; codes of 2.4.
STATUSES = (400, 401, 402, 403, 404, 422, 429, 500)
FRAGMENTS = (
    *("InvalidParams", "low-balance", "unathorized", "unprovisioned", "invalid-json"),
    *("1000", "1010", "1060", "1100", "1110", "1120", "110", "1140", "1150"),
)
CODES = (
    *(1000, 1010, 1020, 1021, 1022, 1030, 1060, 1070, 1100, 1241, 1300, 1320, 1330, 1331, 1340, 1350, 1370),
    *(1380, 1381, 1382),
)


def exceptions() -> list[type[KitError]]:
    found = [getattr(errors, name) for name in errors.__all__]
    return [one for one in found if isinstance(one, type) and issubclass(one, KitError)]


@pytest.mark.parametrize(
    ("space", "code"),
    [("http", code) for code in STATUSES]
    + [("refusal", code) for code in FRAGMENTS]
    + [("status", code) for code in CODES]
    + [("connection", code) for code in ("refused", "timeout", "name", "tls", "proxy", "other")],
)
def test_every_documented_code_has_a_cure(space: str, code: str | int):
    cure = cure_for(space, code)
    assert isinstance(cure, Cure)
    assert cure.what
    assert cure.next


def test_every_cure_says_what_happened_and_what_to_do_next_in_whole_sentences():
    assert set(CURES) == {"http", "refusal", "status", "connection"}
    for space, codes in CURES.items():
        for code, cure in codes.items():
            assert set(cure) == {"what", "next"}, (space, code)
            for sentence in cure.values():
                assert sentence.strip() == sentence, (space, code)
                assert sentence[0].isupper() or sentence[0] == "`", (space, code)
                assert sentence[-1] == ".", (space, code)


def test_a_number_means_another_thing_in_each_space():
    assert cure_for("refusal", 1120) != cure_for("status", 1120)
    assert cure_for("refusal", 1100) != cure_for("status", 1100)
    assert "Page" in cure_for("refusal", 1120).what
    assert "24 hours" in cure_for("status", 1340).what


def test_the_first_known_code_gives_the_cure():
    assert cure_for("status", None, "no such code", 1340, 1300) == cure_for("status", "1340")


def test_an_unknown_code_or_space_has_no_cure():
    assert cure_for("status", 999999) is None
    assert cure_for("status") is None
    assert cure_for("no such space", 1340) is None


def test_a_message_has_three_parts_what_was_seen_and_what_next():
    error = KitError("It broke.", "It was glass.", "Sweep up.")
    assert (error.what, error.seen, error.next) == ("It broke.", "It was glass.", "Sweep up.")
    assert str(error) == "It broke. It was glass. Sweep up."


def test_a_part_that_is_not_known_leaves_no_gap():
    assert str(KitError("It broke.", next="Sweep up.")) == "It broke. Sweep up."
    assert str(KitError("It broke.")) == "It broke."


@pytest.mark.parametrize("kind", exceptions())
def test_every_exception_of_the_kit_is_caught_as_one(kind: type[KitError]):
    with pytest.raises(KitError) as caught:
        raise kind("It broke.", "It was glass.", "Sweep up.")
    assert caught.value._render_traceback_() == [f"{kind.__name__}: It broke. It was glass. Sweep up."]


def test_an_api_error_carries_what_the_service_said():
    error = ApiError("No.", "Seen.", "Next.", status=422, body={"title": "t"}, code="1120", trace="abc")
    assert (error.status, error.body, error.code, error.trace) == (422, {"title": "t"}, "1120", "abc")
    assert str(error) == "No. Seen. Next."
    unanswered = ApiError("No.")
    assert (unanswered.status, unanswered.body, unanswered.code, unanswered.trace) == (None, None, "", "")


def test_in_a_real_shell_an_error_is_one_line_and_no_traceback(tmp_path: Path):
    code = "from nbhelpers.errors import TokenError; raise TokenError('It broke.', 'It was glass.', 'Sweep up.')"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", code],
        env=os.environ | {"IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert shown == [f"{TokenError.__name__}: It broke. It was glass. Sweep up."]
