"""The reply box: the two IDs turned round, a counter, Send, the receipts, and the exact request."""

from __future__ import annotations

import html

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError
from nbhelpers.inbox.events import channel_name, one_line
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.messages.outbound import LONGEST_TEXT, OutboundMessage
from nbhelpers.messages.snippets import LANGUAGES, snippet
from nbhelpers.widgets.base import Panel, block, guarded
from nbhelpers.widgets.person import beside, newer_words, pinned, ticks

__all__ = ["ReplyBox"]


class ReplyBox(Panel):
    """Answers the person it was opened for: *To* never changes by itself, even when somebody else writes."""

    heading = "Reply"

    def __init__(self, course: CourseContext, channel: str = MESSENGER) -> None:
        self._channel = channel
        self._you = "you, the Page" if channel == MESSENGER else f"you, on {channel_name(channel)}"
        self._person: str | None = None
        self._page: str | None = None
        self._uuid: str | None = None
        self._sent = "…"
        self._ids, self._receipts, self._counter = block(), block(), block()
        self._counter.layout.margin = "0 12px"
        self._text = ipywidgets.Textarea(
            placeholder="Your answer", rows=2, layout={"width": "98%"}, tooltip="Your answer, 640 characters at most"
        )
        self._send = ipywidgets.Button(description="Send", button_style="primary", tooltip="Send this answer")
        self._newest = ipywidgets.Button(description="Answer the newest instead", layout={"width": "auto"})
        # Real buttons: the headers of an accordion or a tab cannot be reached with the keyboard.
        self._open = ipywidgets.ToggleButton(description="Request", tooltip="Show the exact call")
        self._language = ipywidgets.ToggleButtons(options=LANGUAGES, style={"button_width": "auto"})
        self._code = block()
        self._request = ipywidgets.VBox([self._language, self._code], layout={"display": "none"})
        children = [self._ids, self._text, ipywidgets.HBox([self._send, self._counter, self._open, self._newest])]
        super().__init__(course, [*children, self._receipts, self._request])
        self._open.observe(lambda change: self._show_request(change["new"]), "value")
        self._language.observe(lambda _: self._typed(), "value")
        self._text.observe(lambda _: self._typed(), "value")
        self._send.on_click(guarded(self._say, self._answer))
        self._newest.on_click(guarded(self._say, self._choose_newest))
        self.show()
        self._typed()
        self.follow()

    def refresh(self) -> None:
        event, newer = pinned(self.course, self._person, self._channel)
        self._send.disabled = event is None
        self._newest.layout.display = "" if newer else "none"
        if event is None:
            others = html.escape(beside(self.course, None, self._channel))
            self._ids.value = f"<p>{_NOBODY}</p><p><small>{others}</small></p>" if others else f"<p>{_NOBODY}</p>"
            return
        if self._person is None:
            self._person, self._page = event.psid, event.page_id
            self._typed()
        real = "" if self.course.simulated else f" <strong>{_REAL}</strong>"
        more = f" <small>({newer_words(newer)})</small>" if newer else ""
        self._ids.value = (
            f"<p>From <code>{html.escape(self._page or '')}</code> "
            f"({html.escape(self._you)}: the inbound <code>to</code>) ⟶ "
            f"To <code>{html.escape(self._person or '')}</code> (the person: its <code>from</code>){more}.{real}</p>"
        )
        if self._uuid:
            self._say(f"Accepted: “{one_line(self._sent, 80)}”  {ticks(self.course.inbox.events(uuid=self._uuid))}.")

    def as_text(self) -> str:
        event, newer = pinned(self.course, self._person, self._channel)
        if event is None:
            return "\n".join(line for line in (_NOBODY, beside(self.course, None, self._channel)) if line)
        page_id, psid = self._page or event.page_id, self._person or event.psid
        lines = [f"From {page_id} ({self._you}) to {psid} (the person)", newer_words(newer)]
        if not self.course.simulated:
            lines.append(_REAL)
        lines.append('Without panels: `lab.reply("…")`')
        return "\n".join(line for line in lines if line)

    def _typed(self) -> None:
        count = len(self._text.value)
        limit = LONGEST_TEXT if self._channel == MESSENGER else None  # of the others the service knows it
        over = f" {count - limit} too many" if limit and count > limit else ""
        self._counter.value = f"<span>{count} of {limit}{over}</span>" if limit else f"<span>{count} characters</span>"
        if self._person is None or self._page is None:
            return
        # With nothing typed, the answer that was sent last.
        text = self._text.value if 0 < count <= (limit or count) else self._sent
        try:
            message = OutboundMessage(self._page, self._person, text, channel=self._channel)
            code = snippet(self._language.value, self.course.host, self.course.settings.api_version, message)
        except KitError as error:  # IDs from outside may be none
            code = str(error)
        self._code.value = (
            f'<pre style="overflow:auto;margin:0;font-size:0.85em;line-height:1.35">{html.escape(code)}</pre>'
        )

    def _show_request(self, shown: bool) -> None:
        self._request.layout.display = "" if shown else "none"

    def _answer(self) -> None:
        self._uuid = None  # whatever is said about this one, the receipts of the one before must not replace it
        accepted = self.course.answer(self._text.value, self._person, self._page, self._channel)
        self._uuid, self._sent = accepted.message_uuid, self._text.value
        self._text.value = ""
        self.show()

    def _choose_newest(self) -> None:
        with self._lock:
            self._person, self._uuid = None, None
            self._say("")
            self.show()

    def _say(self, words: str) -> None:
        self._receipts.value = f'<p role="status">{html.escape(words)}</p>'


_REAL = "This reaches a real person."
_NOBODY = "Nobody has written yet, so there is nobody to answer. They write first."
