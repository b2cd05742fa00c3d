"""What `deploy/` gives a hub: webhooks for a stopped server come again, no log has a secret, the files agree."""

from __future__ import annotations

import ast
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from nbhelpers.jupyter.progress import SCOPE
from tests.conftest import REPOSITORY, wait_until
from tests.support.hub import Hub, Learner, hub, needs_a_hub
from tests.support.programs import HUB_PROXY

DEPLOY = REPOSITORY / "deploy"
ONE_HOST = (DEPLOY / "jupyterhub_config.py").read_text(encoding="utf-8")


def proxy_command() -> str:
    """The statements of the configuration that start the proxy, as they stand there."""
    begin = ONE_HOST.index("MASK = ")
    return ONE_HOST[begin : ONE_HOST.index("# ---- who may come")]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Learner]]:
    more = f"load_subconfig({str(DEPLOY / 'room.py')!r})\n{proxy_command()}"
    more += 'c.Spawner.environment["JUPYTERHUB_SINGLEUSER_APP"] = "jupyter_server.serverapp.ServerApp"\n'
    more += "c.Spawner.poll_interval = 600\n"  # until the hub looks, the proxy alone knows that a server has gone
    with hub(tmp_path_factory.mktemp("deploy") / "hub", more) as made:
        ada = made.login("ada")
        made.start(ada)
        yield made, ada


def told(hub: Hub, name: str, secret: str, method: str = "POST") -> requests.Response:
    url = f"{hub.url}/user/{name}/nbhelpers/webhooks/{secret}/inbound"
    return requests.request(method, url, json={"a": 1}, timeout=20, allow_redirects=False)


@needs_a_hub
@pytest.mark.timeout(300)
def test_a_webhook_for_a_server_that_does_not_run_is_to_be_sent_again(deployed: tuple[Hub, Learner]) -> None:
    made, _ = deployed
    made.login("bob")
    for name in ("bob", "nobody"):
        answer = told(made, name, "x" * 22)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert answer.json() == {"error": "No server runs here.", "next": "Send again later."}
    # A wrong secret at a running one says the same, and all else is as the hub has it.
    assert told(made, "ada", "x" * 22).json() == told(made, "nobody", "x" * 22).json()
    assert told(made, "nobody", "x" * 22, "GET").status_code == 302
    assert requests.post(f"{made.url}/user/bob/api/contents", timeout=20).status_code == 403


@needs_a_hub
@pytest.mark.timeout(300)
def test_neither_the_hub_nor_its_proxy_logs_a_secret(deployed: tuple[Hub, Learner]) -> None:
    made, ada = deployed
    told(made, "bob", "secret-of-bob")
    told(made, "bob", "secret-of-bob", "GET")
    os.kill(made.process_of(ada).pid, signal.SIGKILL)
    time.sleep(0.2)
    assert told(made, "ada", "secret-of-ada").status_code == 503
    wait_until(lambda: "503 POST /user/ada/nbhelpers/webhooks/****/inbound" in made.log, 20, "the proxy's line")
    wait_until(lambda: "/user/bob/nbhelpers/webhooks/••••/inbound" in made.log, 20, "the hub's line")
    assert "secret-of" not in made.log


@pytest.mark.fast
def test_the_scope_of_the_board_has_one_name_everywhere() -> None:
    values = yaml.safe_load((DEPLOY / "values.yaml").read_text(encoding="utf-8"))
    assert SCOPE in values["hub"]["loadRoles"]["board"]["scopes"]
    assert f'"{SCOPE}"' in (DEPLOY / "room.py").read_text(encoding="utf-8")
    assert f'"{SCOPE}"' in ONE_HOST


@pytest.mark.fast
def test_both_deployments_give_the_same_roles_and_start_the_same_board() -> None:
    values = yaml.safe_load((DEPLOY / "values.yaml").read_text(encoding="utf-8"))["hub"]
    scopes = {name: role["scopes"] for name, role in values["loadRoles"].items()}
    assigned = ast.parse(ONE_HOST).body
    roles = next(node.value for node in assigned if ast.unparse(node).startswith("c.JupyterHub.load_roles"))
    assert isinstance(roles, ast.List)
    here = {}
    for role in roles.elts:
        fields = {ast.literal_eval(key): value for key, value in zip(role.keys, role.values, strict=True)}
        here[ast.literal_eval(fields["name"])] = ast.literal_eval(fields["scopes"])
    assert {name: here[name] for name in scopes} == scopes
    assert values["services"]["board"]["command"][1:4] == ["-m", "nbhelpers", "board"]
    assert values["services"]["board"]["oauth_no_confirm"] is True


@pytest.mark.fast
def test_the_values_are_strict_yaml_with_what_was_measured() -> None:
    text = (DEPLOY / "values.yaml").read_text(encoding="utf-8")
    values = yaml.load(text, Strict)
    singleuser = values["singleuser"]
    assert singleuser["memory"] == {"guarantee": "400M", "limit": "1G"}
    assert values["cull"]["enabled"] and values["proxy"]["https"]["enabled"]
    assert values["hub"]["activeServerLimit"] >= 300


class Strict(yaml.SafeLoader):
    """A loader that takes no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


@pytest.mark.fast
def test_the_readme_names_the_proxy_that_the_tests_use_and_every_file() -> None:
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert HUB_PROXY.commands["apt-get"].rpartition(" ")[2] in readme
    for path in sorted(Path(DEPLOY).iterdir()):
        assert path.name == "README.md" or path.name in readme
