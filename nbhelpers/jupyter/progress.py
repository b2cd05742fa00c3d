"""The progress of whoever the Jupyter server belongs to, as JSON: the steps, never a message, a PSID or a token."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from tornado import web

from nbhelpers.config.settings import load
from nbhelpers.course.standing import standing
from nbhelpers.errors import KitError
from nbhelpers.inbox.inbox import Inbox

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["SCOPE", "ProgressHandler"]

SCOPE = "custom:nbhelpers:progress"  #: of a hub: whoever has it may see this, and nothing else of the server


class ProgressHandler(APIHandler):
    """`…/nbhelpers/progress`: for whom the server is, and on a hub for whoever has SCOPE, such as the board."""

    _track_activity = False  # being looked at is no activity: an idle server must still be culled

    def initialize(self, server: ServerApp) -> None:
        """Keep the server whose kernels are told of."""
        self._server = server

    async def prepare(self, **options: Any) -> None:
        """Let in whose token has SCOPE; everybody else as everywhere on this server."""
        if not await self._has_scope():
            await super().prepare(**options)
            if self.current_user is None:
                raise web.HTTPError(403)

    @allow_unauthenticated  # `prepare` has looked
    async def get(self) -> None:
        """Answer; 304 when nothing has changed since, which a hub's proxy does not take for activity."""
        try:
            settings = load()
            facts = _facts(settings.folder / "lab.sqlite3")
        except KitError as error:
            raise web.HTTPError(503, str(error)) from None
        kernels, active = _seen_by(self._server)
        shown = standing(facts) | {
            "mode": settings.mode,
            "last_activity": active.isoformat(timespec="seconds"),
            "kernel_alive": any(kernel["execution_state"] != "dead" for kernel in kernels),
        }
        self.finish(shown)

    async def _has_scope(self) -> bool:
        hub_auth = getattr(self.identity_provider, "hub_auth", None)
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if hub_auth is None or kind.lower() not in ("token", "bearer") or not token:
            return False
        model = await hub_auth.user_for_token(token.strip(), sync=False)
        return bool(model and hub_auth.check_scopes({SCOPE}, model))


def _seen_by(server: Any) -> tuple[list[dict[str, Any]], datetime]:
    """Return the kernels of a server, and when it was last used; Jupyter's own methods have no types."""
    return server.kernel_manager.list_kernels(), server.web_app.last_activity()


def _facts(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    with contextlib.closing(Inbox(path)) as inbox:
        return inbox.facts()
