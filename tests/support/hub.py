"""A JupyterHub for tests with its own proxy in front, and a server for each learner, who has a home of their own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.conftest import REPOSITORY, wait_until
from tests.support.programs import HUB_PROXY

PROXY = shutil.which("configurable-http-proxy")

# On a learner's machine there may be none; where CI is set, its absence is a failure and no hole.
needs_a_hub = pytest.mark.skipif(PROXY is None and not os.environ.get("CI"), reason=HUB_PROXY.reason)

CONFIG = """
import json
given = json.loads({given!r})
c.JupyterHub.bind_url = given["url"]
c.JupyterHub.hub_bind_url = given["hub"]
c.ConfigurableHTTPProxy.command = given["proxy"]
c.ConfigurableHTTPProxy.api_url = given["proxy_api"]
c.ConfigurableHTTPProxy.auth_token = given["secret"]
c.JupyterHub.db_url = "sqlite:///" + given["folder"] + "/hub.sqlite"
c.JupyterHub.cookie_secret_file = given["folder"] + "/cookie_secret"
c.ConfigurableHTTPProxy.pid_file = given["folder"] + "/proxy.pid"
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = given["secret"]
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = given["folder"] + "/home/{{username}}"
c.Spawner.cmd = [given["python"], "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = given["environment"]
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 120
c.Spawner.poll_interval = 2
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.services = [{{"name": "test", "api_token": given["secret"]}}]
scopes = ["admin:users", "admin:servers", "tokens", "access:servers", "proxy"]
c.JupyterHub.load_roles = [{{"name": "test", "services": ["test"], "scopes": scopes}}]
"""


@dataclass
class Learner:
    """Somebody on the hub: their name, their server's URL, and a token that is theirs."""

    name: str
    url: str
    home: Path
    token: str
    files: dict[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """What logs them in."""
        return {"Authorization": f"token {self.token}"}


@dataclass
class Hub:
    """A running hub: its public origin, its process, its log, and who may do everything on it."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    secret: str

    @property
    def log(self) -> str:
        """What hub, proxy and servers have written."""
        return (self.folder / "hub.log").read_text(errors="replace")

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        """Ask the hub's API as an administrator."""
        headers = {"Authorization": f"token {self.secret}"}
        return requests.request(method, f"{self.url}/hub/api/{path}", headers=headers, timeout=60, **options)

    def login(self, name: str) -> Learner:
        """Make a learner who is known to the hub; their server does not run yet."""
        self.api("POST", f"users/{name}")
        token = self.api("POST", f"users/{name}/tokens", json={}).json()["token"]
        return Learner(name, f"{self.url}/user/{name}/", self.folder / "home" / name, token)

    def start(self, *learners: Learner) -> None:
        """Start their servers together, and wait until each answers."""
        for learner in learners:
            answer = self.api("POST", f"users/{learner.name}/server")
            assert answer.status_code in (201, 202), answer.text
        for learner in learners:
            wait_until(lambda who=learner: self._answers(who), 180, f"the server of {learner.name}: {self.log[-3000:]}")

    def stop(self, learner: Learner) -> None:
        """Stop a server, as the culler does."""
        self.api("DELETE", f"users/{learner.name}/server")
        wait_until(lambda: not self.running(learner), 60, f"the end of the server of {learner.name}")

    def running(self, learner: Learner) -> bool:
        """Whether the hub has a server for them."""
        return bool(self.api("GET", f"users/{learner.name}").json()["servers"])

    def process_of(self, learner: Learner) -> psutil.Process:
        """The process of their server."""
        state = self.api("GET", f"users/{learner.name}?include_stopped_servers").json()["servers"][""]["state"]
        return psutil.Process(state["pid"])

    def children(self) -> list[psutil.Process]:
        """The processes of this hub: its proxy, its services, the servers and their kernels."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def _answers(self, learner: Learner) -> bool:
        answer = requests.get(learner.url + "api/status", headers=learner.headers, timeout=10, allow_redirects=False)
        return answer.status_code == 200


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def hub(folder: Path, more: str = "", **environment: str) -> Iterator[Hub]:
    """Run a hub with its proxy; everything of it ends with the test. `more` goes to the end of its configuration."""
    assert PROXY is not None, HUB_PROXY.reason
    (folder / "home").mkdir(parents=True)
    url, secret = f"http://127.0.0.1:{free_port()}", secrets.token_hex(16)
    given = {
        "url": url,
        "hub": f"http://127.0.0.1:{free_port()}",
        "proxy": [PROXY],
        "proxy_api": f"http://127.0.0.1:{free_port()}",
        "secret": secret,
        "folder": str(folder),
        "python": sys.executable,
        "environment": {"NBHELPERS_RECEIVER_PORT": "0", "NBHELPERS_SIMULATOR_PORT": "0"} | environment,
    }
    (folder / "jupyterhub_config.py").write_text(CONFIG.format(given=json.dumps(given)) + more)
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "NBHELPERS_"))}
    with (folder / "hub.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(folder / "jupyterhub_config.py")],
            cwd=folder,
            env=quiet | {"PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    made = Hub(url, folder, process, secret)
    try:
        wait_until(lambda: process.poll() is not None or _is_up(made), 90, "the hub")
        assert process.poll() is None, made.log
        yield made
    finally:
        _end(process)


def _is_up(made: Hub) -> bool:
    try:
        return made.api("GET", "users").status_code == 200
    except requests.ConnectionError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the hub, then whoever of its children has not followed it."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(family, timeout=12)  # a service stays ten seconds after its last owner
    for child in alive:
        child.kill()
