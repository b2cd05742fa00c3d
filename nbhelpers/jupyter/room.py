"""Who of a JupyterHub is at which step, asked from each running server while somebody looks at the board."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse

__all__ = ["STUCK", "Learner", "Room", "shown"]

STUCK = 600  #: seconds without a new step after which somebody counts as stuck
_EVERY = 5.0  # seconds between two rounds of questions
_AT_ONCE = 20  # servers that are asked at the same time
_PATIENCE = 4.0  # seconds that a server may take
_LOOKED_AT = 20.0  # seconds after which nobody counts as looking any more: then no server is asked
_PAGE = 100  # users for which the hub is asked at a time; it gives 200 at most


@dataclass
class Learner:
    """What is known of one server: whose it is, whether it answers, and what it last said of its steps."""

    name: str
    started: datetime
    answers: bool = False
    running: bool = True
    progress: dict[str, Any] = field(default_factory=dict)
    etag: str = ""


class Room:
    """Everybody on a hub with a server, as far as the service's own token lets it be seen.

    `api` is the URL of the hub's API, `proxy` the address under which the servers are reached, `token` the service's.
    """

    def __init__(self, api: str, proxy: str, token: str) -> None:
        self._api, self._proxy = api.rstrip("/"), proxy.rstrip("/")
        self._headers = {"Authorization": f"token {token}"}
        self._learners: dict[str, Learner] = {}
        self._looked = -_LOOKED_AT
        self._woken = asyncio.Event()
        self._asked = False
        self.trouble = ""

    async def run(self) -> None:
        """Ask for ever, every five seconds, while somebody looks."""
        while True:
            await self._woken.wait()
            began = time.monotonic()
            if began - self._looked > _LOOKED_AT:
                self._woken.clear()
                continue
            await self.ask()
            await asyncio.sleep(max(0.0, _EVERY - (time.monotonic() - began)))

    def look(self) -> dict[str, Any]:
        """Return what the page shows, and keep asking for a while."""
        self._looked = time.monotonic()
        self._woken.set()
        now = datetime.now(UTC)
        learners = [shown(learner, now) for learner in sorted(self._learners.values(), key=lambda each: each.name)]
        return {"learners": learners, "asked": self._asked, "trouble": self.trouble}

    async def ask(self) -> None:
        """Ask the hub who has a server, and each server for its steps."""
        client = AsyncHTTPClient(force_instance=True, max_clients=_AT_ONCE)
        try:
            servers = await self._servers(client)
        except (HTTPError, OSError, ValueError, KeyError) as error:
            self.trouble = f"The hub does not say who has a server ({error}). What is shown is from before."
            return
        else:
            self.trouble = ""
            for name, learner in self._learners.items():
                if name not in servers:
                    learner.running = learner.answers = False
            await asyncio.gather(*(self._ask_one(client, name, *server) for name, server in servers.items()))
        finally:
            self._asked = True
            client.close()

    async def _servers(self, client: AsyncHTTPClient) -> dict[str, tuple[str, datetime]]:
        """Return the servers that are ready: by whose they are, their path and since when they run."""
        found: dict[str, tuple[str, datetime]] = {}
        offset: int | None = 0
        while offset is not None:
            url = f"{self._api}/users?state=ready&limit={_PAGE}&offset={offset}"
            headers = self._headers | {"Accept": "application/jupyterhub-pagination+json"}
            page = json.loads((await client.fetch(url, headers=headers)).body)
            for user in page["items"]:
                for server in (user.get("servers") or {}).values():
                    name = f"{user['name']}/{server['name']}".rstrip("/")
                    started = datetime.fromisoformat(server["started"]) if server.get("started") else datetime.now(UTC)
                    found[name] = (server["url"], started)
            following = page["_pagination"]["next"]
            offset = following["offset"] if following else None
        return found

    async def _ask_one(self, client: AsyncHTTPClient, name: str, path: str, started: datetime) -> None:
        learner = self._learners.setdefault(name, Learner(name, started))
        learner.running, learner.started = True, started
        headers = self._headers | ({"If-None-Match": learner.etag} if learner.etag else {})
        request = HTTPRequest(
            f"{self._proxy}{path}nbhelpers/progress", headers=headers, request_timeout=_PATIENCE, follow_redirects=False
        )
        try:
            answer = await client.fetch(request, raise_error=False)
            learner.answers = _heard(learner, answer)
        except (HTTPError, OSError, ValueError):
            learner.answers = False


def _heard(learner: Learner, answer: HTTPResponse) -> bool:
    if answer.code == 304:  # nothing has changed, and the hub's proxy does not take it for activity
        return True
    if answer.code != 200:
        return False
    said = json.loads(answer.body)
    if not isinstance(said, dict) or not isinstance(said.get("steps"), list):
        return False
    learner.progress, learner.etag = said, answer.headers.get("Etag", "")
    return True


def shown(learner: Learner, now: datetime) -> dict[str, Any]:
    """Return a learner as the page shows them.

    `at` is the number of the step they are at, None when all are there; `since` since when, `seconds` for how long;
    `kind` is done, stuck, working, silent (no answer) or stopped. A server may say what it likes: what is no step is
    left out.
    """
    steps = [step for step in learner.progress.get("steps", []) if _is_step(step)][:7]
    at = next((step["number"] for step in steps if step["state"] == "open"), None if steps else 1)
    reached = [moment for step in steps if (moment := _moment(step.get("since")))]
    # Whoever comes back after a break is not stuck since before it.
    since = max([learner.started, *reached])
    seconds = max(0, int((now - since).total_seconds()))
    if not learner.running:
        kind = "stopped"
    elif not learner.answers:
        kind = "silent"
    elif at is None:
        kind = "done"
    else:
        kind = "stuck" if seconds >= STUCK else "working"
    return {
        "name": learner.name,
        "kind": kind,
        "at": at,
        "since": since.isoformat(timespec="seconds"),
        "seconds": seconds,
        "steps": [step["state"] for step in steps],
        "exercises": len(solved) if isinstance(solved := learner.progress.get("exercises"), list) else 0,
        "kernel": bool(learner.progress.get("kernel_alive")),
        "mode": str(learner.progress.get("mode", ""))[:20],
    }


def _is_step(step: Any) -> bool:
    return (
        isinstance(step, Mapping)
        and isinstance(step.get("number"), int)
        and step.get("state") in ("done", "filled in", "open")
    )


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
