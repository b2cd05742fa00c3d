"""What came and went, written for other programs: each form is read by what it is for, and holds no credentials."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, sync_playwright

from nbhelpers import Lab
from nbhelpers.errors import InboxError
from nbhelpers.inbox.events import Delivery, Event
from nbhelpers.inbox.exchanges import as_csv, as_json, page_of
from nbhelpers.inbox.export import exported, write_export
from nbhelpers.inbox.inbox import Inbox
from tests.conftest import Shell, wait_until
from tests.support.browser import BROWSER, FLAGS, REASON
from tests.support.labs import opened, written

HOST = "http://127.0.0.1:8711"


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Event, str]]:
    """A lab after one round: somebody wrote, was answered, and both receipts came."""
    with opened(tmp_path_factory.mktemp("export") / "lab") as lab:
        lab.need("webhooks")
        lab.inbox.record(Delivery("GET", "/favicon.ico", (), b"", 404)).result()
        event = written(lab, "Do you have rye bread?", person="Ada")
        lab.reply("Baked this morning.")
        uuid = lab.inbox.events("reply")[-1].message_uuid
        lab.inbox.wait_for_receipt(uuid, "delivered", 10)
        yield lab, event, uuid


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    """An empty inbox."""
    made = Inbox(tmp_path / "lab.sqlite3")
    yield made
    made.close()


def entries(inbox: Inbox, host: str = HOST, limit: int | None = None) -> list[dict[str, Any]]:
    return json.loads(exported(inbox, "har", host, limit))["log"]["entries"]


@pytest.mark.fast
@pytest.mark.parametrize(("form", "write"), [("json", as_json), ("csv", as_csv)])
def test_json_and_csv_are_those_of_the_inbox_table(
    round_trip: tuple[Lab, Event, str], form: str, write: Callable[[Any], str]
) -> None:
    lab, event, uuid = round_trip
    whole = page_of(lab.inbox).exchanges
    assert [each.head.message_uuid for each in whole] == [uuid, event.message_uuid]
    assert exported(lab.inbox, form, HOST) == write(whole)
    assert exported(lab.inbox, form, HOST, limit=1) == write(whole[:1])


@pytest.mark.fast
def test_har_has_every_request_with_its_answer_in_the_order_of_time(round_trip: tuple[Lab, Event, str]) -> None:
    lab, event, uuid = round_trip
    nothing, *found = entries(lab.inbox, lab.settings.host)
    receiver = lab.receiver
    assert nothing["response"]["status"] == 404
    assert [(each["request"]["method"], each["request"]["url"], each["response"]["status"]) for each in found] == [
        ("POST", receiver.inbound_url, 200),
        ("POST", f"{lab.settings.host}/v0.1/messages", 202),
        ("POST", receiver.status_url, 200),
        ("POST", receiver.status_url, 200),
    ]
    assert json.loads(found[0]["request"]["postData"]["text"]) == event.json
    assert json.loads(found[1]["response"]["content"]["text"]) == {"message_uuid": uuid}
    assert found[0]["comment"] == "came to the receiver; signed"
    assert entries(lab.inbox, lab.settings.host, limit=2) == found[-2:]


@pytest.mark.fast
@pytest.mark.parametrize("form", ["json", "csv", "har", "postman"])
def test_no_credentials_are_in_it(round_trip: tuple[Lab, Event, str], form: str) -> None:
    lab, event, _ = round_trip
    text = exported(lab.inbox, form, HOST)
    assert event.psid in text
    for secret in ("eyJ", lab.settings.api_secret, lab.settings.signature_secret):
        assert secret not in text


@pytest.mark.fast
def test_whatever_called_the_receiver_is_written_too(inbox: Inbox) -> None:
    headers = (("Host", "[::x"), ("Content-Type", "text/plain"), ("Cookie", "id=1"))
    for delivery in (
        Delivery("GET", "/webhooks/inbound?a=1&a=&b=%C3%A9", (), b"", 405),
        Delivery("PURGE", "http://example.com/x", headers, b"\xff\0", 599),
        Delivery("POST", "/x", (("Host", "kit.example.com"), ("X-Forwarded-Proto", "https")), b"{}", 404),
    ):
        inbox.record(delivery).result()
    get, purge, post = entries(inbox)
    assert [each["value"] for each in get["request"]["queryString"]] == ["1", "", "é"]
    assert "postData" not in get["request"]
    assert purge["request"]["url"] == "http://127.0.0.1/http://example.com/x"
    assert {"name": "Cookie", "value": "(left out)"} in purge["request"]["headers"]
    assert (purge["response"]["status"], purge["response"]["statusText"]) == (599, "")
    assert post["request"]["url"] == "https://kit.example.com/x"
    collection = json.loads(exported(inbox, "postman", HOST))
    assert [item["request"]["method"] for item in collection["item"][0]["item"]] == ["GET", "PURGE", "POST"]


@pytest.mark.fast
def test_an_empty_inbox_is_written_too(inbox: Inbox) -> None:
    assert entries(inbox) == json.loads(exported(inbox, "json", HOST)) == []
    assert exported(inbox, "csv", HOST).count("\n") == 1
    assert [each["item"] for each in json.loads(exported(inbox, "postman", HOST))["item"]] == [[], []]


@pytest.fixture
def browser() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield made.new_context()
        made.close()


@pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason=REASON)
def test_a_browser_reads_the_har_and_gives_the_answers_that_are_in_it(
    round_trip: tuple[Lab, Event, str], browser: BrowserContext, tmp_path: Path
) -> None:
    lab, _, uuid = round_trip
    lab.export(tmp_path / "round.har")
    sent, called = f"{lab.settings.host}/v0.1/messages", entries(lab.inbox)[2]["request"]["postData"]["text"]
    browser.route_from_har(tmp_path / "round.har", not_found="abort")
    browser.route(f"{lab.settings.host}/", lambda route: route.fulfill(body="<title>here</title>"))
    page = browser.new_page()
    page.goto(f"{lab.settings.host}/")
    code = "([url, body]) => fetch(url, {method: 'POST', body}).then(answer => answer.json())"
    assert page.evaluate(code, [sent, called]) == {"message_uuid": uuid}
    assert len(lab.inbox.events("reply")) == 1  # the file answered, not the service


@pytest.mark.fast
def test_the_lab_writes_a_file_for_you_alone_in_the_form_of_its_ending(
    round_trip: tuple[Lab, Event, str], tmp_path: Path
) -> None:
    lab, _, _ = round_trip
    for name, form in (
        ("a.json", "json"),
        ("a.csv", "csv"),
        ("a.har", "har"),
        ("a.postman_collection.json", "postman"),
    ):
        said = lab.export(tmp_path / name)
        assert f"as {form}. People's messages are in it." in repr(said)
        assert (tmp_path / name).read_bytes() == exported(lab.inbox, form, lab.settings.host).encode()
        assert os.name != "posix" or (tmp_path / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.fast
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.txt", "The file's ending says no form. It is a.txt. Use .postman_collection.json, .json, .csv, .har."),
        ("nowhere/a.har", "The file cannot be written."),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_words(inbox: Inbox, tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InboxError) as caught:
        write_export(inbox, tmp_path / name, HOST)
    assert words in str(caught.value)


def test_the_command_writes_each_form_and_the_newest_alone_when_asked(shell: Shell) -> None:
    _, demo = shell.start("simulator", "--demo")
    shell.start("receiver")
    wait_until(lambda: shell("inbox", "--json").stdout, what="the demo's message")
    uuid = shell("send", "--to", demo["psid"], "--text", "Baked.").stdout.strip()
    wait_until(lambda: shell("inbox", "--json").stdout.count("\n") == 4, what="both receipts")
    assert len(json.loads(shell("inbox", "--as", "json").stdout)) == 2
    assert shell("inbox", "--as", "csv", "--limit", "1").stdout.count("\n") == 2
    har = json.loads(shell("inbox", "--as", "har").stdout)["log"]["entries"]
    assert [uuid in each["response"]["content"]["text"] for each in har] == [False, True, False, False]
    assert har[1]["request"]["url"] == f"{demo['base_url']}/v1/messages"
    assert len(json.loads(shell("inbox", "--as", "postman").stdout)["item"]) == 2
    refused = shell("inbox", "--as", "har", "--follow", ok=False)
    assert "You gave --follow too." in refused.stderr and refused.returncode == 1


@pytest.mark.fast
def test_events_go_into_a_table_as_they_are(round_trip: tuple[Lab, Event, str]) -> None:
    """Each is a data class of plain values: what a data frame makes its columns of."""
    lab, event, _ = round_trip
    first, *_ = lab.inbox.events()
    columns = dataclasses.asdict(first)
    assert (columns["psid"], columns["text"], columns["received"]) == (event.psid, event.text, event.received)
    assert {type(value).__name__ for value in columns.values()} <= {
        "str",
        "int",
        "bool",
        "datetime",
        "bytes",
        "NoneType",
    }


@pytest.mark.fast
def test_events_go_into_a_frame_of_pandas_where_it_is_there(round_trip: tuple[Lab, Event, str]) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is no part of the kit")
    lab, event, _ = round_trip
    frame = pandas.DataFrame(lab.inbox.events())
    assert list(frame["kind"]) == ["inbound", "reply", "status", "status"]
    assert frame["psid"].unique().tolist() == [event.psid]
    assert frame.groupby("kind")["received"].count()["status"] == 2


@pytest.mark.fast
def test_each_request_of_the_collection_can_be_sent_again(round_trip: tuple[Lab, Event, str]) -> None:
    lab, event, _ = round_trip
    collection = json.loads(exported(lab.inbox, "postman", lab.settings.host))
    values = {each["key"]: each["value"] for each in collection["variable"]} | {"jwt": str(lab.token())}

    def filled(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"{{{{{name}}}}}", value)
        return text

    answers = []
    came, went = (folder["item"] for folder in collection["item"])
    for item in came + went:
        request = item["request"]
        headers = {each["key"]: each["value"] for each in request["header"]}
        for each in request["auth"].get("bearer", []):
            headers["Authorization"] = f"Bearer {filled(each['value'])}"
        body = request["body"]["raw"].encode()
        answer = requests.request(request["method"], filled(request["url"]), data=body, headers=headers, timeout=10)
        answers.append(answer.status_code)
    assert answers == [404, 200, 200, 200, 202]
    # The same webhook again is the same event.
    (again,) = lab.inbox.events("inbound")
    assert (again.message_uuid, again.deliveries) == (event.message_uuid, event.deliveries + 1)
