"""What stands on a screen is read: answers, JSON, sentences, exceptions, the last line of a traceback."""

from __future__ import annotations

import contextlib
import json
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import requests
from hypothesis import given as drawn
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers import Lab
from nbhelpers.errors import ApiError, KitError, MessageError, cure_for, cures
from nbhelpers.errors.explain import explain
from nbhelpers.errors.pasted import read_pasted, sentences, shown
from nbhelpers.simulator.rules import problems
from nbhelpers.simulator.rules.messenger import REFUSALS
from tests.support.labs import written

pytestmark = pytest.mark.fast

ERRORS = "https://developer.vonage.com/api-errors"
POOL = "HTTPSConnectionPool(host='api.nexmo.com', port=443): Max retries exceeded with url: /v1/messages (Caused by {})"
HERE = "<urllib3.connection.HTTPSConnection object at 0x7f1c>: Failed to establish a new connection: "


def problem(**fields: Any) -> str:
    return json.dumps(fields)


# What is pasted, and the codes that it means.
TEXTS: dict[str, list[tuple[str, str]]] = {
    # Sentences
    "Invalid Token": [("http", "401")],
    "“Invalid Token”.": [("http", "401")],
    "Unauthorised": [("http", "401")],
    "Unauthorised: Invalid Token": [("http", "401")],
    "  unauthorised:   INVALID token \n": [("http", "401")],
    "Request header 'Authorization' missing": [("refusal", "authorization-missing")],
    'Unauthorised: "Request header ’Authorization’ missing"': [("refusal", "authorization-missing")],
    "Rate Limit Hit": [("http", "429")],
    "Your account says: Low balance": [("refusal", "low-balance")],
    "Insufficient balance, please check your nexmo account.": [("refusal", "low-balance")],
    "Your request parameters didn't validate.": [("refusal", "InvalidParams")],
    "Outside of the allowed window": [("status", "1340")],
    "Not part of the provider network": [("status", "1300")],
    "Expired access Token": [("status", "1370")],
    "Invalid sender": [("refusal", "1120"), ("status", "1420")],
    "Invalid params": [("refusal", "1150"), ("status", "1020")],
    "Throttled": [("refusal", "throttled"), ("status", "1000")],
    "(#10) This message is sent outside of allowed window.": [("status", "1340")],
    "(#100) No matching user found": [("status", "1300")],
    "502 Bad Gateway": [("http", "502")],
    # Statuses
    "HTTP 401": [("http", "401")],
    "http/1.1 422 Unprocessable Entity": [("http", "422")],
    "HTTP/2 429": [("http", "429")],
    "<Response [401]>": [("http", "401")],
    "401 Unauthorized": [("http", "401")],
    "status code: 404": [("http", "404")],
    "status_code=503": [("http", "503")],
    "Error 500": [("http", "500")],
    "It answered 402 and nothing else": [("http", "402")],
    "418": [("http", "418")],
    "HTTP 302": [("http", "302")],
    # Errors of a type
    f"type: {ERRORS}/messages#1120": [("refusal", "1120")],
    "see https://www.nexmo.com/messages/Errors#InvalidParams, please": [("refusal", "InvalidParams")],
    f"{ERRORS}#something-new": [("refusal", "something-new")],
    # ngrok
    "ERROR:  authentication failed: limited to 3. ERR_NGROK_108": [("ngrok", "108")],
    "ERR_NGROK_334 then err_ngrok_8012": [("ngrok", "334"), ("ngrok", "8012")],
    "https://ngrok.com/docs/errors/err_ngrok_1340": [("ngrok", "1340")],
    "ERR_NGROK_99999": [("ngrok", "99999")],
    "HTTP 502 with ERR_NGROK_8012": [("ngrok", "8012")],
    "dial tcp: lookup connect.ngrok-agent.com: no such host": [("ngrok", "no-network")],
    "x509: certificate signed by unknown authority": [("ngrok", "x509")],
    "Usage of ngrok requires a verified account and authtoken.": [("ngrok", "4018")],
    # Receipts, as the inbox shows one, and numbers alone
    "12:00:01 --> rejected  6f1c to 100: 1340 Outside of the allowed window": [("status", "1340")],
    "12:00:01 --> rejected  2353c0a4-1263-1142-8da1-4f2617191300 to 100: 1340 Outside": [("status", "1340")],
    "rejected: message …1263 of application …1142, 1340": [("status", "1340")],
    "2026-11-29 12:00:01 rejected 1340": [("status", "1340")],
    "rejected with 1999": [("status", "1999")],
    "1234": [("status", "1234")],
    # The last line of a traceback
    f"requests.exceptions.ConnectionError: {POOL.format(HERE + '[Errno 111] Connection refused')}": [
        ("connection", "refused")
    ],
    f"ConnectionError: {POOL.format('NameResolutionError(…)')}": [("connection", "name")],
    "requests.exceptions.ConnectionError: ('Connection aborted.', RemoteDisconnected('Remote end closed'))": [
        ("connection", "reset")
    ],
    "requests.exceptions.ReadTimeout: HTTPConnectionPool(): Read timed out. (read timeout=5)": [
        ("connection", "timeout")
    ],
    "requests.exceptions.ConnectTimeout: HTTPConnectionPool(): … (connect timeout=3.05)": [
        ("connection", "timeout-connect")
    ],
    f"requests.exceptions.SSLError: {POOL.format('SSLCertVerificationError(1, self-signed certificate)')}": [
        ("connection", "tls-unknown")
    ],
    "requests.exceptions.SSLError: … [SSL: WRONG_VERSION_NUMBER] wrong version number": [("connection", "tls-not")],
    "requests.exceptions.ProxyError: … OSError('Tunnel connection failed: 403 Forbidden')": [("connection", "proxy")],
    "requests.exceptions.MissingSchema: Invalid URL 'x': No scheme supplied.": [("connection", "address")],
    "requests.exceptions.ConnectionError": [("connection", "other")],
    "requests.exceptions.HTTPError: 422 Client Error: Unprocessable Entity for url: http://127.0.0.1/v1": [
        ("http", "422")
    ],
    "requests.exceptions.JSONDecodeError: Expecting value: line 1 column 1 (char 0)": [("python", "JSONDecodeError")],
    "NameError: name 'lab' is not defined": [("python", "NameError")],
    "ZeroDivisionError: division by zero": [("python", "ZeroDivisionError")],
    "KeyboardInterrupt": [("python", "KeyboardInterrupt")],
    # What the kit itself shows in the place of a traceback
    "ApiError: The service did not accept this token. It answered 401 “Unauthorised: Invalid Token”. Check that the "
    "private key belongs to this application.": [("http", "401")],
    "ServiceError: The tunnel has ended. Your receiver ended. Run `lab.tunnel` again: it opens both.": [
        ("kit", "ServiceError")
    ],
    # JSON
    problem(title="Unauthorised", detail="Invalid Token", instance="1"): [("http", "401")],
    "{'title': 'Unauthorised', 'detail': \"Request header 'Authorization' missing\"}": [
        ("refusal", "authorization-missing")
    ],
    "HTTP/1.1 401\n\n" + problem(title="Unauthorised", detail="Invalid Token"): [("http", "401")],
    problem(type=f"{ERRORS}/messages#1150", title="Invalid params", detail="The value …"): [("refusal", "1150")],
    problem(type=f"{ERRORS}/messages#4711", title="New", detail="Low balance"): [
        ("refusal", "4711"),
        ("refusal", "low-balance"),
    ],
    problem(message_uuid="1", status="rejected", error={"code": 1300, "reason": "Not part"}): [("status", "1300")],
    problem(
        message_uuid="1", status="rejected", error={"type": f"{ERRORS}/messages#1340", "title": "1340", "detail": "x"}
    ): [("status", "1340")],
    problem(code=1020, reason="Invalid params"): [],
    problem(error={"message": "(#10) sent outside of allowed window.", "type": "OAuthException", "code": 10}): [
        ("status", "1340")
    ],
    problem(error={"message": "(#4) Too many calls", "code": 4, "fbtrace_id": "x"}): [],
    '{"error-code":"401","error-code-label":"authentication failed"}': [("http", "401")],
    '{"error_code":103,"status_code":502,"msg":"failed","details":{"err":"URL is online.\\r\\nERR_NGROK_334"}}': [
        ("ngrok", "334")
    ],
    '{"error_code":102,"status_code":400,"msg":"invalid tunnel configuration"}': [("ngrok", "option")],
    '[{"type": "https://developer.vonage.com/api-errors#low-balance"}]': [("refusal", "low-balance")],
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_means_these_codes_and_each_is_explained(text: str):
    explained = explain(text)
    assert [(each.space, each.code) for each in explained.meanings] == TEXTS[text]
    assert explained.meanings or explained.said
    for meaning in explained.meanings:
        assert meaning.cure.what and meaning.cure.next and meaning.cure.seen


SAID = {
    problem(
        title="Invalid params",
        detail="The value is invalid.",
        type="#1150",
        instance="bf0c",
        invalid_parameters=[{"name": "text", "reason": "is required."}, {"name": "to", "reason": "must be text."}],
    ): "It says “Invalid params: The value is invalid.”; `text` is required; `to` must be text (trace bf0c).",
    problem(message_uuid="6f1c", status="delivered"): "It is a receipt that says delivered, which is no error.",
    problem(message_uuid="6f1c", status="undeliverable"): "It is a receipt that says undeliverable.",
    problem(message_uuid="6f1c", status="rejected", error={"code": 1300, "reason": "Not part of it"}): (
        "It is a receipt that says 1300 Not part of it for message 6f1c."
    ),
    problem(message_uuid="6f1c"): "The service took the message 6f1c: no error.",
    problem(message_uuid="6f1c", to="1", **{"from": "2"}, text="hi"): (
        "It is an inbound message or a request, and no error."
    ),
    problem(error="Not here.", seen="Nothing is at /.", next="POST to /webhooks/inbound."): (
        "The kit answered: Not here. Nothing is at /. POST to /webhooks/inbound."
    ),
    problem(error={"message": "(#4) Too many calls", "fbtrace_id": "x"}): "Facebook says “(#4) Too many calls”.",
    problem(a=1, b=2): "It is JSON with the fields a, b, and no error that the kit knows.",
}


@pytest.mark.parametrize("text", SAID)
def test_what_json_says_of_itself_is_told(text: str):
    for pasted in (text, json.loads(text), text.encode()):
        assert explain(pasted).said == (SAID[text],)


# Every sentence that the simulator answers with, which are the service's own


@pytest.mark.parametrize("code", REFUSALS)
def test_the_text_of_every_receipt_means_its_code(code: str):
    assert ("status", str(code)) in read_pasted(REFUSALS[code]).codes


PROBLEMS: list[problems.Problem] = [
    problems.unauthorised(),
    problems.unauthorised("Request header 'Authorization' missing"),
    problems.unauthorised(version="v1"),
    problems.invalid_json("v1", "Unexpected character"),
    problems.invalid_v01([("to.id", "is required.")]),
    *(problems.problem_v1(number, [("text", "is required.")]) for number in (1100, 1110, 1120, 1130, 1140, 1150, 1060)),
    problems.low_balance("v1"),
    problems.low_balance("v0.1"),
    problems.rate_limited("1000"),
    problems.rate_limited("1010"),
    problems.unknown_message("1"),
    *(problems.bad_application(status, name="x") for status in (400, 401, 404, 405, 406, 415)),
    problems.external(403, "Cannot link application"),
    problems.external(404, "x"),
    problems.external(409, "Unable to link application"),
    problems.settings_refused(420, "Callback URL x is not valid"),
]


@pytest.mark.parametrize("answered", PROBLEMS, ids=lambda each: f"{each.status} {each.fields.get('title', '')}")
def test_every_error_of_the_service_is_known_by_its_json_and_without_its_type(answered: problems.Problem):
    body = json.loads(answered.body("trace")[0])
    for given in (body, {name: value for name, value in body.items() if name != "type"}):
        explained = explain(given)
        assert explained.meanings, given
        assert all(cure_for(each.space, each.code) for each in explained.meanings), given


def test_every_sentence_is_of_a_code_that_has_a_cure():
    for space, known in sentences().items():
        for code, texts in known.items():
            assert cure_for(space, code), (space, code)
            for text in texts:
                assert (space, code) in read_pasted(text).codes or space == "connection", text


def test_every_own_line_of_the_kit_leads_to_what_it_says():
    for space, known in cures().items():
        for code, cure in known.items():
            line = f"ServiceError: {cure.what} It was seen so. {cure.next}"
            found = [each.cure for each in explain(line).meanings]
            assert any((each.what, each.next) == (cure.what, cure.next) for each in found), (space, code)


# Answers, exceptions and events as they are


def answered(status: int, body: str | dict[str, Any] = "", **headers: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer.headers = status, requests.structures.CaseInsensitiveDict(headers)
    answer._content = (body if isinstance(body, str) else json.dumps(body)).encode()
    return answer


@pytest.mark.parametrize(
    ("answer", "codes", "said"),
    [
        (answered(401, problem(title="Unauthorised", detail="Invalid Token")), ["401"], "It answered 401 with “Un"),
        (
            answered(422, problem(title="Invalid sender", type="#1120")),
            ["1120"],
            "It answered 422 with “Invalid sender”.",
        ),
        (answered(404, "Not Found"), ["404"], "It answered 404 with “Not Found”."),
        (answered(503, "<html><body>down"), ["503"], "It answered 503 with a page of HTML."),
        (answered(504), ["504"], "It answered 504 with nothing."),
        (answered(202, {"message_uuid": "6f1c"}), ["202"], "The service took the message 6f1c: no error."),
        (answered(502, "<html>", **{"ngrok-error-code": "ERR_NGROK_8012"}), ["8012"], "a page of HTML"),
        (answered(418, {"a": 1}), ["418"], "It answered 418 with JSON with the fields a"),
    ],
)
def test_an_answer_is_explained_by_what_says_most_of_it(answer: requests.Response, codes: list[str], said: str):
    explained = explain(answer)
    assert [each.code for each in explained.meanings] == codes
    assert said in explained.said[0]


def raised(work: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception, match=r".") as caught:
        work()
    return caught.value


def test_an_exception_is_explained_and_so_is_its_whole_traceback_as_it_was_copied():
    cases = {
        "refused": lambda: requests.get("http://127.0.0.1:9", timeout=5),
        "address": lambda: requests.get("127.0.0.1:9", timeout=5),
        "JSONDecodeError": answered(200, "no").json,
        "NameError": lambda: eval("nowhere"),
        "401": answered(401, problem(title="Unauthorised", detail="Invalid Token")).raise_for_status,
    }
    for code, work in cases.items():
        error = raised(work)
        whole = "".join(traceback.format_exception(error))
        last = whole.strip().splitlines()[-1]
        for given in (error, whole, last, f"\x1b[0;31m{last}\x1b[0m"):
            assert [each.code for each in explain(given).meanings] == [code], (code, given)


def test_the_kits_own_exceptions_are_explained_by_what_they_carry():
    refusal = ApiError("No.", status=422, body={"type": f"{ERRORS}#1120", "title": "Invalid sender"}, code="1120")
    assert [each.code for each in explain(refusal).meanings] == ["1120"]
    assert [each.code for each in explain(ApiError("No.", code="tls-name")).meanings] == ["tls-name"]
    (meaning,) = explain(MessageError("This message cannot be sent.", "It is empty.", "Write something.")).meanings
    assert (meaning.space, meaning.code) == ("kit", "MessageError")
    assert "its line says" in meaning.cure.what


def test_what_the_simulator_answers_and_what_the_inbox_holds_is_explained(ready: Lab):
    refused = requests.post(f"{ready.settings.host}/v1/messages", json={}, timeout=5)
    assert [each.code for each in ready.explain(refused).meanings] == ["authorization-missing"]
    written(ready)
    ready.simulator.fault("outside-window")
    ready.reply("Too late")
    uuid = ready.inbox.events("reply")[-1].message_uuid
    receipts = ready.inbox.wait_for_receipt(uuid, "rejected")
    for given in (receipts, receipts[-1], repr(receipts), receipts[-1].body):
        explained = ready.explain(given)
        assert [(each.space, each.code) for each in explained.meanings] == [("status", "1340")]
    assert explained.said == (f"It is a receipt that says 1340 Outside of the allowed window for message {uuid}.",)


# Never shown, never raised


def test_no_token_and_no_key_is_shown():
    token = "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl"
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"
    body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDOmRjaxG9WYNC2"
    for text in (token, key, f"Bearer {token}", body, f"line: {body}"):
        assert "c2ln" not in shown(text) and "MIIE" not in shown(text)
        assert "c2ln" not in repr(explain({"title": "x", "detail": text})) + explain({"detail": text})._repr_html_()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text",
    [
        "401" + " " * 200_000 + "1",
        "401 " + "a " * 100_000 + "1",
        "401 " + "x" * 15_000 + "!",
        "a." * 100_000,
        "x" * 200_000,
        "Error" * 40_000,
        "code " * 50_000,
        "{" * 100_000 + "}" * 100_000,
        '{"a":' * 5000 + "}" * 5000,
        "{[]: 1}",
        "{(1, 2): ERR}",
        "{(1, 2): 3}",
    ],
    ids=lambda text: text[:8],
)
def test_a_long_or_an_odd_text_takes_no_time(text: str):
    begun = time.process_time()  # of ours alone: the computer may be busy
    with contextlib.suppress(KitError):
        explain(text)
    assert time.process_time() - begun < 5


@pytest.mark.thorough
@hypothesis_settings(max_examples=300, deadline=None)
@drawn(
    st.text(max_size=200)
    | st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "title",
                        "detail",
                        "error",
                        "status",
                        "code",
                        "error_code",
                        "message_uuid",
                        "instance",
                        "next",
                    ]
                )
                | st.text(max_size=5),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    )
)
def test_whatever_is_given_is_explained_or_refused_in_words(given: Any):
    with contextlib.suppress(KitError):
        explained = explain(given)
        assert repr(explained) and explained._repr_html_() and json.dumps(explained.facts)
