"""Live mode for a learner on a hub, the simulator in the service's place, with an application and a Page of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.tokens import Minter
from nbhelpers.simulator.control.client import ControlClient
from tests.support.hub import Hub, Learner
from tests.support.remote_kernels import kernel

OPEN = """
import os
os.environ.update({environment!r})
from nbhelpers import Lab
lab = Lab(mode="live")
print(lab.tunnel.public_url)
"""


@dataclass(frozen=True)
class Service:
    """The simulator in the service's place: its account, and its screens and phones."""

    control: ControlClient
    account: tuple[str, str]
    signature_secret: str


@dataclass(frozen=True)
class Live:
    """A learner in live mode: the base of their public webhook URLs, and the Page that people write to."""

    learner: Learner
    public_url: str
    page_id: str
    service: Service
    code: str

    def write(self, text: str) -> dict[str, Any]:
        """Let a person write to their Page."""
        return self.service.control.write(text=text, page=self.page_id)

    def open_again(self) -> str:
        """Open the lab in a new kernel, as after a restart; return the public base."""
        with kernel(self.learner, "live.ipynb") as running:
            return running.run(self.code).strip()


def go_live(hub: Hub, learner: Learner, service: Service, key: PrivateKey) -> Live:
    """Open the way in a kernel of theirs, and set it in an application of theirs."""
    environment = {
        "NBHELPERS_API_HOST": service.control.base_url,
        "VONAGE_SIGNATURE_SECRET": service.signature_secret,
        "NBHELPERS_TUNNEL": "jupyter",
        "PUBLIC_URL": hub.url,
    }
    code = OPEN.format(environment=environment)
    with kernel(learner, "live.ipynb") as running:
        public_url = running.run(code).strip()
    addresses = {
        f"{which}_url": {"address": f"{public_url}/{which}", "http_method": "POST"} for which in ("inbound", "status")
    }
    form = {
        "name": learner.name,
        "capabilities": {"messages": {"version": "v1", "webhooks": addresses}},
        "keys": {"public_key": key.public_pem},
    }
    url = f"{service.control.base_url}/v2/applications"
    application_id = requests.post(url, json=form, auth=service.account, timeout=30).json()["id"]
    page_id = service.control.create_page(f"The Page of {learner.name}")["id"]
    service.control.link(Minter(application_id, key)(), page_id)
    return Live(learner, public_url, page_id, service, code)
