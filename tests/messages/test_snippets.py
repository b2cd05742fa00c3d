"""The exact request, to take home: it is run as it stands, and what a person typed arrives unchanged."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.messages.snippets import LANGUAGES, snippet
from tests.support.labs import Shared, sent_body, written

HOST = "http://127.0.0.1:8711"
TEXTS = {
    "plain": "Thank you! We open at seven.",
    "apostrophe": "It's Ada's",
    "quotes": "She said \"yes\" and 'no' and `maybe`",
    "emoji": "See you 👩‍🍳🥐 soon",
    "lines": "One\nTwo\r\nThree\ttabbed",
    "command": "$(id) `id` $JWT ${HOME} !! \\n \\ %s {0} {token}",
    "here-string": "\n'@\n'@ ; Remove-Item C:\\ \n’@",
    "line separators": "a\u2028'@\u2029b\x85c",
    "other scripts": "שלום مرحبا ขอบคุณ",
    "markup": "</pre><script>alert(1)</script> & co",
}

pytestmark = pytest.mark.fast
every_text = pytest.mark.parametrize("text", list(TEXTS.values()), ids=list(TEXTS))
both_versions = pytest.mark.parametrize("version", ["v0.1", "v1"])
# Sent for real: every text in one shape, and one in the other.
every_text_once = pytest.mark.parametrize(
    ("text", "version"), [*((text, "v0.1") for text in TEXTS.values()), (TEXTS["quotes"], "v1")], ids=[*TEXTS, "today"]
)


def message(text: str = TEXTS["plain"]) -> OutboundMessage:
    return OutboundMessage("200", "100", text)


def here_string(code: str) -> str:
    """What PowerShell takes as the text: from the line after @' to the first line that begins with '@."""
    lines = code.split("\n")
    begin = next(number for number, line in enumerate(lines) if line.endswith("@'"))
    # PowerShell takes any of these four as the quote that ends it.
    end = next(number for number in range(begin + 1, len(lines)) if re.match("['‘’‚‛]@", lines[number]))
    assert lines[end] == "'@", "nothing but our own line ends it"
    return "\n".join(lines[begin + 1 : end])


@dataclass(frozen=True)
class Talk:
    """A lab in which somebody has written, and a token."""

    lab: Lab
    page_id: str
    psid: str
    token: str

    def answer(self, text: str) -> OutboundMessage:
        return OutboundMessage(self.page_id, self.psid, text)


@pytest.fixture(scope="module")
def talk(shared_lab: Shared) -> Talk:
    lab = shared_lab.as_it_was()
    event = written(lab)
    return Talk(lab, event.page_id, event.psid, str(lab.token()))


@pytest.mark.skipif(shutil.which("curl") is None and not os.environ.get("CI"), reason="no curl here")
@every_text_once
def test_curl_in_a_real_bash_sends_what_was_typed(talk: Talk, text: str, version: str) -> None:
    asked = talk.answer(text)
    code = snippet("curl", talk.lab.settings.host, version, asked)
    done = subprocess.run(
        ["bash", "-c", code.replace("curl", "curl --silent --show-error", 1)],
        # The token in JWT, as `JWT="$(nbhelpers token)"` puts it there.
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "JWT": talk.token},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    uuid = json.loads(done.stdout)["message_uuid"]
    assert sent_body(talk.lab, uuid) == asked.body(version)


@every_text_once
def test_the_python_lines_send_what_was_typed(talk: Talk, text: str, version: str) -> None:
    asked = talk.answer(text)
    *before, last = snippet("Python", talk.lab.settings.host, version, asked).splitlines()
    names: dict[str, Any] = {"token": talk.token}
    exec("\n".join([*before, f"answer = {last}"]), names)
    assert names["answer"].status_code == 202
    assert sent_body(talk.lab, names["answer"].json()["message_uuid"]) == asked.body(version)


def test_the_python_lines_can_be_pasted_into_a_cell_of_the_course() -> None:
    """Not `jwt`: that would hide the library of step 3."""
    code = snippet("Python", HOST, "v0.1", message())
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    assert used == {"requests", "body", "headers", "token"}


@every_text
@both_versions
def test_the_powershell_body_is_the_same_json_and_no_text_ends_it(text: str, version: str) -> None:
    asked = message(text)
    code = snippet("PowerShell", HOST, version, asked)
    assert json.loads(here_string(code)) == asked.body(version)
    after = code.split("\n'@\n", 1)[1]
    assert f'-Uri "{HOST}/{version}/messages"' in after
    assert 'Authorization = "Bearer $env:JWT"' in after
    assert "[Text.Encoding]::UTF8.GetBytes($body)" in after


@every_text
def test_the_sdk_lines_name_the_right_classes_and_carry_the_text(text: str) -> None:
    tree = ast.parse(snippet("SDK", HOST, "v1", message(text)))
    imports = {
        node.module: [name.name for name in node.names] for node in tree.body if isinstance(node, ast.ImportFrom)
    }
    assert imports.pop("nbhelpers.testing.official_sdk") == ["send_calls_to"]
    assert imports == {"vonage": ["Auth", "Vonage"], "vonage_messages": ["MessengerText"]}
    call = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "MessengerText"
    )
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert given == {"to": "100", "from_": "200", "text": text}


def test_the_sdk_lines_reach_the_simulator_as_they_stand(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = talk.answer(TEXTS["quotes"])
    before, call, arguments = snippet("SDK", talk.lab.settings.host, "v1", asked).rpartition("client.messages.send(")
    monkeypatch.chdir(talk.lab.settings.folder)  # where private.key is
    names: dict[str, Any] = {"application_id": talk.lab.facts["application_id"]}
    exec(f"{before}sent = {call}{arguments}", names)
    assert sent_body(talk.lab, names["sent"].message_uuid)["text"] == asked.content


def test_the_sdk_lines_for_the_live_service_know_nothing_of_the_simulator() -> None:
    assert "nbhelpers" not in snippet("SDK", "https://api.nexmo.com", "v1", message())


def test_the_sdk_lines_say_when_they_speak_another_shape_than_the_rest() -> None:
    note = "# The SDK speaks today's shape alone"
    assert snippet("SDK", HOST, "v0.1", message()).startswith(note)
    assert note not in snippet("SDK", HOST, "v1", message())


@every_text
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_brings_a_line_end_of_its_own_into_the_code(language: str, text: str) -> None:
    """Not even one that only some programs take for a line end."""
    code = snippet(language, HOST, "v0.1", message(text))
    assert len(code.splitlines()) == code.count("\n") + 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_token_is_a_variable_in_every_language(language: str) -> None:
    code = snippet(language, HOST, "v0.1", message())
    assert "eyJ" not in code
    assert any(variable in code for variable in ("$JWT", "{token}", "$env:JWT", "private_key='private.key'"))
