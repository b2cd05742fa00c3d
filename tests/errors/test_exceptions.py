"""What every error of the kit carries, and that it is one line wherever it is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nbhelpers import errors
from nbhelpers.errors import ApiError, KitError, TokenError

pytestmark = pytest.mark.fast


def exceptions() -> list[type[KitError]]:
    found = [getattr(errors, name) for name in errors.__all__]
    return [one for one in found if isinstance(one, type) and issubclass(one, KitError)]


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
