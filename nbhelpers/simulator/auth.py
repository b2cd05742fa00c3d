"""Who is calling: the application of a JWT, verified with its public key, or the account by key and secret."""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import math
import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from nbhelpers.simulator.problems import Problem, unauthorised
from nbhelpers.simulator.store import Application, Store
from nbhelpers.tokens import LONGEST, TTL

__all__ = ["Caller", "authenticate", "is_account"]

# Seconds that a caller's clock may be ahead. The service's own tolerance is not known; a minute is common practice.
_AHEAD = 60


@dataclass(frozen=True)
class Caller:
    """Who is calling; `application` is None when the account called with key and secret."""

    application: Application | None


def authenticate(store: Store, authorization: str | None) -> Caller | Problem:
    """Say who is calling, or give the service's 401.

    Accepted are a Bearer JWT and Basic with key and secret. The rules on times are documented (support article
    360000958407): without `exp` a token is good until 15 minutes after `iat`, with it until then, never past 24 hours.
    """
    if not authorization:
        return unauthorised("Request header 'Authorization' missing")
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "basic":
        return Caller(None) if is_account(store, authorization) else unauthorised()
    if scheme.lower() != "bearer":
        return unauthorised()
    application = _application_of(store, rest.strip())
    return unauthorised() if application is None else Caller(application)


def is_account(store: Store, authorization: str | None) -> bool:
    """Say whether an `Authorization` header is Basic with the account's key and secret."""
    scheme, _, rest = (authorization or "").partition(" ")
    try:
        given = base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    account = store.account()
    wanted = f"{account.api_key}:{account.api_secret}".encode()
    return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)


def _application_of(store: Store, token: str) -> Application | None:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        application = store.application(_text(claims.get("application_id")))
        if application is None:
            return None
        jwt.decode(
            token,
            _public_key(application.public_key),
            algorithms=["RS256"],
            # The times are checked below, by the service's own rules.
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    return application if _is_in_time(claims) and _text(claims.get("jti")) else None


def _is_in_time(claims: dict[str, Any]) -> bool:
    now, issued, expires = time.time(), _number(claims.get("iat")), _number(claims.get("exp"))
    if issued is None or issued > now + _AHEAD:
        return False
    if "exp" not in claims:
        return now <= issued + TTL
    return expires is not None and now <= min(expires, issued + LONGEST)


@functools.lru_cache(maxsize=64)
def _public_key(pem: str) -> Any:
    return serialization.load_pem_public_key(pem.encode())


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Not a number is below nothing and above nothing: it would slip through every comparison.
    return None if isinstance(value, float) and not math.isfinite(value) else value
