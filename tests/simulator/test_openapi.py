"""The simulator and its description (`openapi.yaml`), held against each other by generated requests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nbhelpers.api.messages import MessagesClient
from nbhelpers.auth.private_key import load_key
from nbhelpers.auth.tokens import Minter
from nbhelpers.messages.inbound import LONGEST_ID
from nbhelpers.messages.outbound import LONGEST_REF, LONGEST_TEXT, LONGEST_URL, OutboundMessage
from nbhelpers.simulator import app
from nbhelpers.simulator.api.routes import ApiRoutes
from nbhelpers.simulator.control.client import ControlClient
from nbhelpers.simulator.embedded import Embedded
from nbhelpers.simulator.server import Options

NOTHING: Any = None
DESCRIPTION = Path(app.__file__).with_name("openapi.yaml")
DESCRIBED = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
OPERATIONS = {
    (path, method.upper()): operation
    for path, operations in DESCRIBED["paths"].items()
    for method, operation in operations.items()
    if method != "parameters"
}
EXAMPLES = os.environ.get("NBHELPERS_TEST_EXAMPLES", "5")  # of generated requests, for each operation and phase
SEED = os.environ.get("NBHELPERS_TEST_SEED", "1")
# The same handlers under a second path.
TWINS = [
    operation["operationId"] for (path, _), operation in OPERATIONS.items() if path.endswith("/") or "beta/m" in path
]

# What no schema can say: which Page there is, and that a valid request may be refused for what it names.
CONFIG = """
[auth.openapi.bearer]
bearer = "{token}"
[auth.openapi.basic]
username = "{api_key}"
password = "{api_secret}"
[auth.openapi.key]
api_key = "{api_key}"
[auth.openapi.secret]
api_key = "{api_secret}"

[checks.unsupported_method]
enabled = false  # the gateway answers 403, as was seen live
[[operations]]
include-path-regex = "^/v2/applications"
checks.unsupported_method.enabled = true

[[operations]]
include-path-regex = "^/beta/chatapp-accounts/messenger/|applications$"
parameters = {{id = "{page_id}", provider = "messenger"}}
[[operations]]
include-operation-id = "changeMessage"
parameters = {{uuid = "{message_uuid}"}}
checks.positive_data_acceptance.expected-statuses = ["422"]
[[operations]]
include-operation-id = "createAccount"
checks.positive_data_acceptance.expected-statuses = ["201", "400"]
[[operations]]
include-operation-id = "changeAccount"
checks.positive_data_acceptance.expected-statuses = ["200", "400", "403", "404"]
[[operations]]
include-operation-id = "changeSettings"
checks.negative_data_rejection.expected-statuses = ["400", "401", "420"]
"""


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    """A simulator that takes every sender and recipient; the webhooks of what it takes go nowhere."""
    with Embedded(tmp_path / "simulator", Options(accept_any=True, demo=True)) as made:
        control = ControlClient(made.base_url, made.control)
        control.fault("receiver-down", 0)  # a generated webhook_url is not called
        control.close()
        yield made


def generated(embedded: Embedded, folder: Path, description: Path) -> subprocess.CompletedProcess[str]:
    """Let schemathesis make requests by a description, and check every answer against it."""
    ready = embedded.ready
    mint = Minter(ready["application_id"], load_key(ready["private_key"]))
    client = MessagesClient(embedded.base_url, mint, "v1")
    sent = client.send(OutboundMessage(ready["page_id"], ready["psid"], "hello"))
    client.close()
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(token=mint(), message_uuid=sent.message_uuid, **ready), "utf-8")
    skipped = [word for twin in TWINS for word in ("--exclude-operation-id", twin)]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", str(description)]
    command += ["--url", embedded.base_url, "--max-examples", EXAMPLES, "--seed", SEED, "--no-color", *skipped]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.timeout(620)
def test_generated_requests_are_answered_as_the_description_says(embedded: Embedded, tmp_path: Path) -> None:
    done = generated(embedded, tmp_path, DESCRIPTION)
    assert done.returncode == 0, done.stdout
    assert f"Tested: {len(OPERATIONS) - len(TWINS)}" in done.stdout
    assert int(done.stdout.partition("Test cases:\n  ")[2].split()[0]) > 1000
    print(done.stdout[-300:])


def test_a_description_that_says_otherwise_is_found_out(embedded: Embedded, tmp_path: Path) -> None:
    wrong = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    wrong["paths"] = {"/v1/messages": wrong["paths"]["/v1/messages"]}
    wrong["components"]["schemas"]["Id"]["maxLength"] = 60
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong), "utf-8")
    done = generated(embedded, tmp_path, tmp_path / "wrong.yaml")
    assert done.returncode == 1
    assert "Schema-valid request rejected" in done.stdout


@pytest.mark.fast
def test_the_description_names_every_path_and_verb_that_there_is_and_no_other() -> None:
    table = ApiRoutes(*[NOTHING] * 5).table()
    assert set(OPERATIONS) == {(path, method) for path, method, _ in table}
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.fast
def test_a_second_path_is_described_as_the_first() -> None:
    assert len(TWINS) == 6
    for (path, method), operation in OPERATIONS.items():
        if operation["operationId"] in TWINS:
            first = OPERATIONS[path.rstrip("/").replace("beta/m", "v0.1/m"), method]
            assert operation | {"operationId": ""} == first | {"operationId": ""}


@pytest.mark.fast
def test_the_lengths_of_the_description_are_those_of_the_code() -> None:
    schemas = DESCRIBED["components"]["schemas"]
    message, contents = schemas["Message"]["allOf"]
    assert schemas["Id"]["maxLength"] == LONGEST_ID
    assert schemas["Url"]["maxLength"] == LONGEST_URL
    assert contents["oneOf"][0]["properties"]["text"]["maxLength"] == LONGEST_TEXT
    assert message["properties"]["client_ref"]["maxLength"] == LONGEST_REF["v1"]
    assert schemas["NestedMessage"]["properties"]["client_ref"]["maxLength"] == LONGEST_REF["v0.1"]
