"""The simulator as one ASGI application: Vonage's paths as documented, and `/_simulator/…` for screens and phones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route

from nbhelpers.messages.urls import webhook_url
from nbhelpers.services.service import refusal
from nbhelpers.simulator.api.routes import ApiRoutes
from nbhelpers.simulator.control.lessons import LessonRoutes
from nbhelpers.simulator.control.routes import ControlRoutes
from nbhelpers.simulator.control.webhooks import WebhookRoutes
from nbhelpers.simulator.delivery.routing import Router
from nbhelpers.simulator.delivery.scheduler import Deliverer
from nbhelpers.simulator.http import refused
from nbhelpers.simulator.people import People
from nbhelpers.simulator.sending.accept import Acceptor
from nbhelpers.simulator.storage.api_calls import ApiCalls
from nbhelpers.simulator.storage.calls import Calls
from nbhelpers.simulator.storage.faults import Faults
from nbhelpers.simulator.storage.store import Store

__all__ = ["Options", "assemble"]


@dataclass(frozen=True)
class Options:
    """How the simulator was asked to run; see `nbhelpers simulator --help`.

    `switches` are kept in the store, like any that were set before. `find_receiver` lets webhooks for which no URL is
    set go to the receiver recorded in the same state directory. Raises SettingsError when `inbound` or `status` is no
    URL.
    """

    inbound: str | None = None
    status: str | None = None
    demo: bool = False
    guide: bool = False
    accept_any: bool = False
    find_receiver: bool = False
    switches: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for which, url in (("inbound", self.inbound), ("status", self.status)):
            if url is not None:
                webhook_url(which, url)


def assemble(
    store: Store,
    options: Options,
    control: str,
    receiver: Callable[[str], str | None] | None = None,
    presented: Callable[[], bool] = lambda: False,
) -> tuple[Any, People, Calls]:
    """Put the simulator together over a store: the ASGI application, the people in it and its log of calls.

    `control` is the token for `/_simulator/…`; `receiver(kind)` gives the URL to which webhooks go that have no other;
    without it none is looked for. `presented()` says whether the link page is for a projector.
    """

    def given(kind: str) -> str | None:
        return options.inbound if kind == "inbound" else options.status

    store.change_switches(options.switches)
    writes, faults = store.write_batch(), Faults(store)
    router, calls, asked = Router(store, given, receiver), Calls(store), ApiCalls()
    deliverer = Deliverer(store, writes, router, faults, calls)
    people = People(store, deliverer.wake, deliverer.holds, options.accept_any)
    acceptor = Acceptor(store, faults, deliverer.holds, options.accept_any)
    api_routes = ApiRoutes(store, writes, acceptor, deliverer, asked)
    looks = WebhookRoutes(store, router, calls, asked)
    others = LessonRoutes(store, people, deliverer, faults).table() + looks.table()
    control_routes = ControlRoutes(store, people, deliverer, others, control, presented)

    routes = [
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
    inner.router.redirect_slashes = False  # /v1/messages/ is an unknown path there too; v0.1's is a route of its own

    # Every message comes this way: a dictionary finds it faster than a list of patterns.
    senders = {path: handler for path, method, handler in api_routes.table() if path.endswith("/messages")}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        named = (pair for pair in scope["headers"] if pair[0] in (b"host", b"origin"))
        foreign = refusal({name.decode(): value.decode("latin-1") for name, value in named})
        sender = senders.get(scope["path"]) if scope["method"] == "POST" else None
        with contextlib.suppress(ClientDisconnect):
            if foreign is not None:
                await refused(400, "This request is refused.", foreign)(scope, receive, send)
            elif sender is None:
                await inner(scope, receive, send)
            else:
                response = await sender(Request(scope, receive))
                await response(scope, receive, send)

    return app, people, calls
