"""The exact request of a reply, to take home: curl, Python, PowerShell, SDK; the token is always a variable."""

from __future__ import annotations

import json
import pprint
import shlex
from typing import Any
from urllib.parse import urlsplit

from nbhelpers.messages.inbound import TODAY, shape_of_version
from nbhelpers.messages.outbound import OutboundMessage

__all__ = ["LANGUAGES", "snippet"]

#: In what a request can be shown.
LANGUAGES = ("curl", "Python", "PowerShell", "SDK")
# The SDK's classes of a text, by its channel.
_SDK_CLASSES = {"whatsapp": "WhatsappText", "sms": "Sms", "rcs": "RcsText", "viber_service": "ViberText"}
_LINE_ENDS = "\x85\u2028\u2029"  # JSON leaves them as they are, and some programs end a line at them


def snippet(language: str, host: str, version: str, message: OutboundMessage) -> str:
    """Return the request that sends `message` to `host`, in one of LANGUAGES.

    Texts are quoted for the language, so an apostrophe or an emoji in the answer does not break the command. The SDK is
    Python's `vonage` 4, which speaks v1 alone, and to the live service unless it is told otherwise: for a host on this
    computer, a simulator's, it is.
    """
    url = f"{host}/{version}/messages"
    body = message.body(version)
    if language == "curl":
        return (
            '# JWT="$(nbhelpers token)"\n'
            f"curl -X POST {url} \\\n"
            '  -H "Authorization: Bearer $JWT" \\\n'
            "  -H 'Content-Type: application/json' \\\n"
            f"  --data-raw {shlex.quote(_written(body, indent=1))}"
        )
    if language == "PowerShell":
        # Bytes, because Windows PowerShell 5 would send a text as Latin-1; in a here-string nothing needs escaping.
        return (
            "# $env:JWT = nbhelpers token\n"
            "$body = @'\n"
            f"{_written(body, indent=2)}\n"
            "'@\n"
            f'Invoke-RestMethod -Method Post -Uri "{url}" `\n'
            '  -Headers @{ Authorization = "Bearer $env:JWT" } -ContentType "application/json" `\n'
            "  -Body ([Text.Encoding]::UTF8.GetBytes($body))"
        )
    if language == "Python":
        shown = pprint.pformat(body, sort_dicts=False, width=88)
        return (
            "import requests\n\n"
            "# token = str(lab.token())\n"
            f"body = {shown}\n"
            'headers = {"Authorization": f"Bearer {token}"}\n'
            f"requests.post({url!r}, json=body, headers=headers, timeout=10)"
        )
    sdk_class = _SDK_CLASSES.get(message.channel, "MessengerText")
    note = "" if shape_of_version(version) == TODAY else "# The SDK speaks today's shape alone, at /v1/messages.\n"
    to_simulator = ""
    if urlsplit(host).hostname in ("127.0.0.1", "localhost"):
        to_simulator = (
            "# To the simulator; leave these two lines out to go live:\n"
            "from nbhelpers.testing.official_sdk import send_calls_to\n"
            f"send_calls_to({host!r}, client)\n"
        )
    return (
        f"{note}# pip install vonage; application_id is the one of step 2\nfrom vonage import Auth, Vonage\n"
        f"from vonage_messages import {sdk_class}\n\n"
        "client = Vonage(Auth(application_id=application_id, private_key='private.key'))\n"
        f"{to_simulator}client.messages.send({sdk_class}(\n    to={message.recipient!r}, from_={message.sender!r},\n"
        f"    text={message.content!r},\n))"
    )


def _written(body: dict[str, Any], indent: int | None = None) -> str:
    written = json.dumps(body, ensure_ascii=False, indent=indent)
    return written.translate({ord(character): f"\\u{ord(character):04x}" for character in _LINE_ENDS})
