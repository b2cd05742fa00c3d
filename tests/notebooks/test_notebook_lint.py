"""What the notebooks are held to without running them: the guide's sentences, the skeleton, the size, the words."""

from __future__ import annotations

import ast
import builtins
import itertools
import re
import statistics
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from nbhelpers.course.exercises import tasks
from nbhelpers.course.questions import questions
from nbhelpers.course.steps import STEPS as STEP_TABLE
from tests.conftest import REPOSITORY
from tests.support.cells import (
    FOLDER,
    KEYS,
    NAMES,
    PAGES,
    STEPS,
    Cell,
    anchor,
    by_notebook,
    cells,
    codes,
    every,
    headings,
    raw,
    texts,
)

pytestmark = pytest.mark.fast

KINDS = {"text": "markdown", "live": "markdown", "then-now": "markdown", "next": "markdown"}
KINDS |= {"by-hand": "code", "code": "code", "panel": "code", "check": "code", "question": "code"}
KINDS |= {f"exercise-{number}": "code" for number in tasks()}

# What each sentence of the guide became: its number, and the notebooks that hold a cell for it.
GUIDE = {
    1: "00",
    2: "00 01",
    3: "00 01",
    4: "00",
    5: "06",
    6: "01 06",
    7: "04",
    8: "06",
    9: "06",
    10: "07",
    11: "00",
    12: "01",
    13: "02",
    14: "02",
    15: "02",
    16: "02",
    17: "02",
    18: "03",
    19: "03 07",
    20: "03",
    21: "03",
    22: "03",
    23: "03 07",
    24: "04",
    25: "04",
    26: "05",
    27: "05",
    28: "05",
    29: "05",
    30: "05",
    31: "06",
    32: "07",
    33: "07",
    34: "07",
    35: "07",
}

# Lines of code, words of prose, cells: the most, and the most that the median may be.
CODE, CODE_MEDIAN, PROSE, PROSE_MEDIAN, CELLS = 12, 4, 120, 70, 30


# A cell that a check or a hint sends people to, by its heading.
NAMED = r"(?<!\*)\*([A-Z][\w ]+)\*(?!\*)"


def straight(text: str) -> str:
    return text.replace("’", "'")


by_step = pytest.mark.parametrize(("name", "key"), STEPS.items())


# ---- what is there


def test_the_notebooks_of_this_release_are_there_and_no_others() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("number", GUIDE)
def test_every_sentence_of_the_guide_has_a_cell_where_the_course_says(number: int) -> None:
    tag = f"guide-{number:02d}"
    found = {cell.notebook[:2] for cell in every() if tag in cell.tags}
    assert set(GUIDE[number].split()) <= found


def test_the_course_has_thirty_five_sentences_of_the_guide_and_no_tag_invents_another() -> None:
    assert list(GUIDE) == list(range(1, 36))
    known = {f"guide-{number:02d}" for number in GUIDE}
    assert {tag for cell in every() for tag in cell.tags if tag.startswith("guide")} <= known


def test_the_cells_that_checks_send_people_to_exist() -> None:
    titles = {title for cell in every() for _, title in headings(cell.source)}
    named = {
        title
        for file in ("checks.py", "actions.py")
        for node in ast.walk(ast.parse((REPOSITORY / "nbhelpers" / "course" / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for title in re.findall(NAMED, node.value)
    }
    for task in tasks().values():
        text = "\n".join([*task.hints, *(words for _, words in task.sentences.values())])
        here = next(name for name, key in STEPS.items() if key == task.step)
        named_here = set(re.findall(NAMED, text))
        assert named_here <= {title for cell in texts(here) for _, title in headings(cell.source)}, task.number
    assert named
    assert named <= titles


# ---- how a file is made


@by_notebook
def test_a_notebook_is_stripped_and_opens_in_any_python_3(name: str) -> None:
    made = raw(name)
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    assert made["metadata"] == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in made["cells"]:
        assert set(cell["metadata"]) == {"slideshow", "tags"}, cell["id"]
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None), cell["id"]


@by_notebook
def test_cells_have_readable_names_of_their_own(name: str) -> None:
    names = [cell.id for cell in cells(name)]
    assert len(names) == len(set(names))
    assert [each for each in names if not re.fullmatch(r"[a-z]+[a-z0-9]*(-[a-z0-9]+)*", each)] == []
    assert [each for each in names if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]+)*|cell-\d+", each)] == []


@by_notebook
def test_each_cell_is_of_one_known_kind(name: str) -> None:
    for cell in cells(name):
        kinds = [tag for tag in cell.tags if not tag.startswith("guide-")]
        assert len(kinds) == 1, (str(cell), kinds)
        assert KINDS.get(kinds[0]) == cell.type, (str(cell), kinds)


# ---- head and tail


@by_step
def test_a_step_opens_with_what_you_do_where_you_are_and_what_is_needed(name: str, key: str) -> None:
    title, where, need = cells(name)[:3]
    said = straight(title.source)
    assert title.tags[0] == where.tags[0] == "text"
    assert said.startswith("# ")
    assert "You'll do:" in said
    assert "You'll need:" in said
    assert re.search(r"Minutes:\W*\d+", said)

    assert re.findall(r"\*\*(.+?)\*\*", where.source.lower()) == [key]
    way = re.sub(r"\W+", " ", where.source.lower())
    assert " ".join(KEYS) in way

    before = ["", *(f'"{each}"' for each in KEYS)][KEYS.index(key)]
    assert need.tags == ("code",)
    assert need.source == f"from nbhelpers import Lab\n\nlab = Lab()\nlab.need({before})"


@by_step
def test_a_step_ends_with_its_check_then_live_then_now_and_next(name: str, key: str) -> None:
    kinds = [cell.tags[0] for cell in cells(name)]
    assert kinds[-4:] == ["live", "then-now", "question", "next"]
    assert [kinds.count(kind) for kind in ("check", "live", "then-now", "next")] == [1, 1, 1, 1]
    check = next(cell for cell in cells(name) if cell.tags[0] == "check")
    assert re.match(rf'lab\.check\("{key}"[,)]', check.source.splitlines()[-1])

    live, then_now, _, next_one = (cell.source for cell in cells(name)[-4:])
    assert "## When you go live" in live
    assert "## Then and now" in then_now
    assert f"(THEN_AND_NOW.md#{KEYS.index(key) + 1}-{key})" in then_now
    assert "## Next" in next_one
    following = ["01", "02", "03", "04", "05", "06", "07", "08"][KEYS.index(key) + 1]
    assert re.search(rf"\({following}\w*\.ipynb\)", next_one)


def test_the_first_page_opens_the_lab_shows_the_way_and_goes_on() -> None:
    first = cells("00_start_here")
    assert first[-1].tags == ("next",)
    everything = "\n".join(cell.source for cell in first)
    for name in NAMES[1:]:
        assert f"({name}.ipynb)" in everything
    for call in ("lab = Lab()", "lab.preflight()", "lab.panels.hello()", "lab.progress()"):
        assert call in everything
    assert "GLOSSARY.md" in everything


def test_the_quickstart_is_in_todays_shape_from_its_first_line() -> None:
    code = [cell.source for cell in codes("quickstart")]
    assert 'Lab(api_version="v1")' in code[0]
    assert "v0.1" not in "\n".join(code)


def test_the_walk_to_the_live_service_takes_todays_order() -> None:
    titles = [title for cell in texts("09_go_live") for _, title in headings(cell.source)]
    way = ["Credentials", "A public address", "Knock from outside", "The application", "Set them for you", "The key"]
    way += ["Do they fit?", "The Page", "Write from a phone", "Where did it stop?", "Back to 06 and 07"]
    assert [title for title in titles if title in way] == way
    code = "\n".join(cell.source for cell in codes("09_go_live"))
    for call in ("lab.tunnel", "lab.check_credentials()", "lab.check(", "lab.doctor()", "lab.panels.hops()"):
        assert call in code


def test_the_walk_ends_with_everything_put_back_and_deleted() -> None:
    found = cells("09_go_live")
    assert [cell.tags[0] for cell in found[-3:]] == ["then-now", "question", "next"]
    last = "\n".join(cell.source for cell in found[-8:])
    for call in ("lab.webhooks.put_back()", "lab.tunnel.close()", "lab.inbox.forget(psid)", "delete the application"):
        assert call in last


def test_the_walk_claims_nothing_that_nobody_has_seen() -> None:
    text = "\n".join(cell.source for cell in texts("09_go_live"))
    assert "Nobody has done this walk on the live service yet." in text
    assert text.count("ocumented, not tried") >= 2
    assert "(THEN_AND_NOW.md#9-go-live)" in text
    assert not re.search(r"\b(we|I) (tried|saw|tested)\b", text)


def test_no_cell_of_the_walk_asks_waits_sends_or_deletes() -> None:
    """It passes *Run all* with nobody at the keyboard, in every mode."""
    code = "\n".join(cell.source for cell in codes("09_go_live"))
    assert "lab.configure() if simulated" in code, "in live mode this would ask for what was left out"
    for call in (".wait_for", ".forget(", "yes=True", ".reply(", ".save(", ".put_back(", ".download(", "input("):
        assert call not in code, call


@by_step
def test_every_step_names_the_walk_where_it_speaks_of_going_live(name: str, key: str) -> None:
    live = next(cell for cell in texts(name) if cell.tags[0] == "live")
    assert "[09_go_live](09_go_live.ipynb)" in live.source
    assert "later release" not in live.source


# ---- exercises


@by_step
def test_a_step_has_its_exercises_in_their_order_after_its_check(name: str, key: str) -> None:
    kinds = [cell.tags[0] for cell in cells(name)]
    found = [kind.removeprefix("exercise-") for kind in kinds if kind.startswith("exercise-")]
    assert found == [number for number, task in tasks().items() if task.step == key]
    assert len(found) == next(step.exercises for step in STEP_TABLE if step.key == key)
    assert all(kinds.index(f"exercise-{number}") > kinds.index("check") for number in found)


@pytest.mark.parametrize("number", tasks())
def test_an_exercise_is_a_text_with_its_title_and_a_cell_with_blanks_check_hint_and_solution(number: str) -> None:
    task = tasks()[number]
    name = next(name for name, key in STEPS.items() if key == task.step)
    before, cell = next(pair for pair in itertools.pairwise(cells(name)) if pair[1].tags == (f"exercise-{number}",))
    assert f"## Exercise {number}: {task.title}\n" in before.source
    lines = cell.source.splitlines()
    check = f'lab.exercise("{number}").check({", ".join(task.blanks)})'
    assert ast.unparse(ast.parse(cell.source).body[-1]) == check.replace('"', "'")
    assert lines[-3:] == ["", f'# lab.exercise("{number}").hint()', f'# lab.exercise("{number}").solution()']
    for blank in task.blanks:
        assert re.search(rf"^{blank} = \.\.\.(  #|$)|^def {blank}\(event\): \.\.\.$", cell.source, re.MULTILINE), blank
    assert check in task.solution


@by_notebook
def test_a_notebook_ends_with_its_question_and_where_to_go_on(name: str) -> None:
    before, asked, last = cells(name)[-3:]
    key = next(key for key, question in questions().items() if question.notebook == name)
    assert (asked.tags, last.tags[0]) == (("question",), "next")
    assert asked.source == f'lab.panels.question("{key}")'
    assert "## Before you go on\n" in before.source


# ---- size


@by_notebook
def test_cells_are_short_and_there_are_not_too_many(name: str) -> None:
    assert [f"{cell}: {cell.lines} lines" for cell in codes(name) if cell.lines > CODE] == []
    assert [f"{cell}: {cell.words} words" for cell in texts(name) if cell.words > PROSE] == []
    # Of an exercise most lines are the learner's own, or help.
    walked = [cell for cell in codes(name) if not cell.tags[0].startswith("exercise-")]
    assert statistics.median(cell.lines for cell in walked) <= CODE_MEDIAN
    assert statistics.median(cell.words for cell in texts(name)) <= PROSE_MEDIAN
    assert len(cells(name)) <= CELLS


@by_notebook
def test_code_never_comes_without_prose_before_it(name: str) -> None:
    found = cells(name)
    assert found[0].type == "markdown"
    assert [str(cell) for before, cell in itertools.pairwise(found) if cell.type == before.type == "code"] == []


@by_notebook
def test_the_text_says_what_to_expect(name: str) -> None:
    found = cells(name)
    # The first cell of a step shows where one is: what that looks like depends on the reader. A cell that shows
    # nothing promises nothing.
    told = [
        f"{cell} is followed by {after}"
        for cell, after in itertools.pairwise(found)
        if cell.tags[0] in ("by-hand", "panel")
        and _shows(cell)
        and not after.source.startswith("You see: ")
        # The conversation at the end of a notebook is there to be looked at.
        and after.tags[0] == "text"
    ]
    assert told == []


def _shows(cell: Cell) -> bool:
    """Whether the last line of a cell is an expression that has a value worth seeing."""
    last = ast.parse(cell.source).body[-1]
    if not isinstance(last, ast.Expr):
        return False
    called = ast.unparse(last.value.func).rpartition(".")[2] if isinstance(last.value, ast.Call) else ""
    return called not in ("start", "shutdown", "server_close", "note")


# ---- headings, pictures, links


@by_notebook
def test_headings_come_in_order(name: str) -> None:
    levels = [level for cell in texts(name) for level, _ in headings(cell.source)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert [str(cell) for cell in texts(name) if not headings(cell.source)] == []
    titles = [title for cell in texts(name) for _, title in headings(cell.source)]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("page", PAGES)
def test_headings_of_a_page_come_in_order_and_make_anchors_of_their_own(page: str) -> None:
    found = headings((REPOSITORY / page).read_text(encoding="utf-8"))
    levels = [level for level, _ in found]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    anchors = [anchor(title) for _, title in found]
    assert len(anchors) == len(set(anchors))


def test_every_picture_is_there_and_told_in_words() -> None:
    pictures = [(cell, *found) for cell in every() for found in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", cell.source)]
    assert pictures
    for cell, words, target in pictures:
        assert len(words) >= 20, str(cell)
        assert (FOLDER / target).is_file(), str(cell)
    assert [str(cell) for cell in every() if "<img" in cell.source] == []


@pytest.mark.parametrize("path", sorted((FOLDER / "images").glob("*.svg")), ids=lambda path: path.stem)
def test_a_drawing_is_small_has_a_title_and_fetches_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 6000
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert {"title", "desc"} <= tags
    assert not tags & {"script", "image", "foreignObject", "style", "a"}
    assert "href" not in text
    assert f"images/{path.name}" in "\n".join(cell.source for cell in every())


def links() -> list[tuple[str, Path, str]]:
    """Every link of notebooks and pages: where it stands, from which folder it starts, where it goes."""
    found = [(str(cell), FOLDER, cell.source) for cell in every() if cell.type == "markdown"]
    found += [(page, (REPOSITORY / page).parent, (REPOSITORY / page).read_text(encoding="utf-8")) for page in PAGES]
    return [
        (where, folder, target)
        for where, folder, text in found
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    ]


def test_relative_links_and_their_anchors_lead_somewhere() -> None:
    broken = []
    for where, folder, target in links():
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (folder / path).resolve() if path else REPOSITORY / where
        if not file.is_file() or REPOSITORY not in file.parents:
            broken.append(f"{where}: {target}")
        elif fragment and file.suffix == ".md":
            titles = headings(file.read_text(encoding="utf-8"))
            if fragment not in {anchor(title) for _, title in titles}:
                broken.append(f"{where}: {target}")
        elif fragment:
            broken.append(f"{where}: {target}: anchors of notebooks differ between GitHub and JupyterLab")
    assert broken == []


def test_other_links_are_https() -> None:
    assert [target for _, _, target in links() if re.match(r"(?!https:)[a-z]+:", target)] == []


def test_anchors_that_notebooks_use_are_the_same_in_jupyterlab() -> None:
    """JupyterLab keeps capitals and signs of a heading in its anchor, GitHub does not: so there are none."""
    used = {target for _, folder, target in links() if "#" in target and folder == FOLDER}
    assert used
    for target in used:
        path, fragment = target.split("#")
        titles = [title for _, title in headings((FOLDER / path).read_text(encoding="utf-8"))]
        assert fragment in {title.replace(" ", "-") for title in titles}, target


# The words of the glossary that are linked where somebody who reads in order meets them first.
LINKED = (
    "profile, PSID, Page ID, webhook, door, kernel, panel, token, 24-hour rule, JWT, application, claim, private key"
)
LINKED += (
    ", public key, API key and secret, receipt, 202, 401, tunnel, inbox, signature secret, sandbox, allow-list, hop"
)
LINKED += ", the guide's shape, POST, mint, request, status code, JSON, dashboard"


@pytest.mark.parametrize("word", LINKED.split(", "))
def test_a_word_of_the_glossary_is_linked_at_its_first_use(word: str) -> None:
    sections = re.split(r"^## ", (FOLDER / "GLOSSARY.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    section = next(text.partition("\n")[0] for text in sections if f"\n| {word} |" in text)
    once = re.compile(rf"(?<![\w-]){re.escape(word)}s?(?![\w-])", re.IGNORECASE)
    # Neither code, quoted words, headings nor tables are read as prose, and the last cells of a notebook look ahead.
    unread = r"```.*?```|`[^`]*`|!?\[[^\]]*\]\((?!GLOSSARY)[^)]*\)|^#+ [^\n]*$|^\|[^\n]*$|“[^”]*”"
    for cell in every():
        if cell.type == "markdown" and cell.tags[0] == "text" and cell.id not in ("title", "where-you-are"):
            prose = " ".join(re.sub(unread, "", cell.source, flags=re.MULTILINE | re.DOTALL).split())
            found = once.search(prose)
            if found:
                assert prose[found.end() :].startswith(f"](GLOSSARY.md#{anchor(section)})"), str(cell)
                return
    pytest.fail(f"nobody says {word}")


# ---- words and secrets


def test_no_secret_and_no_install_command_is_in_a_notebook_or_page() -> None:
    everything = [(str(cell), cell.source) for cell in every()]
    everything += [(page, (REPOSITORY / page).read_text(encoding="utf-8")) for page in PAGES]
    secret = re.compile(r"-----BEGIN|\beyJ[\w-]{10}|[!%]\s*(pip|conda|apt)\b")
    assert [where for where, text in everything if secret.search(text)] == []


def test_nobody_is_told_that_it_is_easy() -> None:
    everything = [(str(cell), cell.source) for cell in every()]
    everything += [(page, (REPOSITORY / page).read_text(encoding="utf-8")) for page in PAGES[1:]]
    easy = re.compile(r"\b(just|simply|obviously|of course)\b", re.IGNORECASE)
    assert [(where, found.group()) for where, text in everything if (found := easy.search(text))] == []


def test_a_step_says_simulator_only_where_it_speaks_of_going_live() -> None:
    for cell in every(*STEPS):
        if cell.type == "markdown" and cell.tags[0] != "live":
            # In panel heads the word stands as a word; in code it is a name.
            bare = re.sub(r"`[^`]*`|“SIMULATOR”", "", cell.prose)
            assert not re.search(r"simulat|sandbox", bare, re.IGNORECASE), str(cell)


def test_no_id_of_a_person_is_written_into_code() -> None:
    assert [str(cell) for cell in every() if cell.type == "code" and re.search(r"\b\d{15,17}\b", cell.source)] == []


def test_the_library_jwt_is_never_hidden_by_a_variable() -> None:
    for cell in every():
        if cell.type == "code":
            names = {node.id for node in ast.walk(ast.parse(cell.source)) if _is_stored(node)}
            assert "jwt" not in names, str(cell)


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def test_no_cell_ends_by_showing_a_token_key_or_password() -> None:
    """`token` may end a cell only where `lab.token()` made it, which is masked when shown."""
    hidden = {"private_key", "token", "spoiled", "headers", "account", "made", "key", "secret"}
    for cell in every():
        if cell.type != "code":
            continue
        last = ast.parse(cell.source).body[-1]
        shown = last.value if isinstance(last, ast.Expr) else None
        parts = shown.elts if isinstance(shown, ast.Tuple) else [shown]
        names = {part.id for part in parts if isinstance(part, ast.Name)}
        if "token = lab.token()" in cell.source:
            names.discard("token")
        assert not names & hidden, str(cell)


def test_every_request_has_a_time_out() -> None:
    for cell in every():
        if cell.type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and re.fullmatch(r"requests\.\w+", ast.unparse(node.func)):
                assert "timeout" in {keyword.arg for keyword in node.keywords}, str(cell)


@by_step
def test_a_notebook_needs_no_variable_of_another(name: str, key: str) -> None:
    """Names that code reads are made above it, in this notebook."""
    known = set(dir(builtins))
    for cell in codes(name):
        tree = ast.parse(cell.source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                known.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                known.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                known |= {(each.asname or each.name).partition(".")[0] for each in node.names}
            elif isinstance(node, ast.arg):
                known.add(node.arg)
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        assert read <= known, str(cell)
