"""The simulator's link page behind the login of the Jupyter server, where a browser on any machine can open it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse

from nbhelpers.config.settings import state_directory
from nbhelpers.errors import SettingsError
from nbhelpers.services.record import is_alive, read_record

__all__ = ["LinkHandler", "NowhereHandler"]

_FORM = '<form method="post">'
_PATIENCE = 10.0  # seconds


class LinkHandler(JupyterHandler):
    """`…/nbhelpers/link`: what the simulator shows there, with the XSRF field that Jupyter wants in a form."""

    @web.authenticated
    async def get(self) -> None:
        """Show the form."""
        self._show(await self._asked())

    @web.authenticated
    async def post(self) -> None:
        """Send the form on, and show what comes of it."""
        fields = {name: self.get_body_argument(name, "", strip=False) for name in ("jwt", "page")}
        self._show(await self._asked(method="POST", body=urlencode(fields)))

    async def _asked(self, **options: Any) -> HTTPResponse:
        try:
            record = read_record(state_directory() / "simulator", "simulator")
        except SettingsError as error:
            raise web.HTTPError(503, str(error)) from None
        if record is None or not is_alive(record.pid, record.created):
            raise web.HTTPError(
                503, "The simulator does not run. Run `lab = Lab()` in a notebook, then load this again."
            )
        try:
            return await AsyncHTTPClient().fetch(
                f"{record.url}/_simulator/link",
                headers={"Accept": "text/html"},
                raise_error=False,
                request_timeout=_PATIENCE,
                **options,
            )
        except (OSError, HTTPClientError):
            raise web.HTTPError(503, "The simulator does not answer. Run `lab = Lab()` in a notebook.") from None

    def _show(self, answer: HTTPResponse) -> None:
        page = answer.body.decode("utf-8", "replace")
        self.set_status(answer.code)
        self.finish(page.replace(_FORM, _FORM + self.xsrf_form_html(), 1))


class NowhereHandler(JupyterHandler):
    """Everything else under `…/nbhelpers/`: nothing, and whoever is not logged in is not told even that."""

    @web.authenticated
    def get(self, _path: str) -> None:
        """Say that nothing is here."""
        raise web.HTTPError(404)

    head = post = put = patch = delete = get

    def _request_summary(self) -> str:  # a mistyped webhook path has the secret in it
        return f"{self.request.method} …/nbhelpers/ ({self.request.remote_ip})"

    def _log(self) -> None:
        self.log.warning("%d %s", self.get_status(), self._request_summary())
