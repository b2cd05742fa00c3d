"""The table of switches: well formed, the same in the README, and every one of them is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbhelpers.errors import KitError
from nbhelpers.simulator.storage import switches
from nbhelpers.simulator.storage.switches import DEFAULTS, SWITCHES, Switch, check
from tests.support import readme_tables

pytestmark = pytest.mark.fast

SIMULATOR = Path(switches.__file__).parents[1]


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
def test_a_switch_has_at_least_two_choices_a_sentence_and_a_source(switch: Switch) -> None:
    assert len(set(switch.choices)) == len(switch.choices) >= 2
    assert switch.choices[0] == DEFAULTS[switch.name]
    assert switch.says.endswith(".")
    assert switch.source
    assert switch.sure in ("documented", "seen", "inferred", "unknown")


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_is_looked_at_somewhere_and_in_the_code_stands_no_year(name: str) -> None:
    code = [path.read_text() for path in SIMULATOR.rglob("*.py") if path.name != "switches.py"]
    assert any(f'"{name}"' in text for text in code), name


def test_the_readme_has_the_table_as_it_is() -> None:
    readme = (SIMULATOR / "README.md").read_text()
    assert f"<!-- switches -->\n{readme_tables.switches()}\n<!-- end of switches -->" in readme


def test_what_there_is_can_be_set() -> None:
    for switch in SWITCHES.values():
        for choice in switch.choices:
            if not choice.startswith("<"):
                assert check({switch.name: choice}) == {switch.name: choice}
    assert check({"tags_of": "2018-06-21"}) == {"tags_of": "2018-06-21"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("windows", "24", "There is no such switch. You named windows. There are window, "),
        ("window", "48", "window cannot be that. You gave “48”. Use 24 or 24+1."),
        ("window", "2018-06-21", "Use 24 or 24+1."),
        ("tags_of", "2018-13-01", "Use today or <YYYY-MM-DD>."),
        ("tags_of", "20180621", "Use today or <YYYY-MM-DD>."),
        ("tags_of", "<YYYY-MM-DD>x", "Use today or <YYYY-MM-DD>."),
        ("tags_of", "", "Use today or <YYYY-MM-DD>."),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(name: str, value: str, words: str) -> None:
    with pytest.raises(KitError) as caught:
        check({name: value})
    assert words in str(caught.value)
