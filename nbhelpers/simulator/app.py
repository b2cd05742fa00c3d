"""The simulator as one ASGI application: Vonage's paths as documented, and `/_simulator/…` for screens and phones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from nbhelpers.services.service import nonce_of, refusal
from nbhelpers.simulator.api.routes import ApiRoutes
from nbhelpers.simulator.control.lessons import LessonRoutes
from nbhelpers.simulator.control.routes import ControlRoutes
from nbhelpers.simulator.control.webhooks import WebhookRoutes
from nbhelpers.simulator.delivery.routing import Router
from nbhelpers.simulator.delivery.scheduler import Deliverer
from nbhelpers.simulator.http import answer, refused
from nbhelpers.simulator.people import People
from nbhelpers.simulator.sending.accept import Acceptor
from nbhelpers.simulator.storage.calls import Calls
from nbhelpers.simulator.storage.faults import Faults
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.write_batch import WriteBatch

__all__ = ["Simulator", "assemble"]


@dataclass(frozen=True)
class Simulator:
    """The simulator as an ASGI `app`, with the Facebook in it and its calls for who acts from inside the process."""

    app: Any
    people: People
    calls: Calls


def assemble(
    store: Store,
    nonce: str,
    control: str,
    given: Callable[[str], str | None] = lambda _: None,
    fallback: Callable[[str], str | None] = lambda _: None,
    accept_any: bool = False,
) -> Simulator:
    """Put the simulator together over a store. `control` is the token for `/_simulator/…`; for the rest see Router."""
    writes, faults, calls = WriteBatch(store), Faults(store), Calls(store)
    router = Router(store, given, fallback)
    deliverer = Deliverer(store, writes, router, faults, calls)
    people = People(store, deliverer.wake, deliverer.holds, accept_any)
    acceptor = Acceptor(store, faults, deliverer.holds, accept_any)
    api_routes = ApiRoutes(store, writes, acceptor, deliverer)
    lessons, looks = LessonRoutes(store, people, deliverer, faults), WebhookRoutes(store, router, calls)
    control_routes = ControlRoutes(store, people, deliverer, lessons, looks, control)

    async def healthz(request: Request) -> Response:
        if nonce_of(request.scope["query_string"]) != nonce:
            return await api_routes.nowhere(request)
        return answer({"service": "simulator", "nonce": nonce})

    routes = [Route("/healthz", healthz)]
    routes += [
        Route(path, handler, methods=[method]) for path, method, handler in control_routes.table() + api_routes.table()
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(deliverer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            writes.close()

    inner = Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={404: api_routes.nowhere, 405: api_routes.wrong_verb}
    )
    inner.router.redirect_slashes = False  # /v1/messages/ is an unknown path there too

    # Every message comes this way: a dictionary finds it faster than a list of patterns.
    senders = {path: handler for path, method, handler in api_routes.table() if path.endswith("/messages")}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {
                name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"host", b"origin")
            }
            foreign = refusal({name.decode(): value for name, value in headers.items()})
            if foreign is not None:
                await refused(400, "This request is refused.", foreign)(scope, receive, send)
                return
        with contextlib.suppress(ClientDisconnect):
            sender = senders.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
            if sender is None:
                await inner(scope, receive, send)
            else:
                response = await sender(Request(scope, receive))
                await response(scope, receive, send)

    return Simulator(app, people, calls)
