"""The routes of Vonage's documented paths, and what each answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from nbhelpers.messages.urls import is_url
from nbhelpers.simulator.api import applications
from nbhelpers.simulator.api.external_accounts import ExternalAccounts
from nbhelpers.simulator.delivery.scheduler import Deliverer
from nbhelpers.simulator.http import Answer, Handler, answer, bounded, fields_of, read_body
from nbhelpers.simulator.rules.problems import (
    Problem,
    bad_application,
    gateway,
    settings_refused,
    unknown_message,
    unsupported_operation,
)
from nbhelpers.simulator.sending.accept import Acceptor
from nbhelpers.simulator.sending.auth import Caller, authenticate, is_account
from nbhelpers.simulator.sending.request import read_request
from nbhelpers.simulator.storage.api_calls import ApiCalls
from nbhelpers.simulator.storage.store import Store
from nbhelpers.storage.sqlite import storable
from nbhelpers.storage.write_batch import WriteBatch

__all__ = ["VERSIONS", "ApiRoutes"]

#: The paths to which messages can be sent.
VERSIONS = ("beta", "v0.1", "v1")
_ACCOUNTS = "/beta/chatapp-accounts"
_Work = Callable[[Mapping[str, str], bytes], Answer | Problem]


class ApiRoutes:
    """The service's paths, and what each answers."""

    def __init__(
        self, store: Store, writes: WriteBatch, acceptor: Acceptor, deliverer: Deliverer, asked: ApiCalls
    ) -> None:
        self._store, self._writes, self._acceptor, self._deliverer = store, writes, acceptor, deliverer
        self._asked = asked
        self._accounts = ExternalAccounts(store)
        self._sending = 0  # messages that are being written at this moment

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return path, method and handler of everything there is."""
        routes: list[tuple[str, str, Handler]] = [
            *((f"/{version}/messages", "POST", self._sender(version)) for version in VERSIONS),
            *((f"/{version}/messages/ping", "GET", self.ping) for version in VERSIONS),
            ("/v0.1/messages/", "POST", self._sender("v0.1")),  # as its specification (0.4.0) has it, by the letter
            ("/v1/messages/{uuid}", "PATCH", self.patch_message),
            ("/account/settings", "POST", self.change_settings),
        ]
        routes += self._applications_table() + self._accounts_table()
        return [(path, method, bounded(handler)) for path, method, handler in routes]

    async def wrong_verb(self, request: Request, _error: Exception) -> Response:
        """Refuse a method that a known path does not take: 405 on the Applications API, else 403 (seen).

        With 405 goes `Allow`, as RFC 9110 asks for; the service's documents do not speak of it.
        """
        if request.scope["path"].startswith("/_simulator/"):
            refusal = answer(gateway(405, "Method Not Allowed"))
        elif request.scope["path"].startswith("/v2/applications"):
            refusal = answer(bad_application(405, name=request.method))
        else:
            return answer(gateway(403, "Forbidden"))
        routes = [route for route in request.app.routes if route.matches(request.scope)[0] is Match.PARTIAL]
        methods = set().union(*(route.methods for route in routes))
        refusal.raw_headers.append((b"allow", ", ".join(sorted(methods)).encode()))
        return refusal

    async def nowhere(self, _request: Request, _error: Exception | None = None) -> Response:
        """Refuse an unknown path, before anybody looks at who is calling (seen)."""
        return answer(gateway(404, "Not Found"))

    async def ping(self, _request: Request) -> Response:
        """Whether the service is there: 200, without authentication (seen)."""
        return answer(None)

    # Messages

    def _sender(self, version: str) -> Handler:
        async def handler(request: Request) -> Response:
            at, begun = time.time(), time.monotonic()
            response, body, uuid = await send(request)
            seconds, scope = time.monotonic() - begun, request.scope
            said = response.status_code, bytes(response.body)
            self._asked.keep(at, seconds, scope["path"], scope["headers"], body, *said, uuid)
            return response

        async def send(request: Request) -> tuple[Response, bytes, str | None]:
            caller = self._caller(request, version)
            if isinstance(caller, Problem):
                return answer(caller), b"", None
            early = self._acceptor.may_call(caller, version)
            if early is not None:
                return answer(early), b"", None
            body = await read_body(request)
            outgoing = read_request(version, body, self._store.switches)
            if isinstance(outgoing, Problem):
                return self._refused(outgoing), body, None
            refusal = self._acceptor.may_send(caller, outgoing, version)
            if refusal is not None:
                return self._refused(refusal), body, None
            kept = body.decode(json.detect_encoding(body), "replace")
            lessons = self._acceptor.prepared()
            self._sending += 1
            try:
                accepted = await self._writes.write(
                    lambda connection: self._acceptor.take(connection, caller, outgoing, version, kept, lessons)
                )
                self._deliverer.nudge(self._sending)
            finally:
                self._sending -= 1
            if accepted.receipts_first:
                await self._deliverer.until_called(accepted.message_uuid)
            return answer(accepted.body, 202), body, accepted.message_uuid

        return handler

    async def patch_message(self, request: Request) -> Response:
        """Change a message: for WhatsApp and RCS only, so on Messenger there is nothing to change."""
        caller = self._caller(request, "v1")
        if isinstance(caller, Problem):
            return answer(caller)
        name = request.path_params["uuid"]
        if not self._store.rows("SELECT 1 FROM messages WHERE uuid = ?", name):
            return answer(unknown_message(name))
        return self._refused(unsupported_operation())

    def _refused(self, problem: Problem) -> Response:
        if problem.status == 422:
            problem = replace(problem, kind=self._store.switches["problem_type"])
        return answer(problem)

    def _caller(self, request: Request, version: str | None = None) -> Caller | Problem:
        authorizations = request.headers.getlist("authorization")
        if authorizations and request.scope["query_string"]:
            query = request.query_params
            if "api_key" in query and "api_secret" in query:
                authorizations = [*authorizations, "key and secret in the query"]
        return authenticate(self._store, authorizations, version)

    # Applications and external accounts

    def _applications_table(self) -> list[tuple[str, str, Handler]]:
        def call(work: _Work) -> Handler:
            return self._call(self._may_manage, work)

        store, one = self._store, "/v2/applications/{id}"
        # With a slash at the end too: so the specification has it, read by the letter.
        lists = [
            (path, method, handler)
            for path in ("/v2/applications", "/v2/applications/")
            for method, handler in (
                ("POST", call(lambda _, body: applications.create(store, body))),
                ("GET", call(lambda at, _: applications.listed(store, at))),
            )
        ]
        return [
            *lists,
            (one, "GET", call(lambda at, _: applications.show(store, at["id"]))),
            (one, "PUT", call(lambda at, body: applications.update(store, at["id"], body))),
            (one, "DELETE", call(lambda at, _: applications.delete(store, at["id"]))),
        ]

    def _may_manage(self, request: Request) -> Problem | None:
        if not is_account(self._store, request.headers.getlist("authorization")):
            return bad_application(401)
        accepts = request.headers.get("accept", "").lower() or "*/*"
        if not any(kind in accepts for kind in ("json", "*/*", "application/*")):
            return bad_application(406)
        kind = request.headers.get("content-type", "json").lower()
        return bad_application(415) if request.method in ("POST", "PUT") and "json" not in kind else None

    def _accounts_table(self) -> list[tuple[str, str, Handler]]:
        def call(work: _Work) -> Handler:
            return self._call(self._may_link, work)

        accounts, one = self._accounts, f"{_ACCOUNTS}/messenger/{{id}}"
        links, listed = f"{_ACCOUNTS}/{{provider}}/{{id}}/applications", call(lambda at, _: accounts.listed(at))
        return [
            (_ACCOUNTS, "GET", listed),
            (f"{_ACCOUNTS}/", "GET", listed),
            (f"{_ACCOUNTS}/ping", "GET", self.ping),
            (f"{_ACCOUNTS}/messenger", "POST", call(lambda _, body: accounts.create(body))),
            (one, "GET", call(lambda at, _: accounts.show(at["id"]))),
            (one, "PATCH", call(lambda at, body: accounts.change(at["id"], body))),
            (one, "DELETE", call(lambda at, _: accounts.delete(at["id"]))),
            (links, "POST", call(lambda at, body: accounts.link(at["provider"], at["id"], body))),
            (
                f"{links}/{{application}}",
                "DELETE",
                call(lambda at, _: accounts.unlink(at["provider"], at["id"], at["application"])),
            ),
        ]

    def _may_link(self, request: Request) -> Problem | None:
        caller = self._caller(request)
        return caller if isinstance(caller, Problem) else None

    def _call(self, refusal: Callable[[Request], Problem | None], work: _Work) -> Handler:
        """Return the handler of a call: unless it is refused, `work` is given what path and query say, and the body."""

        async def handler(request: Request) -> Response:
            refused = refusal(request)
            if refused is not None:
                return answer(refused)
            at = dict(request.query_params) | request.path_params
            done = await asyncio.to_thread(work, at, await read_body(request))
            if isinstance(done, Problem):
                return answer(done)
            self._deliverer.wake()  # its URLs may be others now
            return answer(done.body, done.status)

        return handler

    # The account

    async def change_settings(self, request: Request) -> Response:
        """Set the account's two URLs; an empty one unsets it, whatever is left out stays as it is.

        Key and secret come by Basic, in the query or in the form. The names are taken in any case: clients write both
        moCallBackUrl and moCallbackUrl.
        """
        try:
            fields = {name.lower(): value for name, value in fields_of(await read_body(request)).items()}
        except (ValueError, RecursionError):
            return answer(settings_refused(400, "the form cannot be read"))
        fields = {name.lower(): value for name, value in request.query_params.items()} | fields
        if not all(isinstance(value, str) for value in fields.values()):
            return answer(settings_refused(400, "every field must be a text"))
        if not is_account(self._store, request.headers.getlist("authorization"), fields):
            return answer(settings_refused(401, "authentication failed"))
        names = {"mocallbackurl": "inbound_url", "drcallbackurl": "status_url"}
        changes = {names[name]: value for name, value in fields.items() if name in names}
        called = self._store.switches["check_urls"] != "no"
        for url in filter(None, changes.values()):
            if not is_url(url) or (called and await self._deliverer.status_of(url) != 200):
                return answer(settings_refused(420, f"Callback URL {storable(url[:200])} is not valid"))
        account = await asyncio.to_thread(lambda: self._store.change_account(**changes))
        self._deliverer.wake()
        urls = {"mo-callback-url": account.inbound_url, "dr-callback-url": account.status_url}
        # The rates are the specification's example, which are an account's defaults.
        rates = dict.fromkeys(("max-outbound-request", "max-inbound-request", "max-calls-per-second"), 30)
        return answer(urls | rates)
