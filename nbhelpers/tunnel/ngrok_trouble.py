"""Tells why an ngrok agent opens nothing as soon as it can be known, from its log and its local API."""

from __future__ import annotations

import re
import time

import requests
from pyngrok.process import NgrokProcess

from nbhelpers.tunnel.reach import ngrok_code

__all__ = ["Watch", "by_words"]

_ENDPOINTS = "/api/endpoints"
_ASK = 2.0  # seconds for a call of the agent's API, which answers on this computer
_GRACE = 1.0  # seconds that it may still get through after it said what is in its way: by then it has tried again
_NO_WAY = re.compile(
    r"no such host|lookup |network is unreachable|no route to host|connection re(fused|set)|i/o timeout|dial tcp"
    r"|handshake timeout|deadline exceeded"
)


def by_words(text: str) -> str:
    """Return the code of a trouble that ngrok gives no number, by what its text says; `other` when it says nothing."""
    if "x509" in text:
        return "x509"
    if _NO_WAY.search(text):
        return "no-network"
    if re.search(r"unmarshal errors|invalid tunnel configuration", text):
        return "option"
    if "timed out" in text:
        return "silent"
    return "other"


class Watch:
    """Looks at an agent while it starts. pyngrok waits for its whole time-out, whatever the agent says meanwhile."""

    def __init__(self) -> None:
        self._has_endpoints = False
        self._since: float | None = None

    def look(self, agent: NgrokProcess | None) -> tuple[str, str] | None:
        """Return what keeps it from opening, as a code and in its words; None while nothing is known.

        An agent from before 3.30 has no API for endpoints, and pyngrok would ask for ever. One that cannot reach the
        ngrok service says so in its log, and tries again for ever.
        """
        if agent is None:
            return None
        if agent.api_url and not self._has_endpoints:
            status = _status(agent.api_url + _ENDPOINTS)
            if status == 404:
                return "too-old", f"Its API answers 404 to {_ENDPOINTS}"
            self._has_endpoints = status is not None
        logs = list(agent.logs)
        said = [str(log.err) for log in logs if log.lvl in ("ERROR", "CRITICAL") and log.err]
        through = any("session established" in (log.msg or "") for log in logs)
        code = (ngrok_code(said[-1]) or by_words(said[-1])) if said else "other"
        if through or code == "other":
            self._since = None
            return None
        self._since = self._since or time.monotonic()
        return (code, said[-1]) if time.monotonic() - self._since > _GRACE else None


def _status(url: str) -> int | None:
    with requests.Session() as session:
        session.trust_env = False  # no proxy is asked for this computer
        try:
            return session.get(url, timeout=_ASK).status_code
        except requests.RequestException:
            return None
