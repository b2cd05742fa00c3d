"""What went wrong, in words: the kit's exceptions, and the cure of every code one meets."""

from nbhelpers.errors.cures import Cure, cure_for, cures
from nbhelpers.errors.exceptions import (
    ApiError,
    CredentialsError,
    InboxError,
    KitError,
    MessageError,
    ServiceError,
    SettingsError,
    TokenError,
)

__all__ = [
    "ApiError",
    "CredentialsError",
    "Cure",
    "InboxError",
    "KitError",
    "MessageError",
    "ServiceError",
    "SettingsError",
    "TokenError",
    "cure_for",
    "cures",
]
