"""The simulator's face: Vonage's paths as documented, and `/_simulator/…` for what happens on screens and phones."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from nbhelpers.database import storable
from nbhelpers.errors import KitError, TokenError
from nbhelpers.service import nonce_of, refusal
from nbhelpers.simulator import applications
from nbhelpers.simulator.auth import authenticate, is_account
from nbhelpers.simulator.delivery import Deliverer
from nbhelpers.simulator.facebook import Facebook
from nbhelpers.simulator.linkpage import link_page, linked_page, why_refused
from nbhelpers.simulator.problems import Problem, bad_application, gateway
from nbhelpers.simulator.sending import is_url, read_request
from nbhelpers.simulator.store import Store
from nbhelpers.tokens import clean

__all__ = ["simulator_app"]

LONGEST_BODY = 1 << 20  # bytes; the service's own limit is not known
VERSIONS = ("beta", "v0.1", "v1")
_Handler = Callable[[Request], Awaitable[Response]]


class _TooLong(Exception):  # noqa: N818 - an answer, not an error
    """The body of a request is longer than the simulator takes."""


def simulator_app(store: Store, facebook: Facebook, deliverer: Deliverer, nonce: str, control: str) -> Any:
    """Return the simulator as an ASGI application. `control` is the token for `/_simulator/…`."""
    service, screens = _Service(store, facebook, deliverer), _Screens(store, facebook, deliverer)

    async def healthz(request: Request) -> Response:
        if nonce_of(request.scope["query_string"]) != nonce:
            return await service.nowhere(request)
        return _json_response(200, {"service": "simulator", "nonce": nonce})

    def guarded(handler: _Handler) -> _Handler:
        async def guard(request: Request) -> Response:
            given = request.headers.get("x-simulator-token", "")
            if not hmac.compare_digest(given.encode(), control.encode()):
                return _refused(
                    403, "This path needs the control token.", "It is in simulator.json of the state directory."
                )
            return await _in_words(handler, request)

        return guard

    async def link(request: Request) -> Response:  # the JWT says who may: no control token
        return await _in_words(screens.link, request)

    routes = [Route("/healthz", healthz), Route("/_simulator/link", link, methods=["POST"])]
    routes.append(Route("/_simulator/link", screens.show_link_page, methods=["GET"]))
    for path, method, handler in screens.table():
        routes.append(Route(f"/_simulator/{path}", guarded(handler), methods=[method]))
    for version in VERSIONS:
        routes.append(Route(f"/{version}/messages", service.send(version), methods=["POST"]))
        routes.append(Route(f"/{version}/messages/ping", service.ping, methods=["GET"]))
    routes.append(Route("/v2/applications", service.create_application, methods=["POST"]))
    routes.append(Route("/v2/applications", service.list_applications, methods=["GET"]))
    routes.append(Route("/v2/applications/{id}", service.show_application, methods=["GET"]))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001 - Starlette hands it over
        task = asyncio.create_task(deliverer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    inner = Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={404: service.nowhere, 405: service.wrong_verb}
    )
    inner.router.redirect_slashes = False  # /v1/messages/ is an unknown path there too

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            foreign = refusal(headers)
            if foreign is not None:
                await _refused(400, "This request is refused.", foreign)(scope, receive, send)
                return
        with contextlib.suppress(ClientDisconnect):
            await inner(scope, receive, send)

    return app


class _Service:
    """What Vonage answers."""

    def __init__(self, store: Store, facebook: Facebook, deliverer: Deliverer) -> None:
        self._store, self._facebook, self._deliverer = store, facebook, deliverer

    def send(self, version: str) -> _Handler:
        async def handler(request: Request) -> Response:
            caller = authenticate(self._store, request.headers.get("authorization"))
            if isinstance(caller, Problem):
                return _problem(caller)
            try:
                body = await _body(request)
            except _TooLong:
                return _problem(gateway(413, "Request Entity Too Large"))
            outgoing = read_request(version, body)
            if isinstance(outgoing, Problem):
                return _problem(outgoing)
            refused = self._facebook.may_send(caller, outgoing, version)
            if refused is not None:
                return _problem(refused)
            kept = body.decode(json.detect_encoding(body), "replace")
            message_uuid = await asyncio.wrap_future(
                self._store.write(lambda connection: self._facebook.take(connection, caller, outgoing, version, kept))
            )
            self._deliverer.wake()
            return _json_response(202, {"message_uuid": message_uuid}, {"x-nexmo-trace-id": uuid.uuid4().hex})

        return handler

    async def wrong_verb(self, request: Request, _error: Exception) -> Response:
        # 403 was seen on the send path; the Applications API documents 405.
        if request.scope["path"].split("/")[1] in VERSIONS:
            return _problem(gateway(403, "Forbidden"))
        return _problem(gateway(405, "Method Not Allowed"))

    async def nowhere(self, _request: Request, _error: Exception | None = None) -> Response:
        return _problem(gateway(404, "Not Found"))

    async def ping(self, request: Request) -> Response:  # noqa: ARG002
        return Response(status_code=200)

    async def create_application(self, request: Request) -> Response:
        if not is_account(self._store, request.headers.get("authorization")):
            return _problem(bad_application(401))
        try:
            made = await applications.create(self._store, await _body(request))
        except _TooLong:
            return _problem(gateway(413, "Request Entity Too Large"))
        return _problem(made) if isinstance(made, Problem) else _json_response(201, applications.described(*made))

    async def list_applications(self, request: Request) -> Response:
        if not is_account(self._store, request.headers.get("authorization")):
            return _problem(bad_application(401))
        found = [applications.described(application) for application in self._store.applications()]
        return _json_response(200, {"total_items": len(found), "_embedded": {"applications": found}})

    async def show_application(self, request: Request) -> Response:
        if not is_account(self._store, request.headers.get("authorization")):
            return _problem(bad_application(401))
        name = request.path_params["id"]
        found = self._store.application(name)
        return (
            _problem(bad_application(404, name=name))
            if found is None
            else _json_response(200, applications.described(found))
        )


class _Screens:
    """What people do on screens and phones: the dashboard's form, the Page, the person, the link page."""

    def __init__(self, store: Store, facebook: Facebook, deliverer: Deliverer) -> None:
        self._store, self._facebook, self._deliverer = store, facebook, deliverer
        self._refused: tuple[str, str] | None = None  # the Page whose link was refused last, and why

    def table(self) -> list[tuple[str, str, _Handler]]:
        return [
            ("pages", "POST", self.create_page),
            ("pages", "GET", self.pages),
            ("settings", "GET", self.settings),
            ("settings", "PUT", self.change_settings),
            ("settings/test", "POST", self.try_webhooks),
            ("published", "PUT", self.publish),
            ("link", "DELETE", self.unlink),
            ("write", "POST", self.write),
            ("read", "POST", self.read),
            ("webhooks", "GET", self.webhooks),
        ]

    async def create_page(self, request: Request) -> Response:
        form = await _form(request, "name")
        page = await asyncio.to_thread(self._facebook.create_page, form.get("name", ""))
        return _json_response(201, asdict(page) | {"people": self._facebook.people(page)})

    async def pages(self, request: Request) -> Response:  # noqa: ARG002
        refused, why = self._refused or ("", None)
        pages = [
            asdict(page)
            | {"people": self._facebook.people(page), "refused": why if refused in (page.id, page.name) else None}
            for page in self._store.pages()
        ]
        return _json_response(200, {"pages": pages})

    async def settings(self, request: Request) -> Response:  # noqa: ARG002
        account = self._store.account()
        names = ("inbound_url", "status_url", "http_method", "shape")
        return _json_response(200, {name: getattr(account, name) for name in names})

    async def change_settings(self, request: Request) -> Response:
        form = await _form(request, "inbound_url", "status_url", "http_method", "shape")
        for name, choices in (("http_method", ("GET", "POST")), ("shape", ("v0.1", "v1"))):
            if name in form and form[name] not in choices:
                raise KitError(f"{name} cannot be that.", f"You gave “{form[name]}”.", f"Use {' or '.join(choices)}.")
        for name in ("inbound_url", "status_url"):
            if form.get(name) and not is_url(form[name]):
                raise KitError(f"{name} is no URL.", f"You gave “{form[name]}”.", "It begins with https:// or http://.")
        await asyncio.to_thread(lambda: self._store.change_account(**form))
        self._deliverer.wake()
        return await self.settings(request)

    async def try_webhooks(self, request: Request) -> Response:  # noqa: ARG002
        return _json_response(200, {"calls": await self._deliverer.try_webhooks()})

    async def publish(self, request: Request) -> Response:
        form = await _form(request, "page", "published")
        page = self._facebook.page(form.get("page"))
        published = form.get("published") != "no"
        await asyncio.to_thread(self._facebook.publish, page, published)
        return _json_response(200, {"page_id": page.id, "page": page.name, "published": published})

    async def show_link_page(self, request: Request) -> Response:  # noqa: ARG002
        return Response(link_page(self._store.pages()), media_type="text/html")

    async def link(self, request: Request) -> Response:
        form = await _form(request, "jwt", "page")
        wants_html = "text/html" in request.headers.get("accept", "")
        pasted = form.get("jwt", "")
        with contextlib.suppress(TokenError):  # then it is refused as it stands
            pasted, _ = clean(pasted)
        caller = authenticate(self._store, f"Bearer {pasted}")
        if isinstance(caller, Problem):
            why, cure = why_refused(self._store, pasted)
            self._refused = form.get("page", ""), why
            if wants_html:
                return Response(link_page(self._store.pages(), f"{why} {cure}"), 401, media_type="text/html")
            return _problem(caller)
        try:
            page = self._facebook.page(form.get("page"))
        except KitError as error:
            if wants_html:
                return Response(link_page(self._store.pages(), str(error)), 400, media_type="text/html")
            raise
        self._refused = None
        await asyncio.to_thread(self._facebook.link, page, caller.application)
        if wants_html:
            return Response(linked_page(page), media_type="text/html")
        return _json_response(200, {"page_id": page.id, "page": page.name, "linked": True})

    async def unlink(self, request: Request) -> Response:
        page = self._facebook.page((await _form(request, "page")).get("page"))
        await asyncio.to_thread(self._facebook.link, page, None)
        return _json_response(200, {"page_id": page.id, "page": page.name, "linked": False})

    async def write(self, request: Request) -> Response:
        form = await _form(request, "page", "person", "psid", "type", "text", "url")
        page = self._facebook.page(form.get("page"))
        said = await asyncio.to_thread(
            self._facebook.write,
            page,
            person=form.get("person"),
            kind=form.get("type", "text"),
            text=form.get("text"),
            url=form.get("url"),
            psid=form.get("psid"),
        )
        return _json_response(201, asdict(said))

    async def read(self, request: Request) -> Response:
        form = await _form(request, "page", "person", "psid")
        page = self._facebook.page(form["page"]) if "page" in form else None
        count = await asyncio.to_thread(self._facebook.read, page, form.get("person"), form.get("psid"))
        return _json_response(200, {"read": count})

    async def webhooks(self, request: Request) -> Response:  # noqa: ARG002
        names = "id, uuid, kind, at, due, attempts, outcome, answer, called"
        rows = self._store.rows(f"SELECT {names} FROM webhooks ORDER BY id DESC LIMIT 50")  # noqa: S608
        return _json_response(200, {"webhooks": [dict(row) for row in rows]})


async def _in_words(handler: _Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except _TooLong:
        return _refused(413, "The body is too long.", f"It has more than {LONGEST_BODY} bytes.")
    except KitError as error:
        return _refused(400, error.what, error.seen, error.next)


async def _body(request: Request) -> bytes:
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > LONGEST_BODY:
            raise _TooLong
        parts.append(part)
    return b"".join(parts)


async def _form(request: Request, *known: str) -> dict[str, str]:
    """Read a JSON object or a form of texts; KitError names what cannot be used."""
    body = await _body(request)
    if request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        # With blank values: an empty URL unsets it.
        pairs = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        fields = {name: values[-1] for name, values in pairs.items()}
    else:
        try:
            fields = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            raise KitError("The body cannot be read.", "It is neither a form nor JSON.", "Send json={…}.") from None
    if not isinstance(fields, dict):
        raise KitError("The body cannot be used.", f"It is a {type(fields).__name__}.", "Send an object of texts.")
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise KitError("A field is not known.", f"You sent {', '.join(unknown)}.", f"Known: {', '.join(known)}.")
    fields = {name: value for name, value in fields.items() if value is not None}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise KitError(f"{name} cannot be used.", f"It is a {type(value).__name__}.", "Send a text in quotes.")
    return {name: storable(value) or "" for name, value in fields.items()}


def _problem(problem: Problem) -> Response:
    trace = uuid.uuid4().hex
    body, kind = problem.body(trace)
    return Response(body, problem.status, {"x-nexmo-trace-id": trace, "content-type": kind})


def _refused(status: int, what: str, seen: str = "", next: str = "") -> Response:  # noqa: A002
    return _json_response(status, {"error": what, "seen": seen, "next": next})


def _json_response(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    # ASCII only: a lone surrogate in somebody's text must not become our 500.
    data = json.dumps(body, separators=(",", ":")).encode()
    return Response(data, status, {"content-type": "application/json", **(headers or {})})
