"""The official SDK, and code with the live host in it, against the simulator: its calls go there and nowhere else."""

from __future__ import annotations

import pytest
import requests
from requests.adapters import HTTPAdapter
from vonage import Auth, Vonage
from vonage_messages import MessengerText

from nbhelpers.errors import ServiceError
from nbhelpers.testing.messenger_simulator import MessengerSimulator
from nbhelpers.testing.official_sdk import send_calls_to
from tests.support.simulation import flat, target

pytestmark = pytest.mark.fast

LIVE = "https://api.nexmo.com"


@pytest.fixture
def sdk(messenger_simulator: MessengerSimulator) -> Vonage:
    """A client made as for the live service, with no host named."""
    its = messenger_simulator
    auth = {"api_key": its.api_key, "api_secret": its.api_secret}
    return Vonage(Auth(application_id=its.application_id, private_key=its.private_key, **auth))


def test_a_client_made_for_the_live_service_sends_to_the_simulator(
    messenger_simulator: MessengerSimulator, sdk: Vonage
) -> None:
    its = messenger_simulator
    its.take_calls_of(sdk)
    sent = sdk.messages.send(MessengerText(from_=its.page_id, to=its.psid, text="hello"))
    assert [reply["message_uuid"] for reply in its.replies()] == [sent.message_uuid]
    assert sdk.http_client.last_request.url == f"{its.base_url}/v1/messages", "it says where the call really went"
    assert sdk.application.get_application(its.application_id).name == "Rehearsal"
    sdk.account.update_default_sms_webhook(mo_callback_url="http://127.0.0.1:9/in")  # at another host: rest.nexmo.com
    assert its.settings()["inbound_url"] == "http://127.0.0.1:9/in"
    sdk.http_client._session.close()


def test_code_with_the_live_host_in_it_calls_the_simulator_with_path_query_and_headers_as_they_are(
    messenger_simulator: MessengerSimulator,
) -> None:
    its = messenger_simulator
    with requests.Session() as session:
        session.mount(f"{LIVE}/v1", HTTPAdapter())  # the more special one would win
        its.take_calls_of(session)
        headers = {"Authorization": f"Bearer {its.token()}"}
        sent = session.post(f"{LIVE}/v1/messages", json=flat(its.page_id, its.psid), headers=headers, timeout=10)
        assert sent.status_code == 202
        account = its.api_key, its.api_secret
        shown = session.get(f"{LIVE}/v2/applications?page_size=7", auth=account, timeout=10).json()
        assert (shown["page_size"], shown["total_items"]) == (7, 1)
        assert shown["_embedded"]["applications"][0]["id"] == its.application_id


def test_no_proxy_of_the_shell_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with target(204, "/") as server, requests.Session() as session:
        for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        send_calls_to(server.url, session)
        assert session.get(f"{LIVE}/a?b=c", timeout=5).status_code == 204
        assert [call.path for call in server.calls] == ["/a?b=c"]


def test_the_sdk_tries_as_often_as_it_did(sdk: Vonage) -> None:
    before = sdk.http_client._session.get_adapter(LIVE).max_retries
    send_calls_to("http://127.0.0.1:9", sdk)
    assert sdk.http_client._session.get_adapter(LIVE).max_retries is before
    with pytest.raises(requests.ConnectionError, match=r"host='127\.0\.0\.1', port=9"):
        sdk.http_client._session.get(LIVE, timeout=5)


def test_an_object_without_a_session_is_refused_in_words(messenger_simulator: MessengerSimulator) -> None:
    for client in (requests, object(), None):
        with pytest.raises(ServiceError, match=r"There is no session of requests in this .*Give a vonage\.Vonage or"):
            messenger_simulator.take_calls_of(client)
