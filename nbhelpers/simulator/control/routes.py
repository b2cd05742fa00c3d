"""What people do on screens and phones, under `/_simulator/…`: dashboard, Pages, link page, the person; switches."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from nbhelpers.auth.tokens import clean
from nbhelpers.errors import KitError, TokenError
from nbhelpers.simulator.api import applications
from nbhelpers.simulator.control.link_page import link_page, linked_page, why_refused
from nbhelpers.simulator.delivery.scheduler import Deliverer
from nbhelpers.simulator.http import LONGEST_BODY, Handler, TooLong, answer, refused, texts
from nbhelpers.simulator.people import People
from nbhelpers.simulator.rules.problems import Problem
from nbhelpers.simulator.rules.scenes import SCENES
from nbhelpers.simulator.sending.auth import authenticate
from nbhelpers.simulator.sending.request import is_url
from nbhelpers.simulator.storage.faults import FAULTS, Faults
from nbhelpers.simulator.storage.store import Page, Store
from nbhelpers.simulator.storage.switches import SWITCHES

__all__ = ["ControlRoutes"]

_CHOICES = {"http_method": ("GET", "POST"), "shape": ("v0.1", "v1"), "balance": ("ok", "low")}
_URLS = ("inbound_url", "status_url")


class ControlRoutes:
    """The paths under `/_simulator/`. All but the link page need the control token."""

    def __init__(self, store: Store, facebook: People, deliverer: Deliverer, faults: Faults, control: str) -> None:
        self._store, self._facebook, self._deliverer = store, facebook, deliverer
        self._faults, self._control = faults, control
        self._refused: tuple[str, str] | None = None  # the Page whose link was refused last, and why

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return path, method and handler of everything there is."""
        guarded: list[tuple[str, str, Handler]] = [
            ("pages", "POST", self.create_page),
            ("pages", "GET", self.pages),
            ("pages/token", "POST", self.page_token),
            ("published", "PUT", self.publish),
            ("settings", "GET", self.settings),
            ("settings", "PUT", self.change_settings),
            ("settings/test", "POST", self.try_webhooks),
            ("keys", "POST", self.regenerate_keys),
            ("link", "DELETE", self.unlink),
            ("link/expired", "PUT", self.expire_link),
            ("write", "POST", self.write),
            ("read", "POST", self.read),
            ("scenes", "GET", self.scenes),
            ("scenes", "POST", self.play),
            ("blocked", "PUT", self.block),
            ("refusals", "POST", self.refuse_next),
            ("refusals", "GET", self.refusals),
            ("refusals", "DELETE", self.forget_refusals),
            ("advance", "POST", self.advance),
            ("pace", "GET", self.pace),
            ("pace", "PUT", self.change_pace),
            ("faults", "GET", self.faults),
            ("faults", "POST", self.start_fault),
            ("faults", "DELETE", self.clear_faults),
            ("switches", "GET", self.switches),
            ("switches", "PUT", self.change_switches),
            ("webhooks", "GET", self.webhooks),
        ]
        # Of the link page the JWT says who may: no control token.
        free: list[tuple[str, str, Handler]] = [("link", "POST", self.link), ("link", "GET", self.show_link_page)]
        routes = [(path, method, self._guarded(handler)) for path, method, handler in guarded] + free
        return [(f"/_simulator/{path}", method, _in_words(handler)) for path, method, handler in routes]

    def _guarded(self, handler: Handler) -> Handler:
        async def guard(request: Request) -> Response:
            given = request.headers.get("x-simulator-token", "")
            if not hmac.compare_digest(given.encode(), self._control.encode()):
                return refused(
                    403, "This path needs the control token.", "It is in simulator.json of the state directory."
                )
            return await handler(request)

        return guard

    # The dashboard

    async def settings(self, _request: Request) -> Response:
        """The account's settings."""
        account = self._store.account()
        return answer({name: getattr(account, name) for name in (*_URLS, *_CHOICES)})

    async def change_settings(self, request: Request) -> Response:
        """Change some of them; an empty URL unsets it."""
        form = await texts(request, *_URLS, *_CHOICES)
        for name, choices in _CHOICES.items():
            if name in form and form[name] not in choices:
                raise KitError(f"{name} cannot be that.", f"You gave “{form[name]}”.", f"Use {' or '.join(choices)}.")
        for name in _URLS:
            if form.get(name) and not is_url(form[name]):
                raise KitError(f"{name} is no URL.", f"You gave “{form[name]}”.", "It begins with https:// or http://.")
        await asyncio.to_thread(lambda: self._store.change_account(**form))
        self._deliverer.wake()
        return await self.settings(request)

    async def try_webhooks(self, _request: Request) -> Response:
        """Make one test call to each URL."""
        return answer({"calls": await self._deliverer.try_webhooks()})

    async def regenerate_keys(self, request: Request) -> Response:
        """Make a new key pair for an application; with `save` “no” the new public key is not kept."""
        form = await texts(request, "application_id", "save")
        found = self._store.application(form.get("application_id"))
        if found is None:
            raise KitError(
                "There is no such application.", f"You named {form.get('application_id')}.", "Use the ID of step 2."
            )
        private = await applications.regenerate(self._store, found, form.get("save") != "no")
        if isinstance(private, Problem):
            raise KitError("The application is gone.", f"{found.id} was deleted meanwhile.", "Make another.")
        return answer({"application_id": found.id, "private_key": private})

    # Pages

    async def create_page(self, request: Request) -> Response:
        """Make a Page."""
        form = await texts(request, "name")
        page = await asyncio.to_thread(self._facebook.create_page, form.get("name", ""))
        return answer(_shown(page) | {"people": self._facebook.people(page)}, 201)

    async def pages(self, _request: Request) -> Response:
        """All Pages, with the people who wrote to each."""
        named, why = self._refused or ("", None)
        pages = [
            _shown(page)
            | {"people": self._facebook.people(page), "refused": why if named in (page.id, page.name) else None}
            for page in self._store.pages()
        ]
        return answer({"pages": pages})

    async def page_token(self, request: Request) -> Response:
        """The access token that Facebook gives out for a Page, as the External Accounts API wants it."""
        page = self._facebook.page((await texts(request, "page")).get("page"))
        return answer({"page_id": page.id, "access_token": page.access_token})

    async def publish(self, request: Request) -> Response:
        """Publish a Page, or take it off."""
        form = await texts(request, "page", "published")
        page = self._facebook.page(form.get("page"))
        published = form.get("published") != "no"
        await asyncio.to_thread(self._facebook.publish, page, published)
        return answer({"page_id": page.id, "page": page.name, "published": published})

    # The link page

    async def show_link_page(self, _request: Request) -> Response:
        """The form."""
        return Response(link_page(self._store.pages()), media_type="text/html")

    async def link(self, request: Request) -> Response:
        """Link a Page to the application of the JWT that was pasted."""
        form = await texts(request, "jwt", "page")
        wants_html = "text/html" in request.headers.get("accept", "")
        pasted = form.get("jwt", "")
        with contextlib.suppress(TokenError):  # then it is refused as it stands
            pasted, _ = clean(pasted)
        caller = authenticate(self._store, [f"Bearer {pasted}"])
        if isinstance(caller, Problem):
            why, cure = why_refused(self._store, pasted)
            self._refused = form.get("page", ""), why
            if wants_html:
                return Response(link_page(self._store.pages(), f"{why} {cure}"), 401, media_type="text/html")
            return answer(caller)
        try:
            page = self._facebook.page(form.get("page"))
        except KitError as error:
            if wants_html:
                return Response(link_page(self._store.pages(), str(error)), 400, media_type="text/html")
            raise
        self._refused = None
        try:
            await asyncio.to_thread(self._facebook.link, page, caller.application)
        except KitError as error:
            self._refused = page.id, error.seen
            if wants_html:
                return Response(link_page(self._store.pages(), str(error)), 400, media_type="text/html")
            raise
        if wants_html:
            return Response(linked_page(page), media_type="text/html")
        return answer({"page_id": page.id, "page": page.name, "linked": True})

    async def unlink(self, request: Request) -> Response:
        """Take the link of a Page back."""
        page = self._facebook.page((await texts(request, "page")).get("page"))
        await asyncio.to_thread(self._facebook.link, page, None)
        return answer({"page_id": page.id, "page": page.name, "linked": False})

    async def expire_link(self, request: Request) -> Response:
        """Let the link of a Page run out."""
        page = self._facebook.page((await texts(request, "page")).get("page"))
        await asyncio.to_thread(self._facebook.expire_link, page)
        return answer({"page_id": page.id, "page": page.name, "expired": True})

    # The person

    async def write(self, request: Request) -> Response:
        """Let a person write."""
        form = await texts(request, "page", "person", "psid", "type", "text", "url")
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
        return answer(asdict(said), 201)

    async def read(self, request: Request) -> Response:
        """Let a person read."""
        form = await texts(request, "page", "person", "psid")
        page = self._facebook.page(form["page"]) if "page" in form else None
        count = await asyncio.to_thread(self._facebook.read, page, form.get("person"), form.get("psid"))
        return answer({"read": count})

    async def scenes(self, _request: Request) -> Response:
        """The scenes that there are, and what happens in each."""
        return answer({"scenes": SCENES})

    async def play(self, request: Request) -> Response:
        """Let the people of a scene write."""
        form = await texts(request, "scene", "page")
        page = self._facebook.page(form.get("page"))
        said = await asyncio.to_thread(self._facebook.play, page, form.get("scene", ""))
        return answer({"page_id": page.id, "said": [asdict(each) for each in said]}, 201)

    async def block(self, request: Request) -> Response:
        """Let a person block a Page; with `blocked` “no” take that back."""
        form = await texts(request, "page", "person", "blocked")
        page, blocked = self._facebook.page(form.get("page")), form.get("blocked") != "no"
        psid = await asyncio.to_thread(self._facebook.block, page, form.get("person"), blocked)
        return answer({"page_id": page.id, "psid": psid, "blocked": blocked})

    # The simulator itself

    async def refuse_next(self, request: Request) -> Response:
        """Let the next message be refused later, with a code of the list."""
        form = await texts(request, "code", "status")
        code, status = form.get("code", ""), form.get("status", "rejected")
        await asyncio.to_thread(self._faults.refuse_next, code, status)
        return answer({"code": code, "status": status}, 201)

    async def refusals(self, _request: Request) -> Response:
        """The refusals that were asked for and have not come yet."""
        return answer({"refusals": self._faults.refusals})

    async def forget_refusals(self, _request: Request) -> Response:
        """Take them back."""
        await asyncio.to_thread(self._faults.forget_refusals)
        return answer({"refusals": []})

    async def advance(self, request: Request) -> Response:
        """Let hours pass for what is there already; what is made afterwards is fresh."""
        hours = _number(await texts(request, "hours"), "hours", 0.001, 24 * 366)
        # Tokens state whole seconds: from the next one on, whatever says it was made before was.
        await asyncio.sleep(1 - time.time() % 1 + 0.01)
        await asyncio.to_thread(self._store.advance, hours * 3600)
        self._deliverer.wake()
        return answer({"hours": hours})

    async def pace(self, _request: Request) -> Response:
        """How many seconds between two tries of a webhook pass in one."""
        return answer({"pace": self._store.pace})

    async def change_pace(self, request: Request) -> Response:
        """Let the waits between two tries of a webhook pass faster: so many of their seconds in one."""
        pace = _number(await texts(request, "pace"), "pace", 1, 1000)
        await asyncio.to_thread(self._store.change_pace, pace)
        self._deliverer.wake()
        return answer({"pace": self._store.pace})

    async def faults(self, _request: Request) -> Response:
        """Every lesson, and how often it will still happen."""
        left = self._left()
        table = [asdict(fault) | {"left": left.get(name)} for name, fault in FAULTS.items()]
        return answer({"faults": table, "pace": self._store.pace})

    async def start_fault(self, request: Request) -> Response:
        """Turn a lesson on."""
        form = await texts(request, "name", "times", "page", "person")
        times = _number(form, "times", 0, 1000) if "times" in form else None
        if times is not None and times != int(times):
            raise KitError("times cannot be that.", f"You gave “{form['times']}”.", "Give a whole number.")
        page = self._facebook.page(form.get("page")) if "page" in form else None
        fault = self._faults.start(form.get("name", ""), None if times is None else int(times))
        if fault.name == "page-link-expired":
            linked = [each for each in self._store.pages() if each.account_token is not None]
            expired = page or next(iter(linked[::-1]), None)
            if expired is None:
                raise KitError("No link can run out.", "No Page is linked.", "Link one first: step 4.")
            await asyncio.to_thread(self._facebook.expire_link, expired)
        elif fault.kind == "now":
            page = page or self._facebook.page()
            await asyncio.to_thread(self._facebook.write, page, person=form.get("person"), kind="unsupported")
        return answer(asdict(fault) | {"left": self._left().get(fault.name)}, 201)

    async def clear_faults(self, request: Request) -> Response:
        """Turn one lesson off, or all."""
        cleared = self._faults.clear((await texts(request, "name")).get("name"))
        if "page-link-expired" in cleared:
            for page in self._expired():
                await asyncio.to_thread(self._facebook.renew_link, page)
        return await self.faults(request)

    def _expired(self) -> list[Page]:
        return [page for page in self._store.pages() if page.account_token not in (None, page.access_token)]

    def _left(self) -> dict[str, int]:
        return self._faults.left | ({"page-link-expired": 0} if self._expired() else {})

    async def switches(self, _request: Request) -> Response:
        """Every switch: what it is set to, and what it says."""
        set_to = self._store.switches
        return answer({"switches": [asdict(switch) | {"value": set_to[name]} for name, switch in SWITCHES.items()]})

    async def change_switches(self, request: Request) -> Response:
        """Set some switches."""
        form = await texts(request)
        await asyncio.to_thread(self._store.change_switches, form)
        return await self.switches(request)

    async def webhooks(self, request: Request) -> Response:
        """The newest webhooks, fifty unless `limit` says otherwise."""
        limit = int(_number({"limit": request.query_params.get("limit", "50")}, "limit", 1, 1_000_000))
        names = "id, uuid, kind, at, due, attempts, outcome, answer, called"
        rows = self._store.rows(f"SELECT {names} FROM webhooks ORDER BY id DESC LIMIT ?", limit)  # noqa: S608
        return answer({"webhooks": [dict(row) for row in rows]})


def _number(form: dict[str, str], name: str, least: float, most: float) -> float:
    try:
        number = float(form.get(name, ""))
    except ValueError:
        number = -1.0
    if not least <= number <= most:
        raise KitError(
            f"{name} cannot be that.", f"You gave “{form.get(name, '')}”.", f"Give a number, {least} to {most}."
        )
    return number


def _shown(page: Page) -> dict[str, object]:
    """A Page without its tokens."""
    names = ("id", "name", "published", "application_id", "at", "linked")
    return {name: getattr(page, name) for name in names}


def _in_words(handler: Handler) -> Handler:
    async def inner(request: Request) -> Response:
        try:
            return await handler(request)
        except TooLong:
            return refused(413, "The body is too long.", f"It has more than {LONGEST_BODY} bytes.")
        except KitError as error:
            return refused(400, error.what, error.seen, error.next)

    return inner
