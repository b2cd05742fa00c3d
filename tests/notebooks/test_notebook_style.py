"""How the notebooks speak and are presented: second person, verbs, one idea a cell, slides, minutes."""

from __future__ import annotations

import ast
import itertools
import re
import statistics

import pytest

from tests.conftest import REPOSITORY
from tests.support.cells import FOLDER, NAMES, STEPS, Cell, by_notebook, cells, codes, every, headings, raw, texts
from tests.support.minutes import minutes_of

pytestmark = pytest.mark.fast

LONGEST_LINE = 94  # characters: what a window of 930 pixels shows
# Names that people know; every other title says what you do.
NAMED = ("08_experiments", "quickstart")
VERBS = "answer configure create generate get go let link make open register reply receive set sign start take tell"


# ---- voice


@by_notebook
def test_the_title_is_what_you_do(name: str) -> None:
    (level, title), *_ = headings(cells(name)[0].source)
    first, *_ = title.split()
    assert level == 1
    assert name in NAMED or first.lower() in VERBS.split(), title


@by_notebook
def test_what_you_will_do_begins_with_a_verb_or_names_what_you_get(name: str) -> None:
    found = re.search(r"\*\*You'll do:\*\* (\w+)", cells(name)[0].source)
    if found:
        assert found[1] in [*VERBS.split(), "what"], found[0]
    else:
        assert name == "00_start_here"


@by_notebook
def test_you_are_spoken_to_and_nobody_says_we_or_i(name: str) -> None:
    said = [cell for cell in texts(name) if re.search(r"\byou(r|rs|rself|'ll)?\b", cell.prose, re.IGNORECASE)]
    assert len(said) >= len(texts(name)) / 3
    # “…” quotes somebody, and a picture of speech in code is no voice.
    others = re.compile(r"\b(we|us|our|ours|let's|I|I'm|my|mine|the (learner|reader|student|user)s?)\b")
    for cell in texts(name):
        bare = re.sub(r"“[^”]*”|`[^`]*`|\*[^*]+\*|How do I [^?]*\?", "", cell.prose)
        bare = re.sub(r"\b(who I am|I do not believe you|I believe you|I took your message|where am I)\b", "", bare)
        assert others.findall(bare) == [], str(cell)


@by_notebook
def test_headings_are_sentences_in_sentence_case_without_an_end(name: str) -> None:
    names = r"API|APIs|ID|IDs|JWT|PSID|URL|URLs|Facebook|Messenger|Page|Pages|SDK|06|07|Exercise \d\.\d: \w+"
    for cell in texts(name):
        for _, title in headings(cell.source):
            first, *rest = re.sub(rf"\b({names})\b", "it", title).replace(",", "").split()
            assert not title.endswith((".", ":", "!")), str(cell)
            assert first[0].isupper() or first == "it", str(cell)
            assert [word for word in rest if word[0].isupper()] == [], (str(cell), title)


# ---- one idea


@by_notebook
def test_a_text_looks_back_once_and_leads_to_one_cell(name: str) -> None:
    for before, cell in itertools.pairwise(cells(name)):
        if cell.type == "markdown":
            found = cell.source.count("You see: ")
            assert found <= 1, str(cell)
            assert not found or cell.source.startswith("You see: ") or "```json" in cell.source, str(cell)
            assert not found or before.type == "code", f"{cell} looks back at no cell"
            assert len(headings(cell.source)) <= 3, str(cell)


@by_notebook
def test_a_cell_does_one_thing(name: str) -> None:
    for cell in codes(name):
        tree = ast.parse(cell.source)
        called = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        requested = [each for each in called if re.fullmatch(r"requests\.\w+", each)]
        assert len(requested) <= 1, f"{cell} sends more than one request"
        assert sum(each.startswith("lab.panels.") for each in called) <= 1, f"{cell} shows more than one panel"
        made = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assert len(made) <= 1, f"{cell} defines more than one thing"


@by_notebook
def test_a_comment_in_code_says_why_beside_the_line(name: str) -> None:
    for cell in codes(name):
        for line in cell.source.splitlines():
            told = line.startswith("#") and not re.fullmatch(r'# lab\.exercise\("\d\.\d"\)\.(hint|solution)\(\)', line)
            assert not told, f"{cell}: {line}"


@by_notebook
def test_a_line_of_code_is_not_cut_off_on_a_small_screen(name: str) -> None:
    long = [line for cell in codes(name) for line in cell.source.splitlines() if len(line) > LONGEST_LINE]
    assert long == []


# ---- slides


def slide_type(cell: Cell) -> str:
    """The one rule: code stands below its text; a text opens a slide, one down if it says what the last one brought."""
    if cell.type == "code" or cell.id == "where-you-are":
        return "-"
    if cell.tags[0] == "live":  # a room asks it: the presenter has it at hand, and the slides leave it out
        return "notes"
    return "subslide" if cell.source.startswith("You see: ") else "slide"


@by_notebook
def test_every_cell_has_the_slide_type_of_its_kind(name: str) -> None:
    found = {each["id"]: each["metadata"]["slideshow"] for each in raw(name)["cells"]}
    assert found == {cell.id: {"slide_type": slide_type(cell)} for cell in cells(name)}


@by_notebook
def test_no_slide_has_more_than_one_cell_of_code(name: str) -> None:
    kinds = [(slide_type(cell), cell) for cell in cells(name)]
    for (before, _), (kind, cell) in itertools.pairwise(kinds):
        assert not (kind == before == "-" and cell.id not in ("need", "open-the-lab")), f"{cell} stands below another"
        assert not (before == "notes" and kind == "-"), f"{cell} would be among the notes"


# ---- minutes


@by_notebook
def test_the_minutes_of_a_head_follow_from_its_words_and_cells(name: str) -> None:
    said = re.search(r"\*\*Minutes:\*\* (\d+)", cells(name)[0].source)
    if said:
        assert abs(int(said[1]) - minutes_of(name)) <= 0.7, f"{minutes_of(name):.1f}"


def test_the_tables_of_minutes_say_what_the_heads_say_and_the_seven_steps_are_the_promise() -> None:
    heads = {name: re.search(r"\*\*Minutes:\*\* (\d+)", cells(name)[0].source) for name in NAMES}
    minutes = {name: int(found[1]) for name, found in heads.items() if found}
    tables = [(REPOSITORY / "README.md").read_text("utf-8"), "\n".join(cell.source for cell in cells("00_start_here"))]
    for name in STEPS:
        for table in tables:
            row = next(line for line in table.splitlines() if line.startswith("|") and f"{name}.ipynb" in line)
            assert row.rstrip(" |").rpartition("|")[2].strip() == str(minutes[name]), name
    first = re.search(r"takes some (\w+) minutes", cells("00_start_here")[0].source)
    assert first and first[1] == "nine"
    minutes["00_start_here"] = 9
    assert abs(minutes_of("00_start_here") - 9) <= 0.7
    for name in ("00_start_here", "08_experiments", "09_go_live", "quickstart"):
        row = next(line for line in tables[0].splitlines() if line.startswith("|") and f"{name}.ipynb" in line)
        assert row.rstrip(" |").rpartition("|")[2].strip() == str(minutes[name]), name
    assert 76 <= sum(minutes[name] for name in ("00_start_here", *STEPS)) <= 82, "in eighty minutes"


# ---- sizes of the whole


def test_a_notebook_has_fifteen_to_thirty_cells_and_the_quickstart_fewer() -> None:
    counts = {path.stem: len(cells(path.stem)) for path in FOLDER.glob("*.ipynb")}
    assert {name: count for name, count in counts.items() if not 15 <= count <= 30} == {
        "quickstart": counts["quickstart"]
    }
    assert counts["quickstart"] <= 15
    assert len(list(every())) == sum(counts.values())


def test_over_all_notebooks_a_cell_of_code_has_three_lines_and_a_text_sixty_words_at_most_in_the_middle() -> None:
    walked = [cell for cell in every() if cell.type == "code" and not cell.tags[0].startswith("exercise-")]
    assert statistics.median(cell.lines for cell in walked) <= 3
    assert statistics.median(cell.words for cell in every() if cell.type == "markdown") <= 60
