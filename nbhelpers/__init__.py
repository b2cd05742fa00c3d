"""Helpers for a hands-on course on the Messages API over Facebook Messenger.

`Lab` is what a notebook opens; the other names are for code of your own. Each is loaded on first use, so importing the
package starts and loads nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing alone would be most of what this import costs
if TYPE_CHECKING:
    from nbhelpers.api.messages import MessagesClient
    from nbhelpers.auth.signatures import verify
    from nbhelpers.auth.tokens import Minter
    from nbhelpers.errors import ApiError, KitError
    from nbhelpers.inbox.inbox import Inbox
    from nbhelpers.lab import Lab
    from nbhelpers.messages.inbound import InboundMessage, MessageStatus, read
    from nbhelpers.messages.outbound import OutboundMessage

__version__ = "0.1.0"
__all__ = [
    "ApiError",
    "InboundMessage",
    "Inbox",
    "KitError",
    "Lab",
    "MessageStatus",
    "MessagesClient",
    "Minter",
    "OutboundMessage",
    "read",
    "verify",
]

_MODULES = {
    "ApiError": "errors",
    "InboundMessage": "messages.inbound",
    "Inbox": "inbox.inbox",
    "KitError": "errors",
    "Lab": "lab",
    "MessageStatus": "messages.inbound",
    "MessagesClient": "api.messages",
    "Minter": "auth.tokens",
    "OutboundMessage": "messages.outbound",
    "read": "messages.inbound",
    "verify": "auth.signatures",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
