"""Outside judges: the official SDK for Python, and the command line that the guide names, against the simulator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
import requests
import vonage_jwt
from vonage import Auth, HttpClientOptions, Vonage
from vonage_http_client import AuthenticationError, ForbiddenError, HttpRequestError, NotFoundError, RateLimitedError
from vonage_messages import (
    MessengerAudio,
    MessengerFile,
    MessengerImage,
    MessengerText,
    MessengerVideo,
    SendMessageResponse,
    Sms,
)

from nbhelpers.auth.private_key import PrivateKey, load_key, save_key
from nbhelpers.testing.official_sdk import send_calls_to
from tests.conftest import wait_until
from tests.support.simulation import GUIDES_VOICE, Call, Detached, Program, Target, flat, nested, target, webhooks

DAY = 24 * 3600
STRANGER = "1111111111111111"
MEDIA = {
    "image": (MessengerImage, "https://example.com/photo.png"),
    "audio": (MessengerAudio, "https://example.com/voice.mp3"),
    "video": (MessengerVideo, "https://example.com/film.mp4"),
    "file": (MessengerFile, "https://example.com/bill.pdf"),
}
every_kind = pytest.mark.parametrize("kind", ["text", *MEDIA])

Sdk = Callable[..., Vonage]


@pytest.fixture
def sdk(world: Detached) -> Iterator[Sdk]:
    """The SDK, pointed at the simulator: `sdk(program)` calls by JWT, `sdk()` with the account's key and secret."""
    sessions: list[requests.Session] = []

    def make(program: Program | None = None, **auth: str) -> Vonage:
        if program is not None:
            auth |= {"application_id": program.id, "private_key": program.key.pem()}
        elif not auth:
            auth = dict(zip(("api_key", "api_secret"), world.basic, strict=True))
        made = Vonage(Auth(**auth), HttpClientOptions(timeout=20))
        send_calls_to(world.base_url, made)
        sessions.append(made.http_client._session)
        return made

    yield make
    for session in sessions:
        session.close()


@pytest.fixture(scope="module")
def program(world: Detached, hook: Target, key: PrivateKey) -> Program:
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture(scope="module")
def page(world: Detached, program: Program) -> str:
    return world.page(program)


@pytest.fixture(scope="module")
def psid(world: Detached, page: str) -> str:
    return world.control.write(page=page, text="hi")["psid"]


def message(kind: str, page: str, psid: str, **more: Any) -> Any:
    """A message of a kind, as the SDK's own class."""
    if kind == "text":
        return MessengerText(from_=page, to=psid, text="hello", **more)
    made, url = MEDIA[kind]
    return made(from_=page, to=psid, **{kind: {"url": url}}, **more)


def kept(world: Detached, message_uuid: str) -> dict[str, Any]:
    """The body of a message as the simulator has it."""
    ((body,),) = world.table("SELECT body FROM messages WHERE uuid = ?", message_uuid)
    return json.loads(body)


def refused(error: HttpRequestError, status: int) -> dict[str, Any]:
    """The body of a refusal; the SDK tells its status and each of its fields in the message of the exception."""
    assert error.response.status_code == status
    assert error.response.headers["content-type"] == "application/problem+json"
    assert error.message.startswith(f"{status} response from {error.response.url}")
    body = error.response.json()
    assert json.loads(error.message.partition("\n")[2]) == body
    return body


@contextmanager
def settings_kept(world: Detached, **settings: str) -> Iterator[None]:
    """Let the account have these settings for a while."""
    before = world.control.settings()
    try:
        world.control.change_settings(**settings)
        yield
    finally:
        world.control.change_settings(**before)


# The SDK sends


@every_kind
def test_the_sdk_sends_every_type_by_jwt_and_the_applications_url_hears_of_it(
    world: Detached, program: Program, hook: Target, page: str, psid: str, sdk: Sdk, kind: str
) -> None:
    sent = sdk(program).messages.send(message(kind, page, psid))
    assert isinstance(sent, SendMessageResponse)
    assert str(uuid.UUID(sent.message_uuid)) == sent.message_uuid
    assert sent.workflow_id is None
    assert hook.statuses(sent.message_uuid, 2) == ["submitted", "delivered"]
    assert kept(world, sent.message_uuid)["message_type"] == kind


@every_kind
def test_the_sdk_sends_every_type_with_key_and_secret_and_the_accounts_url_hears_of_it(
    world: Detached, hook: Target, page: str, psid: str, sdk: Sdk, kind: str
) -> None:
    with target() as account, settings_kept(world, status_url=account.url, http_method="POST", shape="v1"):
        sent = sdk().messages.send(message(kind, page, psid))
        assert account.statuses(sent.message_uuid, 2) == ["submitted", "delivered"]
    assert hook.of(sent.message_uuid) == []
    assert kept(world, sent.message_uuid)["message_type"] == kind


def test_a_client_with_both_sends_by_jwt_and_manages_with_key_and_secret(
    world: Detached, program: Program, page: str, psid: str, sdk: Sdk
) -> None:
    api_key, api_secret = world.basic
    client = sdk(program, api_key=api_key, api_secret=api_secret)
    client.messages.send(message("text", page, psid))
    assert client.http_client.last_request.headers["Authorization"].startswith(b"Bearer ")
    assert client.application.get_application(program.id).id == program.id
    assert client.http_client.last_request.headers["Authorization"].startswith("Basic ")


def test_the_messages_own_url_and_shape_are_taken_and_its_reference_comes_back(
    program: Program, hook: Target, page: str, psid: str, sdk: Sdk
) -> None:
    with target() as own:
        for version in ("v1", "v0.1"):
            asked = {"webhook_url": own.url, "webhook_version": version, "client_ref": f"order 7, {version}"}
            sent = sdk(program).messages.send(message("text", page, psid, **asked)).message_uuid
            assert own.statuses(sent, 2) == ["submitted", "delivered"]
            for call in own.of(sent):
                assert call.json["client_ref"] == f"order 7, {version}"
                assert call.json["to"] == (psid if version == "v1" else {"type": "messenger", "id": psid})
            assert hook.of(sent) == []


def test_a_human_agent_reaches_a_person_after_a_day_and_a_response_does_not(
    world: Detached, program: Program, hook: Target, page: str, sdk: Sdk
) -> None:
    late = world.control.write(page=page, person="Barbara", text="hi")["psid"]
    world.kill()
    world.table("UPDATE psids SET last_wrote = last_wrote - ? WHERE psid = ?", DAY + 60, late)
    world.restart()
    client = sdk(program)
    for options, last in (
        ({"category": "response"}, "rejected"),
        ({"category": "message_tag", "tag": "HUMAN_AGENT"}, "delivered"),
    ):
        sent = client.messages.send(message("text", page, late, messenger=options)).message_uuid
        assert kept(world, sent)["messenger"] == options
        assert hook.statuses(sent, 2) == ["submitted", last]


# A failover


def told_of(hook: Target, workflow_id: str) -> list[Call]:
    """The four status webhooks of a workflow of two messages."""

    def look() -> list[Call] | None:
        calls = [call for call in hook.calls if workflow_id in call.json.get("workflow", {}).values()]
        return calls if len(calls) >= 4 else None

    return wait_until(look, what=f"four webhooks of the workflow {workflow_id}")


@pytest.mark.parametrize("channel", ["messenger", "sms"])
def test_when_the_first_message_is_rejected_the_second_is_sent(
    program: Program, hook: Target, page: str, psid: str, sdk: Sdk, channel: str
) -> None:
    second = Sms(from_="447700900001", to="447700900000", text="hello")
    second = message("image", page, psid) if channel == "messenger" else second
    sent = sdk(program).messages.send(message("text", page, STRANGER), failover=[second])
    assert sent.workflow_id
    calls = told_of(hook, sent.workflow_id)
    seen = [(call.json["status"], call.json["workflow"]["items_number"], call.json["channel"]) for call in calls]
    assert sorted(seen, key=lambda each: each[1]) == [
        ("submitted", "1", "messenger"),
        ("rejected", "1", "messenger"),
        ("submitted", "2", channel),
        ("delivered", "2", channel),
    ]
    assert {call.json["workflow"]["items_total"] for call in calls} == {"2"}
    uuids = {call.json["workflow"]["items_number"]: call.json["message_uuid"] for call in calls}
    assert uuids["1"] == sent.message_uuid != uuids["2"]


def test_when_the_first_message_arrives_the_second_is_not_sent(
    program: Program, hook: Target, page: str, psid: str, sdk: Sdk
) -> None:
    sent = sdk(program).messages.send(message("text", page, psid), failover=[message("image", page, psid)])
    assert hook.statuses(sent.message_uuid, 2) == ["submitted", "delivered"]
    time.sleep(0.5)  # a second message would be delivered by now
    told = [call.json for call in hook.calls if sent.workflow_id in call.json.get("workflow", {}).values()]
    assert [each["message_uuid"] for each in told] == [sent.message_uuid] * 2


# What the SDK makes of a refusal


def test_a_wrong_key_and_an_unknown_application_are_its_authentication_error(
    program: Program, other_key: PrivateKey, page: str, psid: str, sdk: Sdk
) -> None:
    for stranger in (Program(program.id, other_key), Program(str(uuid.uuid4()), program.key)):
        client = sdk(stranger)
        with pytest.raises(AuthenticationError) as caught:
            client.messages.send(message("text", page, psid))
        body = refused(caught.value, 401)
        trace = caught.value.response.headers["x-nexmo-trace-id"]
        assert body == {"title": "Unauthorised", "detail": "Invalid Token", "instance": trace}


def test_a_wrong_secret_is_its_authentication_error_in_the_words_of_each_api(
    world: Detached, page: str, psid: str, sdk: Sdk
) -> None:
    client = sdk(api_key=world.basic[0], api_secret="not the secret")
    with pytest.raises(AuthenticationError) as caught:
        client.messages.send(message("text", page, psid))
    assert refused(caught.value, 401)["detail"] == "Invalid Token"
    with pytest.raises(AuthenticationError) as caught:
        client.application.list_applications()
    assert refused(caught.value, 401)["title"] == "Invalid credentials supplied"
    with pytest.raises(AuthenticationError) as caught:
        client.account.update_default_sms_webhook(mo_callback_url="https://example.com/in")
    assert caught.value.response.json()["error-code"] == "401"
    assert world.control.settings()["inbound_url"] != "https://example.com/in"


def test_an_unknown_id_is_its_not_found_error(sdk: Sdk) -> None:
    unknown, client = str(uuid.uuid4()), sdk()
    with pytest.raises(NotFoundError) as caught:
        client.application.get_application(unknown)
    assert refused(caught.value, 404)["detail"] == f"ID '{unknown}' does not exist, or you do not have access"
    with pytest.raises(NotFoundError) as caught:
        client.messages.mark_whatsapp_message_read(unknown)
    assert refused(caught.value, 404)["detail"] == f"Message with ID {unknown} not found"


def test_one_message_too_many_in_a_second_is_its_rate_limited_error(
    world: Detached, program: Program, page: str, psid: str, sdk: Sdk
) -> None:
    client = sdk(program)

    def send_many() -> None:
        for _ in range(20):  # two may lie more than a second apart on a busy machine, twenty do not
            client.messages.send(message("text", page, psid))

    world.control.switch(rate_limit="1")
    try:
        with pytest.raises(RateLimitedError) as caught:
            send_many()
    finally:
        world.control.switch(rate_limit="none")
    assert refused(caught.value, 429)["title"] == "Rate Limit Hit"
    client.messages.send(message("text", page, psid))


def test_a_page_that_is_not_linked_is_its_request_error_with_1120(
    world: Detached, program: Program, psid: str, sdk: Sdk
) -> None:
    unlinked = world.page()
    for client in (sdk(program), sdk()):
        with pytest.raises(HttpRequestError) as caught:
            client.messages.send(message("text", unlinked, psid))
        assert type(caught.value) is HttpRequestError
        body = refused(caught.value, 422)
        assert body["title"] == "Invalid sender"
        assert body["detail"] == "The `from` parameter is invalid."
        assert body["type"].endswith("/messages#1120")
        assert body["instance"] == caught.value.response.headers["x-nexmo-trace-id"]


def test_an_account_without_credit_is_its_request_error_with_402(
    world: Detached, program: Program, page: str, psid: str, sdk: Sdk
) -> None:
    client = sdk(program)
    with settings_kept(world, balance="low"), pytest.raises(HttpRequestError) as caught:
        client.messages.send(message("text", page, psid))
    assert type(caught.value) is HttpRequestError
    assert refused(caught.value, 402)["title"] == "Low balance"
    client.messages.send(message("text", page, psid))


def test_a_method_that_a_path_does_not_take_is_its_forbidden_error(sdk: Sdk, program: Program) -> None:
    client = sdk(program).http_client
    with pytest.raises(ForbiddenError) as caught:
        client.get(client.api_host, "/v1/messages")
    assert caught.value.response.headers["content-type"].startswith("text/plain")
    assert caught.value.message.endswith("Error response body: \nForbidden")


def test_an_application_that_cannot_be_linked_is_its_forbidden_error(
    world: Detached, key: PrivateKey, page: str, sdk: Sdk
) -> None:
    client, voice = sdk().http_client, world.application(key, voice=GUIDES_VOICE)
    path = f"/beta/chatapp-accounts/messenger/{page}/applications"
    with pytest.raises(ForbiddenError) as caught:
        client.post(client.api_host, path, {"application": voice.id}, "basic")
    assert refused(caught.value, 403)["detail"] == "Cannot link application"


def test_what_it_can_do_to_messages_of_other_channels_is_its_request_error_on_messenger(
    program: Program, page: str, psid: str, sdk: Sdk
) -> None:
    client = sdk(program).messages
    sent = client.send(message("text", page, psid)).message_uuid
    for change in (client.mark_whatsapp_message_read, client.revoke_rcs_message):
        with pytest.raises(HttpRequestError) as caught:
            change(sent)
        assert refused(caught.value, 422)["title"] == "Operation not supported"


# Applications. What is given to the SDK as a dict, it reads into models of its own.


def test_an_application_made_by_the_sdk_sends_with_the_key_that_it_was_handed(
    world: Detached, hook: Target, sdk: Sdk
) -> None:
    capabilities = {"messages": webhooks(hook.url, hook.url), "voice": GUIDES_VOICE}
    made = sdk().application.create_application({"name": "by the SDK", "capabilities": capabilities})
    assert (made.name, made.link) == ("by the SDK", f"/v2/applications/{made.id}")
    assert made.privacy.improve_ai is True
    assert made.capabilities.model_dump(exclude_none=True) == capabilities
    private = made.keys.private_key
    own = Program(made.id, load_key(private))
    assert own.key.fits(made.keys.public_key)
    page = world.page(own)
    psid = world.control.write(page=page, text="hi")["psid"]
    sent = sdk(application_id=made.id, private_key=private).messages.send(message("text", page, psid))
    assert hook.statuses(sent.message_uuid, 2) == ["submitted", "delivered"]


def test_an_application_made_with_ones_own_key_is_shown_as_it_was_made(
    world: Detached, other_key: PrivateKey, sdk: Sdk
) -> None:
    client = sdk().application
    made = client.create_application({"name": "my key", "keys": {"public_key": other_key.public_pem}})
    assert made.keys.model_dump() == {"public_key": other_key.public_pem}
    assert client.get_application(made.id) == made
    own = Program(made.id, other_key)
    page = world.page(own)
    psid = world.control.write(page=page, text="hi")["psid"]
    assert sdk(own).messages.send(message("text", page, psid)).message_uuid


def test_the_list_of_applications_is_turned_page_by_page_to_its_end(world: Detached, key: PrivateKey, sdk: Sdk) -> None:
    mine = [world.application(key).id for _ in range(3)]
    client = sdk().application
    whole, following = client.list_applications()
    assert following is None
    shown, page = [], 1
    while page is not None:
        part, page = client.list_applications({"page_size": 2, "page": page})
        assert len(part) == 2 or page is None
        shown += part
    assert shown == whole
    assert set(mine) <= {application.id for application in shown}
    with pytest.raises(HttpRequestError) as caught:
        client.list_applications({"page_size": 101})
    assert [each["name"] for each in refused(caught.value, 400)["invalid_parameters"]] == ["page_size"]


def test_an_application_that_the_sdk_changes_keeps_its_key_and_uses_its_new_url(
    world: Detached, hook: Target, key: PrivateKey, sdk: Sdk
) -> None:
    own = world.application(key, messages=webhooks(hook.url, hook.url))
    page = world.page(own)
    psid = world.control.write(page=page, text="hi")["psid"]
    client = sdk().application
    with target() as elsewhere:
        config = {"name": "renamed", "capabilities": {"messages": webhooks(elsewhere.url, elsewhere.url)}}
        changed = client.update_application(own.id, config)
        assert (changed.id, changed.name, changed.keys.public_key) == (own.id, "renamed", key.public_pem)
        assert client.get_application(own.id) == changed
        sent = sdk(own).messages.send(message("text", page, psid)).message_uuid
        assert elsewhere.statuses(sent, 2) == ["submitted", "delivered"]
    assert hook.of(sent) == []
    with pytest.raises(HttpRequestError) as caught:
        client.update_application(own.id, {"name": ""})
    assert [each["name"] for each in refused(caught.value, 400)["invalid_parameters"]] == ["name"]


def test_an_application_that_the_sdk_deletes_is_gone_and_its_key_with_it(
    world: Detached, key: PrivateKey, sdk: Sdk
) -> None:
    own = world.application(key, messages={})
    page = world.page(own)
    client, sender = sdk().application, sdk(own)
    assert client.delete_application(own.id) is None
    for work in (client.get_application, client.delete_application):
        with pytest.raises(NotFoundError):
            work(own.id)
    with pytest.raises(AuthenticationError):
        sender.messages.send(message("text", page, STRANGER))


# The account


def test_the_form_of_the_accounts_urls_is_taken_though_the_sdk_may_call_it_json(world: Detached, sdk: Sdk) -> None:
    urls = {"mo_callback_url": "https://example.com/in", "dr_callback_url": "https://example.com/status?a=b&c"}
    client = sdk()
    with settings_kept(world):
        for kind in ("application/x-www-form-urlencoded", "application/json"):
            told = client.account.update_default_sms_webhook(**urls)
            sent = client.http_client.last_request
            # Once it has sent JSON, it goes on saying so: the header is left over from the call before.
            assert (sent.headers["Content-Type"], sent.body.partition("=")[0]) == (kind, "moCallbackUrl")
            assert told.model_dump() == urls | dict.fromkeys(
                ("max_outbound_request", "max_inbound_request", "max_calls_per_second"), 30
            )
            settings = world.control.settings()
            assert (settings["inbound_url"], settings["status_url"]) == tuple(urls.values())
            told = client.account.update_default_sms_webhook(mo_callback_url="")
            assert (told.mo_callback_url, told.dr_callback_url) == ("", urls["dr_callback_url"])
            assert world.control.settings()["inbound_url"] == ""
            client.application.create_application({"name": "sent as JSON"})


def test_an_address_that_is_none_is_its_request_error_with_the_accounts_apis_label(world: Detached, sdk: Sdk) -> None:
    client = sdk()
    before = world.control.settings()
    with pytest.raises(HttpRequestError) as caught:
        client.account.update_default_sms_webhook(dr_callback_url="no address")
    assert caught.value.response.json() == {
        "error-code": "420",
        "error-code-label": "Callback URL no address is not valid",
    }
    assert world.control.settings() == before


# Tokens, from both sides


def test_the_official_verifier_takes_every_webhook_for_genuine_and_none_with_another_secret(
    world: Detached, program: Program, hook: Target, page: str, psid: str, sdk: Sdk
) -> None:
    said = world.control.write(page=page, psid=psid, text="Grüße 🥐")["message_uuid"]
    sent = sdk(program).messages.send(message("text", page, psid)).message_uuid
    hook.statuses(sent, 2)
    wait_until(lambda: hook.of(said), what="the inbound message")
    for call in [*hook.of(said), *hook.of(sent)]:
        assert vonage_jwt.verify_signature(call.token, world.secret) is True
        assert vonage_jwt.verify_signature(call.token, world.secret + "!") is False


@pytest.mark.parametrize("claims", [{}, {"acl": {"paths": {"/*/messages/**": {}}}, "sub": "me"}, {"nbf": 0}], ids=str)
def test_a_token_of_the_official_minter_sends_and_links(
    world: Detached, program: Program, claims: dict[str, Any]
) -> None:
    token = vonage_jwt.JwtClient(program.id, program.key.pem()).generate_application_jwt(claims).decode()
    page = world.page()
    assert world.control.link(token, page)["linked"] is True
    psid = world.control.write(page=page, text="hi")["psid"]
    answer = world.post("/v1/messages", flat(page, psid), headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 202


# The guide's own command line: nexmo-cli, from the days of the guide

NO_NETWORK = re.compile(
    r"^npm (?:error|ERR!) (?:code )?"
    r"(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E[A-Z]*TIMED?OUT|network timeout)\b",
    re.MULTILINE,
)
INSTALL = (
    "nexmo-cli@0.3.17 --prefix . --ignore-scripts --no-audit --no-fund"
    " --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=20000"
)
GUIDES_LINES = r"""
JWT="$(nexmo jwt:generate private.key \application_id=NEXMO_APPLICATION_ID)"
echo $JWT
"""


@pytest.fixture(scope="module")
def nexmo(tmp_path_factory: pytest.TempPathFactory, program: Program) -> str:
    """The token that the guide's two lines print, with nexmo-cli 0.3.17 and the key of our application."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here to install nexmo-cli with")
    folder = tmp_path_factory.mktemp("nexmo")
    environment = os.environ | {"HOME": str(folder / "home"), "npm_config_cache": str(folder / "cache")}
    try:
        done = subprocess.run(
            [npm, "install", *INSTALL.split()],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=80,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm is here, but its registry cannot be reached (nothing came in 80 s)")
    if done.returncode:
        reason = NO_NETWORK.search(done.stderr)
        if reason:
            pytest.skip(f"npm is here, but its registry cannot be reached ({reason[1]})")
        pytest.fail(f"npm install: {done.stdout}{done.stderr}")
    save_key(program.key, folder / "private.key")
    tools = folder / "node_modules" / ".bin"
    printed = subprocess.run(
        ["bash", "-c", GUIDES_LINES.replace("NEXMO_APPLICATION_ID", program.id)],
        cwd=folder,
        env=environment | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.removesuffix("\n")


def test_the_guides_own_lines_print_a_token_without_an_end(program: Program, nexmo: str) -> None:
    assert jwt.get_unverified_header(nexmo)["alg"] == "RS256"
    claims = jwt.decode(nexmo, options={"verify_signature": False})
    assert sorted(claims) == ["application_id", "iat", "jti"]
    assert claims["application_id"] == program.id
    assert abs(claims["iat"] - time.time()) < 120


def test_the_token_of_the_guides_own_lines_sends_on_every_path(
    world: Detached, hook: Target, page: str, psid: str, nexmo: str
) -> None:
    headers = {"Authorization": f"Bearer {nexmo}"}
    for version, body in (
        ("beta", nested(page, psid)),  # the guide's own
        ("v0.1", nested(page, psid)),
        ("v1", flat(page, psid)),
    ):
        answer = world.post(f"/{version}/messages", body, headers=headers)
        assert answer.status_code == 202, answer.text
        assert hook.statuses(answer.json()["message_uuid"], 2) == ["submitted", "delivered"]


def test_the_token_of_the_guides_own_lines_links_a_page(world: Detached, program: Program, nexmo: str) -> None:
    page = world.page()
    url, form = f"{world.base_url}/_simulator/link", {"jwt": nexmo, "page": page}
    answer = world.http.post(url, data=form, timeout=10)
    assert (answer.status_code, answer.json()["linked"]) == (200, True)
    assert next(each for each in world.control.pages() if each["id"] == page)["application_id"] == program.id
    answer = world.http.post(url, data=form, headers={"Accept": "text/html"}, timeout=10)
    assert answer.status_code == 200
    assert f"Your Page ID is <strong>{page}</strong>" in answer.text
