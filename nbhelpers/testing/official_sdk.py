"""Lets the official Python SDK, or any session of `requests`, call a simulator as it would call the service."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from nbhelpers.errors import ServiceError

__all__ = ["send_calls_to"]


class _ToTheSimulator(HTTPAdapter):
    """Sends to one base URL what is meant for any host: path, query, headers and body stay as they are."""

    def __init__(self, base_url: str, **options: Any) -> None:
        super().__init__(**options)
        self._base_url = base_url.rstrip("/")

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        request = request.copy()
        request.url = self._base_url + request.path_url
        # It is on this computer: no proxy of the shell leads there.
        return super().send(request, *arguments, **options | {"proxies": {}})


def send_calls_to(base_url: str, client: Any) -> None:
    """Send every call of `client` to the simulator at `base_url` from now on, whatever host it is made for.

    `client` is a `vonage.Vonage`, which speaks https alone and needs neither another host nor a certificate for this,
    or a `requests.Session`. No adapter that it had stays, so nothing goes to the live service any more. Raises
    ServiceError for an object in which no session is found.
    """
    # The SDK has no public name for its session (vonage-http-client 1.5.2).
    session = client if isinstance(client, requests.Session) else getattr(_http_client(client), "_session", None)
    if not isinstance(session, requests.Session):
        raise ServiceError(
            "The calls of this client cannot be sent to the simulator.",
            f"There is no session of requests in this {type(client).__name__}.",
            "Give a vonage.Vonage or the requests.Session that makes the calls.",
        )
    retries = session.get_adapter("https://").max_retries  # type: ignore[attr-defined]  # every HTTPAdapter has them
    session.adapters.clear()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _ToTheSimulator(base_url, max_retries=retries))


def _http_client(client: Any) -> Any:
    return getattr(client, "http_client", client)
