"""The simulator as one ASGI application: Vonage's paths as documented, and `/_simulator/…` for screens and phones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from nbhelpers.service import nonce_of, refusal
from nbhelpers.simulator.accepting import Desk
from nbhelpers.simulator.delivery import Deliverer
from nbhelpers.simulator.facebook import Facebook
from nbhelpers.simulator.screens import Screens
from nbhelpers.simulator.store import Store
from nbhelpers.simulator.vonage import Vonage
from nbhelpers.simulator.web import answer, refused

__all__ = ["simulator_app"]


def simulator_app(store: Store, facebook: Facebook, desk: Desk, deliverer: Deliverer, nonce: str, control: str) -> Any:
    """Return the simulator as an ASGI application. `control` is the token for `/_simulator/…`."""
    vonage, screens = Vonage(store, desk, deliverer), Screens(store, facebook, deliverer, control)

    async def healthz(request: Request) -> Response:
        if nonce_of(request.scope["query_string"]) != nonce:
            return await vonage.nowhere(request)
        return answer({"service": "simulator", "nonce": nonce})

    routes = [Route("/healthz", healthz)]
    routes += [Route(path, handler, methods=[method]) for path, method, handler in screens.table() + vonage.table()]

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(deliverer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    inner = Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={404: vonage.nowhere, 405: vonage.wrong_verb}
    )
    inner.router.redirect_slashes = False  # /v1/messages/ is an unknown path there too

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            foreign = refusal(headers)
            if foreign is not None:
                await refused(400, "This request is refused.", foreign)(scope, receive, send)
                return
        with contextlib.suppress(ClientDisconnect):
            await inner(scope, receive, send)

    return app
