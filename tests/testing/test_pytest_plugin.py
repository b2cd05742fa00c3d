"""The fixture `messenger_simulator` in somebody else's suite, and the README's examples for experimenters, run."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

import nbhelpers
from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.auth.signatures import verify
from nbhelpers.errors import ApiError, ServiceError
from nbhelpers.testing.messenger_simulator import MessengerSimulator, running_simulator
from tests.conftest import REPOSITORY, wait_until
from tests.support.simulation import flat, nested, target, webhooks
from tests.test_package import HEAVY

pytest_plugins = ["pytester"]

README = (REPOSITORY / "nbhelpers" / "simulator" / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## For your own server and your own tests\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
BAKERY, START, PRINTED, END, TESTS, SDK = (body for _, body in BLOCKS)


def run(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    """Run a suite of somebody else's, in a process of its own that takes every warning for an error."""
    pytester.makepyfile(test_theirs=code)
    return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *arguments)


# ---- what a test is given -------------------------------------------------------------------------------------------


def test_it_has_what_a_server_is_configured_with_and_all_of_it_is_good(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    assert its.base_url.startswith("http://127.0.0.1:")
    assert its.private_key_path.read_text() == its.private_key
    assert os.name != "posix" or its.private_key_path.stat().st_mode & 0o777 == 0o600
    with requests.Session() as http:
        url = f"{its.base_url}/v2/applications/{its.application_id}"
        shown = http.get(url, auth=(its.api_key, its.api_secret), timeout=10).json()
        assert load_key(its.private_key).fits(shown["keys"]["public_key"])
        headers = {"Authorization": f"Bearer {its.token()}"}
        answer = http.post(f"{its.base_url}/v1/messages", json=flat(its.page_id, its.psid), headers=headers, timeout=10)
        assert answer.status_code == 202
    assert its.token() != its.token()
    assert [page["people"] for page in its.pages()] == [[{"psid": its.psid, "name": "Ada"}]]


def test_nothing_has_happened_yet_when_a_test_begins(messenger_simulator: MessengerSimulator) -> None:
    assert messenger_simulator.webhooks() == []
    assert messenger_simulator.replies() == []
    assert messenger_simulator.wait_until_delivered() == []


def test_no_secret_is_in_what_a_failing_test_shows_of_it(messenger_simulator: MessengerSimulator) -> None:
    for secret in (messenger_simulator.api_secret, messenger_simulator.signature_secret, "PRIVATE KEY"):
        assert secret not in repr(messenger_simulator)


def test_a_message_goes_round_and_is_signed(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    with target(path="/in") as inbound, target(path="/status") as status:
        its.send_webhooks_to(inbound=inbound.url, status=status.url)
        said = its.write(text="hi", person="Ben")
        assert its.write(kind="image")["psid"] == its.psid
        sent = its.send("hello", psid=said["psid"])
        kinds = [row["kind"] for row in its.wait_until_delivered()]
        assert kinds == ["delivered", "submitted", "inbound", "inbound"]
        assert its.read() == 1
        its.wait_until_delivered()
        assert status.statuses(sent.message_uuid, 3) == ["submitted", "delivered", "read"]
        (reply,) = its.replies()
        assert (reply["text"], reply["psid"], reply["page_id"]) == ("hello", said["psid"], its.page_id)
        assert (reply["message_uuid"], reply["state"]) == (sent.message_uuid, "read")
        assert reply["body"] == sent.body
        texts = {call.json["message_type"]: call for call in inbound.calls}
        assert texts["text"].json["text"] == "hi" and texts["image"].json["from"] == its.psid
        verdict = verify(texts["text"].headers["authorization"], texts["text"].body, its.signature_secret)
        assert verdict.kind == "signed"


def test_webhooks_come_whether_the_server_calls_by_token_or_by_key_and_in_either_shape(
    messenger_simulator: MessengerSimulator,
) -> None:
    its = messenger_simulator
    account = its.api_key, its.api_secret
    with target() as hook, requests.Session() as http:
        its.send_webhooks_to(inbound=hook.url, version="v0.1")
        its.send_webhooks_to(status=hook.url)  # what is left out stays as it is
        its.write(text="hi")
        its.wait_until_delivered()
        assert hook.calls[0].json["message"]["content"] == {"type": "text", "text": "hi"}
        url = f"{its.base_url}/v0.1/messages"
        assert http.post(url, json=nested(its.page_id, its.psid), auth=account, timeout=10).status_code == 202
        its.wait_until_delivered()
        assert [call.method for call in hook.calls] == ["POST"] * 3
        assert hook.calls[1].json["to"] == {"type": "messenger", "id": its.psid}
        assert its.replies()[0]["text"] == "hello"


def test_it_can_whatever_control_can(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    its.block()
    assert its.switch(blocked_person="1331")["blocked_person"] == "1331"
    its.send("hello")
    assert [reply["state"] for reply in its.replies()] == ["rejected"]
    other = its.create_page("Another")["id"]
    assert its.write(text="hi")["page_id"] == its.page_id  # its own Page, not the newest
    assert its.write(text="hi", page=other)["passed_on"] is False


def test_proxies_of_the_shell_do_not_matter(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "example.com")
    its = request.getfixturevalue("messenger_simulator")
    with target() as hook:
        its.send_webhooks_to(inbound=hook.url, status=hook.url)
        its.write(text="hi")
        # Somebody's handler, with a library that reads the environment.
        answer = requests.post(
            f"{its.base_url}/v1/messages",
            json=flat(its.page_id, its.psid),
            headers={"Authorization": f"Bearer {its.token()}"},
            timeout=10,
        )
        assert answer.status_code == 202
        assert len(its.wait_until_delivered()) == 3


def test_the_environment_is_afterwards_what_it_was(
    tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.delenv("no_proxy", raising=False)
    before = dict(os.environ)
    with running_simulator(tmp_path, key):
        assert "127.0.0.1" in os.environ["NO_PROXY"]
    assert dict(os.environ) == before


# ---- what it says ---------------------------------------------------------------------------------------------------


def test_waiting_with_no_url_set_says_so_and_what_to_do(messenger_simulator: MessengerSimulator) -> None:
    said = messenger_simulator.write(text="hi")["message_uuid"]
    wait_until(lambda: messenger_simulator.webhooks()[0]["answer"], what="the first look for a URL")
    with pytest.raises(ServiceError) as caught:
        messenger_simulator.wait_until_delivered(timeout=0.3)
    assert str(caught.value) == (
        "Not every webhook was taken."
        f" After 0.3 s there still wait: inbound (message {said[:8]}…): no webhook URL is set for it."
        " Say where they go: send_webhooks_to(inbound=…, status=…)."
    )


def test_waiting_in_vain_names_what_waits_and_the_last_answer_to_it(messenger_simulator: MessengerSimulator) -> None:
    with target(500, "/in") as hook:
        messenger_simulator.send_webhooks_to(inbound=hook.url, status="http://127.0.0.1:9/status")
        messenger_simulator.write(text="hi")
        messenger_simulator.send("hello")
        wait_until(lambda: all(each["answer"] for each in messenger_simulator.webhooks()), what="the first answers")
        with pytest.raises(ServiceError) as caught:
            messenger_simulator.wait_until_delivered(timeout=0.1)
    words = re.sub(r"\(message [0-9a-f]{8}…\)", "(…)", str(caught.value)).replace(hook.url, "URL")
    assert re.fullmatch(
        r"Not every webhook was taken\. After 0\.1 s there still wait: inbound \(…\): POST URL, answered 500, again in"
        r" \d s; submitted \(…\): POST http://127\.0\.0\.1:9/status, no answer \(\w+\), again in \d s; delivered"
        r" \(…\): .*\. Make your server answer 200 to 205; what it logged may say why it did not\.",
        words,
    )


def test_a_webhook_that_is_given_up_is_told_at_once(messenger_simulator: MessengerSimulator) -> None:
    messenger_simulator.switch(retry_on="5xx")
    with target(404) as hook:
        messenger_simulator.send_webhooks_to(inbound=hook.url)
        messenger_simulator.write(text="hi")
        with pytest.raises(ServiceError, match=r"is not tried again\. Not taken: inbound .*, answered 404\. Make your"):
            messenger_simulator.wait_until_delivered(timeout=60)


def test_a_handler_that_does_not_answer_is_told_from_one_that_answers_badly(
    messenger_simulator: MessengerSimulator,
) -> None:
    release = threading.Event()
    with target(lambda call: release.wait(20) and 200) as slow:
        messenger_simulator.send_webhooks_to(inbound=slow.url)
        for number in range(7):
            messenger_simulator.write(text=f"{number}")
        with pytest.raises(ServiceError, match=r"no answer yet; .*; and 2 more\. Look what your server waits for"):
            messenger_simulator.wait_until_delivered(timeout=0.3)
        release.set()
        assert len(messenger_simulator.wait_until_delivered()) == 7


def test_more_webhooks_than_are_listed_are_all_waited_for(messenger_simulator: MessengerSimulator) -> None:
    with target() as hook:
        for number in range(60):
            messenger_simulator.write(text=f"{number}", person=f"person {number}")
        messenger_simulator.send_webhooks_to(inbound=hook.url)
        assert len(messenger_simulator.wait_until_delivered(timeout=20)) == 60
        assert len(hook.calls) == 60


def test_what_cannot_be_is_refused_in_words(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    with pytest.raises(ServiceError, match=r"inbound is no URL\. You gave “localhost:5000”\. Give the whole address"):
        its.send_webhooks_to(inbound="localhost:5000")
    with pytest.raises(ServiceError, match=r"no such shape\. You gave “v2”\. Use v1 or v0\.1\."):
        its.send_webhooks_to(version="v2")
    with pytest.raises(ServiceError, match="Nobody can write that"):
        its.write(kind="carrier pigeon")
    with pytest.raises(ServiceError, match="Give a text"):
        its.write()
    its.change_settings(balance="low")
    with pytest.raises(ApiError, match="too little credit"):
        its.send("hello")
    url = f"{its.base_url}/v2/applications/{its.application_id}"
    requests.delete(url, auth=(its.api_key, its.api_secret), timeout=10)
    with pytest.raises(ServiceError, match=r"was answered 404: .*Each test begins with a whole one"):
        its.send_webhooks_to(inbound="http://127.0.0.1:9/")


def test_an_application_without_the_messages_capability_gets_it(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    url, account = f"{its.base_url}/v2/applications/{its.application_id}", (its.api_key, its.api_secret)
    with target() as hook:
        form = {"name": "theirs", "capabilities": {"voice": {}}}
        assert requests.put(url, json=form, auth=account, timeout=10).status_code == 200
        its.send_webhooks_to(inbound=hook.url)
        shown = requests.get(url, auth=account, timeout=10).json()
        expected = webhooks(hook.url)
        expected["webhooks"]["inbound_url"]["http_method"] = "POST"
        assert (shown["name"], shown["capabilities"]) == ("theirs", {"voice": {}, "messages": expected})
        its.write(text="hi")
        its.wait_until_delivered()


# ---- in somebody else's suite ---------------------------------------------------------------------------------------


def test_a_suite_that_does_not_use_it_loads_nothing_of_it(pytester: pytest.Pytester) -> None:
    code = f"""
        import sys

        def test_it():
            ours = {{name for name in sys.modules if name.startswith("nbhelpers")}}
            assert ours == {{"nbhelpers", "nbhelpers.testing", "nbhelpers.testing.pytest_plugin"}}
            assert not sys.modules.keys() & {sorted(HEAVY | {"sqlite3", "psutil"})}
    """
    # Alone: other plugins may load what they like.
    arguments = ["-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:xdist", "-p", "no:schemathesis"]
    run(pytester, code, *arguments).assert_outcomes(passed=1)


def test_it_is_listed_with_its_words(pytester: pytest.Pytester) -> None:
    result = run(pytester, "", "--fixtures")
    result.stdout.fnmatch_lines(["messenger_simulator -- *", "*a simulator of the Messages API and Facebook*"])


THEIRS = """
    import gc
    import tempfile
    import threading
    from pathlib import Path

    import psutil
    import pytest

    seen = []

    @pytest.mark.parametrize("number", range(3))
    def test_each(messenger_simulator, number):
        its = messenger_simulator
        assert its.webhooks() == [] and its.replies() == []
        assert its.switch()["window"] == "24"
        assert [page["id"] for page in its.pages()] == [its.page_id]
        its.write(text="hi")
        its.send("hello")
        its.create_page("Another")
        its.switch(window="24+1")
        its.change_settings(balance="low")
        seen.append(its)

    def test_no_two_had_anything_in_common_but_the_key_pair_and_nothing_is_left():
        for name in ("api_key", "api_secret", "signature_secret", "application_id", "page_id", "psid"):
            assert len({getattr(its, name) for its in seen}) == 3, name
        assert len({its.private_key for its in seen}) == 1
        assert not any(its.private_key_path.parent.parent.exists() for its in seen)
        assert list(Path(tempfile.gettempdir()).glob("messenger-simulator-*")) == []
        assert threading.enumerate() == [threading.main_thread()]
        gc.collect()
        assert psutil.Process().net_connections() == []
"""


def test_every_test_has_its_own_and_nothing_is_left_behind(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    result = run(pytester, THEIRS, "-p", "no:xdist", "--durations=4", "--durations-min=0.001", "-vv")
    result.assert_outcomes(passed=4)
    print("\n".join(line for line in result.outlines if "setup" in line or "teardown" in line))


def test_tests_run_side_by_side(pytester: pytest.Pytester) -> None:
    code = """
        import os
        import time
        from pathlib import Path

        import pytest

        @pytest.mark.parametrize("me", [0, 1])
        def test_each(messenger_simulator, me):
            # Each waits until the other's is open too, and looks at its own again while it is.
            places = [Path(f"{number}.txt") for number in (0, 1)]
            messenger_simulator.write(text="hi")
            places[me].write_text(messenger_simulator.base_url)
            until = time.monotonic() + 30
            while not all(place.exists() and place.read_text() for place in places) and time.monotonic() < until:
                time.sleep(0.01)
            assert len({place.read_text() for place in places}) == 2
            assert len(messenger_simulator.webhooks()) == 1
    """
    result = run(pytester, code, "-n", "2", "--dist", "load")
    result.assert_outcomes(passed=2)


# ---- the README's examples ------------------------------------------------------------------------------------------


def test_the_examples_are_the_blocks_that_are_run_here() -> None:
    assert [kind for kind, _ in BLOCKS] == ["python", "bash", "text", "bash", "python", "python"]
    assert BAKERY.startswith("# bakery.py\n") and TESTS.startswith("# test_bakery.py\n")
    assert SDK.startswith("# test_sdk.py\n")
    assert Path(nbhelpers.__file__).parent == REPOSITORY / "nbhelpers"


def test_the_readmes_test_of_the_usual_flask_handler_passes_as_it_stands(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("bakery.py").write_text(BAKERY, encoding="utf-8")
    pytester.path.joinpath("test_bakery.py").write_text(TESTS, encoding="utf-8")
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", "--durations=0")
    result.assert_outcomes(passed=2)


def test_the_readmes_test_with_the_official_sdk_passes_as_it_stands_and_has_five_lines(
    pytester: pytest.Pytester,
) -> None:
    assert len(SDK.partition("messenger_simulator):\n")[2].splitlines()) == 5
    run(pytester, SDK).assert_outcomes(passed=1)


def test_the_readmes_test_fails_in_words_when_the_handler_is_broken(pytester: pytest.Pytester) -> None:
    assert BAKERY.count('return "", 200') == 2
    pytester.path.joinpath("bakery.py").write_text(BAKERY.replace('data["to"]', 'data["too"]'), encoding="utf-8")
    short = TESTS.replace("wait_until_delivered()", "wait_until_delivered(timeout=3)")
    pytester.path.joinpath("test_bakery.py").write_text(short, encoding="utf-8")
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", "-k", "gets_an_answer")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ServiceError: Not every webhook was taken.*/webhooks/inbound, answered 500*"])


@pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="the block is bash's")
def test_the_readmes_shell_example_drives_the_flask_server(tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, words in (("python3", ""), ("nbhelpers", "-m nbhelpers "), ("flask", "-m flask ")):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n')
        (commands / name).chmod(0o755)
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "bakery.py").write_text(BAKERY, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "NBHELPERS_SIMULATOR_PORT": "0",
    }
    # As it stands but for the port, which may be taken here; and it ends when a line has been written.
    script = "\n".join(["set -eu", START, "while [ ! -e enough ]; do sleep 0.1; done", END]).replace("5000", f"{port}")
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as printed, err.open("w") as said:
        process = subprocess.Popen(["bash", "-c", script], cwd=folder, env=environment, stdout=printed, stderr=said)
    try:
        wait_until(
            lambda: set(PRINTED.splitlines()) <= set(out.read_text().splitlines()) or process.poll() is not None,
            timeout=30,
            what=f"what the README says in {out}, {err}",
        )
        (folder / "enough").write_text("")
        assert process.wait(timeout=20) == 0, err.read_text()
    finally:
        process.kill()
        subprocess.run([commands / "nbhelpers", "stop"], cwd=folder, env=environment, check=False)
    # The demo's own message is tried again in between, so only the order of each is sure.
    lines = out.read_text().splitlines()
    places = [lines.index(line) for line in PRINTED.splitlines()]
    assert places == sorted(places)
    assert "Traceback" not in err.read_text()
