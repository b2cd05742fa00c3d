"""explain: a code is told wherever it means something, and the simulator shows what it is said to show."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import Cure, KitError, cure_for, cures
from nbhelpers.errors.connection import reason
from nbhelpers.errors.explain import Explained, explain
from tests.conftest import Shell
from tests.support.simulation import Detached, Program, Target, flat, nested, webhooks


def places(explained: Explained) -> list[tuple[str, str]]:
    return [(each.space, each.code) for each in explained.meanings]


# What is understood


@pytest.mark.fast
@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("1340", [("status", "1340")]),
        (1340, [("status", "1340")]),
        (" “1340”. ", [("status", "1340")]),
        ("`1340`", [("status", "1340")]),
        ("1120", [("refusal", "1120"), ("status", "1120")]),
        ("#1120", [("refusal", "1120")]),
        ("#1340", [("status", "1340")]),
        ("https://developer.vonage.com/api-errors/messages#1120", [("refusal", "1120")]),
        ("https://developer.nexmo.com/api-errors/#unathorized", [("refusal", "unathorized")]),
        ("401", [("http", "401")]),
        ("low-balance", [("refusal", "low-balance")]),
        ("Low-Balance", [("refusal", "low-balance")]),
        ("Forbidden", [("refusal", "Forbidden")]),
        ("forbidden", [("refusal", "forbidden")]),
        ("FORBIDDEN", [("refusal", "forbidden"), ("refusal", "Forbidden"), ("http", "403")]),
        ("Unauthorized", [("refusal", "unauthorized"), ("http", "401")]),
        ("ERR_NGROK_108", [("ngrok", "108")]),
        ("err_ngrok_108", [("ngrok", "108")]),
        ("https://ngrok.com/docs/errors/err_ngrok_108/", [("ngrok", "108")]),
        ("108", [("ngrok", "108")]),
        ("x509", [("ngrok", "x509")]),
        ("tls-name", [("connection", "tls-name")]),
        ("other", [("connection", "other"), ("ngrok", "other")]),
    ],
)
def test_a_code_is_known_however_it_stands_on_the_screen(given: str | int, found: list[tuple[str, str]]):
    assert places(explain(given)) == found


@pytest.mark.fast
@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("", "You gave nothing that can be read."),
        ("   ", "You gave nothing that can be read."),
        ("#", "You gave “#”."),
        (None, "You gave “None”."),
        ("a\x1b[2J", "You gave “a�[2J”."),
        ("999999", "You gave “999999”: a status has three digits, a code of a receipt or a refusal three or four."),
        ("https://developer.vonage.com/api-errors", "You gave “https://developer.vonage.com/api-errors”."),
        ("Invalid Tokens", "You gave “Invalid Tokens”; nearest to it is “invalid token” or “invalid tag”."),
        ("low balanse", "You gave “low balanse”; nearest to it is “low balance” or “low-balance”."),
        ("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln", "You gave “••••”."),
    ],
)
def test_what_names_nothing_is_refused_in_three_parts_with_what_is_nearest(given: Any, seen: str):
    with pytest.raises(KitError) as caught:
        explain(given)
    error = caught.value
    assert error.what == "There is no code and no sentence in this that the kit knows."
    assert error.seen == seen and error.seen.isprintable()
    assert "ERR_NGROK_108" in error.next and "`lab.doctor()`" in error.next


@pytest.mark.fast
def test_every_code_there_is_can_be_asked_for():
    for space, known in cures().items():
        for code, cure in known.items():
            meanings = explain(f"ERR_NGROK_{code}" if space == "ngrok" and code.isdigit() else code).meanings
            assert (space, cure) in [(each.space, each.cure) for each in meanings]


# How it is told


@pytest.mark.fast
def test_it_reads_well_as_text():
    assert repr(explain("1120")) == (
        "1120 in the answer to a call\n"
        "    What happened: The sender is not a Page of yours.\n"
        "    Seen: A call was refused, and the `type` of its error ends in #1120.\n"
        "    Next: Put your Page ID in `from`, and check that the Page is linked to this application.\n"
        "    In the simulator: Send in v1 with the ID of a Page that is not linked in `from`.\n"
        "\n"
        "1120 in a receipt\n"
        "    What happened: The service took the message, then found that its sender is not a Page of yours.\n"
        "    Seen: The call was answered 202; then a status webhook says `rejected` with code 1120.\n"
        "    Next: Put your Page ID in `from`, and check that the Page is linked to this application.\n"
        '    In the simulator: Run `lab.simulator.refuse_next("1120")`, then send.'
    )


@pytest.mark.fast
def test_a_lesson_is_named_for_cells_and_for_the_shell():
    words = explain(1340).meanings[0].shown
    assert (
        words
        == 'Run `lab.simulator.fault("outside-window")`, or `nbhelpers fault outside-window` in a shell, then send.'
    )
    assert explain("ERR_NGROK_108").meanings[0].shown == "It cannot be shown there."


class Reader(HTMLParser):
    """Reads a panel as a screen reader does: names of regions, headings, and the text in its order."""

    def __init__(self, panel: str) -> None:
        super().__init__()
        self.open, self.names, self.headings, self.text = [], [], 0, ""
        self.feed(panel)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.names += [value for name, value in attrs if name == "aria-label"]
        self.headings += ("role", "heading") in attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += "\n" if tag == "p" else ""

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.fast
@pytest.mark.parametrize(
    "code", ["1120", "ERR_NGROK_105", "invalid-json", "tls-unknown", '{"title": "<b>", "type": "#1150"}', '{"a": 1}']
)
def test_the_panel_says_what_the_text_says_and_a_screen_reader_finds_its_way(code: str):
    explained = explain(code)
    read = Reader(explained._repr_html_())
    assert read.names == [f"What {explained.code} means"]
    assert read.headings == len(explained.meanings)
    text = re.sub(r"^ +", "", repr(explained), flags=re.MULTILINE).replace("\n\n", "\n").replace("`", "")
    assert read.text.strip() == text
    assert html.unescape(read.text) == read.text


@pytest.mark.fast
def test_a_lab_explains_a_code(ready: Lab):
    assert repr(ready.explain("1340")) == repr(explain(1340))


def test_the_command_explains_a_code_in_words_and_as_facts(shell: Shell):
    assert shell("explain", "1340").stdout == f"{explain(1340)}\n"
    facts = json.loads(shell("explain", "#1120", "--json").stdout)
    assert facts["code"] == "1120"
    (meaning,) = facts["meanings"]
    assert (meaning["space"], meaning["code"]) == ("refusal", "1120")
    assert set(meaning) == {"space", "code", "what", "seen", "next", "fault", "simulator"}
    refused = shell("explain", "nonsense", ok=False)
    assert (refused.returncode, "There is no code and no sentence in this" in refused.stderr) == (1, True)


def test_the_command_takes_a_sentence_without_quotes_and_what_comes_through_a_pipe(shell: Shell):
    assert shell("explain", "Unauthorised:", "Invalid", "Token").stdout == f"{explain(401)}\n"
    pasted = '{"title": "Unauthorised",\n "detail": "Invalid Token"}'
    told = shell("explain", "--json", "-", piped=pasted)
    assert json.loads(told.stdout)["said"] == ["It says “Unauthorised: Invalid Token”."]


# The simulator shows what it is said to show


@pytest.fixture(scope="module")
def program(world: Detached, hook: Target, key: PrivateKey) -> Program:
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture(scope="module")
def page(world: Detached, program: Program) -> str:
    return world.page(program)


@pytest.fixture
def psid(world: Detached, page: str) -> str:
    return world.control.write(page=page, text="hi")["psid"]


@pytest.fixture(autouse=True)
def cleared(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "world" in request.fixturenames:
        control = request.getfixturevalue("world").control
        control.clear_faults()
        control.switch(unauthorised="live", rate_limit_fragment="1000")


def shown_by(kind: str) -> list[Any]:
    """The cures whose code the simulator shows in this way."""
    return [
        pytest.param(space, code, cure, id=f"{space}-{code}")
        for space, known in cures().items()
        for code, cure in known.items()
        if cure.fault.startswith(f"{kind}:")
    ]


def code_of(space: str, answer: requests.Response) -> str:
    """What an answer has in a space."""
    return str(answer.status_code) if space == "http" else answer.json().get("type", "").rpartition("#")[2]


def told_later(hook: Target, message_uuid: str) -> str:
    """The code with which a message was refused by status webhook."""
    assert hook.statuses(message_uuid, 2) == ["submitted", "rejected"]
    return hook.of(message_uuid)[1].json["error"]["title"]


@pytest.mark.parametrize(("space", "code", "cure"), shown_by("lesson"))
def test_a_lesson_shows_its_code(
    world: Detached, program: Program, hook: Target, page: str, psid: str, space: str, code: str, cure: Cure
):
    if code == "1370":  # ended by itself only when the Page is linked again
        page = world.page(program)
        psid = world.control.write(page=page, text="hi")["psid"]
    world.control.fault(cure.fault.partition(":")[2])
    if space == "status":
        assert told_later(hook, world.send(program, flat(page, psid))) == code
    else:
        assert code_of(space, world.post("/v1/messages", flat(page, psid), headers=program.headers)) == code


def test_a_code_that_is_asked_for_comes_by_status_webhook(
    world: Detached, program: Program, hook: Target, page: str, psid: str
):
    asked = [param.values[1:] for param in shown_by("refuse")]
    assert len(asked) > 20
    sent = {}
    for code, cure in asked:
        world.control.refuse_next(cure.fault.partition(":")[2])
        sent[code] = world.send(program, flat(page, psid))
    assert {code: told_later(hook, uuid) for code, uuid in sent.items()} == {code: code for code, _ in asked}


# What the sentences after `do:` say, done by hand: on a world, with a program, a Page and a PSID.
Doing = Callable[[Detached, Program, str, str], requests.Response]
ACCOUNTS = "/beta/chatapp-accounts"


def call(method: str, path: str, **more: Any) -> Doing:
    """A call with the account's key and secret."""
    return lambda world, *_: world.http.request(
        method, world.base_url + path, **{"auth": world.basic, "timeout": 10} | more
    )


def today(**fields: Any) -> Doing:
    """A message in today's shape with these fields in the place of good ones; None leaves one out."""

    def do(world: Detached, program: Program, page: str, psid: str) -> requests.Response:
        body = {name: value for name, value in flat(page, psid, **fields).items() if value is not None}
        return world.post("/v1/messages", body, headers=program.headers)

    return do


def then(*, fault: str, **switches: str) -> Doing:
    def do(world: Detached, *more: Any) -> requests.Response:
        world.control.switch(**switches)
        world.control.fault(fault)
        return today()(world, *more)

    return do


def without_message(world: Detached, program: Program, page: str, psid: str) -> requests.Response:
    body = nested(page, psid)
    del body["message"]
    return world.post("/v0.1/messages", body, headers=program.headers)


def broken_json(world: Detached, program: Program, *_: str) -> requests.Response:
    return world.post("/v1/messages", b"{", headers=program.headers)


def unlinked_sender(world: Detached, program: Program, page: str, psid: str) -> requests.Response:
    return today(**{"from": world.page()})(world, program, page, psid)


def patched(world: Detached, program: Program, page: str, psid: str) -> requests.Response:
    uuid = world.send(program, flat(page, psid))
    headers = program.headers
    return world.http.patch(
        f"{world.base_url}/v1/messages/{uuid}", json={"status": "read"}, headers=headers, timeout=10
    )


def patched_by_name(*given: Any) -> requests.Response:
    # The specification names this error, and not its fragment: known by its title.
    answer = patched(*given)
    assert answer.json()["title"] == "Operation not supported"
    answer._content = json.dumps({"type": "#ErrorUnsupportedOperation"}).encode()
    return answer


def without_header(world: Detached, *_: Any) -> requests.Response:
    answer = world.post("/v1/messages", b"{}")
    assert (answer.status_code, answer.json()["detail"]) == (401, "Request header 'Authorization' missing")
    answer._content = json.dumps({"type": "#authorization-missing"}).encode()  # known by its words
    return answer


def linked_to_a_second(world: Detached, program: Program, page: str, _: str) -> requests.Response:
    second = world.application(program.key, messages=webhooks())
    return call("POST", f"{ACCOUNTS}/messenger/{page}/applications", json={"application": second.id})(world)


def linked_to_nothing(world: Detached, _: Program, page: str, __: str) -> requests.Response:
    return call("POST", f"{ACCOUNTS}/messenger/{page}/applications", json={"application": "nothing"})(world)


PLAIN = {"headers": {"Content-Type": "text/plain"}, "data": "{}"}
DONE: dict[tuple[str, str], Doing] = {
    ("http", "400"): without_message,
    ("http", "403"): call("GET", "/v1/messages"),
    ("http", "404"): call("POST", "/v2/messages"),
    ("http", "405"): call("DELETE", "/v2/applications"),
    ("http", "406"): call("GET", "/v2/applications", headers={"Accept": "text/plain"}),
    ("http", "409"): linked_to_a_second,
    ("http", "413"): today(text="x" * 2_000_000),
    ("http", "415"): call("POST", "/v2/applications", **PLAIN),
    ("http", "420"): call("POST", "/account/settings", data={"moCallBackUrl": "nowhere"}),
    ("http", "422"): today(text=None),
    ("refusal", "invalid-json"): broken_json,
    ("refusal", "authorization-missing"): without_header,
    ("refusal", "unathorized"): then(unauthorised="specification", fault="wrong-key"),
    ("refusal", "InvalidParams"): without_message,
    ("refusal", "1010"): then(rate_limit_fragment="1010", fault="rate-limit"),
    ("refusal", "1060"): today(client_ref="x" * 101),
    ("refusal", "1100"): today(channel="pigeon"),
    ("refusal", "1110"): today(messenger={"category": "advert"}),
    ("refusal", "1120"): unlinked_sender,
    ("refusal", "110"): today(to=""),
    ("refusal", "1140"): today(message_type="smoke"),
    ("refusal", "1150"): today(text=None),
    ("refusal", "not-found"): call("GET", "/v2/applications/nothing"),
    ("refusal", "ErrorUnsupportedOperation"): patched_by_name,
    ("refusal", "unsupported-operation"): patched,
    ("refusal", "unauthorized"): call("GET", "/v2/applications", auth=("abcd1234", "wrong")),
    ("refusal", "wrong-verb"): call("DELETE", "/v2/applications"),
    ("refusal", "accept-header"): call("GET", "/v2/applications", headers={"Accept": "text/plain"}),
    ("refusal", "content-type-header"): call("POST", "/v2/applications", **PLAIN),
    ("refusal", "payload-validation"): call("POST", "/v2/applications", json={}),
    ("refusal", "list-validation"): call("GET", "/v2/applications?page_size=0"),
    ("refusal", "Forbidden"): linked_to_nothing,
    ("refusal", "Conflict"): linked_to_a_second,
    ("refusal", "NotFound"): call("GET", f"{ACCOUNTS}/messenger/1"),
}
UNANSWERED = {("connection", code) for code in ("refused", "tls-not", "address")}


@pytest.mark.fast
def test_whatever_is_said_to_be_done_in_the_simulator_is_done_here():
    assert {param.values[:2] for param in shown_by("do")} == set(DONE) | UNANSWERED


@pytest.mark.parametrize(("space", "code"), DONE)
def test_what_is_said_to_be_done_shows_its_code(
    world: Detached, program: Program, page: str, psid: str, space: str, code: str
):
    assert cure_for(space, code)
    assert code_of(space, DONE[space, code](world, program, page, psid)) == code


def test_what_is_said_to_be_done_gets_no_answer(world: Detached):
    def unanswered(url: str) -> str:
        with pytest.raises(requests.RequestException) as caught:
            requests.get(url, timeout=5)
        return reason(caught.value)

    assert unanswered(world.base_url.replace("http://", "https://")) == "tls-not"
    assert unanswered(world.base_url.replace("http://", "")) == "address"
    world.kill()
    assert unanswered(world.base_url) == "refused"
    world.restart()
