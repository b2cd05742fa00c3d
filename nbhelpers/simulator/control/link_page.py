"""The page that links a Facebook Page to the service: a JWT is pasted, a Page chosen, a bad JWT explained."""

from __future__ import annotations

import dataclasses
import html
import time
from datetime import timedelta

from nbhelpers.auth import tokens
from nbhelpers.errors import TokenError
from nbhelpers.inbox.events import one_line
from nbhelpers.messages.masking import masked_output
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Page
from nbhelpers.storage.sqlite import storable

__all__ = ["link_page", "linked_page", "why_refused"]

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Link your Facebook Page</title>
<style>
 :root {{ color-scheme: light dark }}
 body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}
 label, legend {{ display: block; font-weight: 600; margin-top: 1.2rem }}
 textarea, [type="password"] {{ box-sizing: border-box; width: 100%; font: 0.9rem monospace }}
 fieldset {{ border: 0; padding: 0; margin: 0 }} fieldset label {{ font-weight: 400; margin: 0.3rem 0 }}
 button {{ font: inherit; margin-top: 1.2rem; padding: 0.4rem 1.6rem }}
 .said {{ border-left: 0.3rem solid; padding: 0.3rem 0.8rem }}
 small {{ opacity: 0.8 }}
 .presented {{ font-size: 24px; max-width: 52rem; margin: 1.5rem auto }}
 .presented [type="password"] {{ font-size: 22px; margin-bottom: 1.2rem }}
 .presented [type="radio"] {{ width: 20px; height: 20px }}
</style></head><body{presented}>
<small>SIMULATOR: this page is simulated on your own computer. Never paste a real token anywhere but at Vonage.</small>
<h1>Link your Facebook Page</h1>
{body}
</body></html>"""


def link_page(pages: list[Page], refused: str | None = None, presented: bool = False) -> str:
    """Return the form, above it why a JWT was refused; `presented` is for a projector, where no JWT is seen."""
    said = f'<p class="said" role="alert"><strong>Refused.</strong> {html.escape(refused)}</p>' if refused else ""
    if not pages:
        return _page(said + "<p>There is no Page yet. Make one in step 1, then load this page again.</p>", presented)
    choices = ""
    for page in pages:
        # Among several nobody here knows which is meant: nothing is chosen, and the browser asks for it.
        name, chosen = html.escape(page.name), " checked" if len(pages) == 1 else ""
        choices += f'<label><input type="radio" name="page" value="{name}"{chosen} required> {name}'
        choices += " (linked)</label>" if page.application_id else "</label>"
    field = 'id="jwt" name="jwt" required autocomplete="off" spellcheck="false"'
    field = f'<input type="password" {field}>' if presented else f'<textarea rows="6" {field}></textarea>'
    return _page(
        f'{said}<form method="post"><label for="jwt">Your JWT</label>{field}'
        f"<fieldset><legend>Your Page</legend>{choices}</fieldset><button>Link</button></form>",
        presented,
    )


def linked_page(page: Page, presented: bool = False) -> str:
    """Return what is shown when the Page is linked: its ID, `presented` with its last four digits alone."""
    return _page(
        f'<p class="said" role="status">“{html.escape(page.name)}” is linked. Your Page ID is '
        f"<strong>{page.id}</strong>.</p><p>You can close this tab and go on in the notebook.</p>",
        presented,
    )


def _page(body: str, presented: bool) -> str:
    shown = masked_output("text/html", body) if presented else body
    return _FRAME.format(body=shown, presented=' class="presented"' if presented else "")


def why_refused(store: Store, pasted: str) -> tuple[str, str]:
    """Say in words why a pasted JWT was refused, and what to do; the service itself only says that it is invalid."""
    try:
        facts = tokens.inspect(pasted)
    except TokenError as error:
        return f"{error.what} {error.seen}", error.next
    application_id = facts.claims.get("application_id")
    if not isinstance(application_id, str) or store.application(storable(application_id)) is None:
        return "It names an application that does not exist.", "Mint one with the ID of step 2."
    # `advance` has aged it for the service, and left what it says alone.
    aged = timedelta(seconds=store.aged(facts.issued.timestamp()) if facts.issued else 0)
    if facts.expires is not None and facts.expires.timestamp() < time.time() + aged.total_seconds():
        told = dataclasses.replace(facts, expires=facts.expires - aged).remaining_text
        return f"This token {told}.", "Mint a new one and copy that."
    if facts.fault is not None:
        return f"It says {one_line(facts.fault[0])}; expected {facts.fault[1]}.", "Mint a new one."
    return (
        "The signature does not fit the application's public key.",
        "Sign it with the private key of that application.",
    )
