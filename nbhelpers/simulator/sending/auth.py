"""Authenticates a caller: the application of a JWT, verified with its public key, or the account by key and secret."""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from nbhelpers.auth.tokens import LONGEST, TTL
from nbhelpers.simulator.rules.problems import Problem, unauthorised
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Application

__all__ = ["Caller", "authenticate", "is_account"]


@dataclass(frozen=True)
class Caller:
    """Who is calling; `application` is None when the account called with key and secret."""

    application: Application | None


def authenticate(store: Store, authorizations: Sequence[str], version: str | None = None) -> Caller | Problem:
    """Say who is calling by the `Authorization` headers of a request, or give the service's 401.

    Accepted are a Bearer JWT and Basic with key and secret, never both at once (both specifications; the body of that
    refusal is not known). The rules on times are documented (support article 360000958407): without `exp` a token is
    good until 15 minutes after `iat`, with it until then, never past 24 hours. Times are in seconds: an `iat` in
    milliseconds is far ahead, an `exp` lies beyond the 24 hours, where the switch `long_exp` has a say. `version` is
    the API's, where the switch `unauthorised` has one.
    """
    worded = version if store.switches["unauthorised"] == "specification" else None
    if not any(authorizations):
        return unauthorised("Request header 'Authorization' missing", worded)
    refused = unauthorised(version=worded)
    if len(authorizations) > 1:
        return refused
    scheme, _, rest = authorizations[0].partition(" ")
    if scheme.lower() == "basic":
        return Caller(None) if is_account(store, authorizations) else refused
    if scheme.lower() != "bearer":
        return refused
    return _caller(store, rest.strip()) or refused


def is_account(store: Store, authorizations: Sequence[str], fields: Mapping[str, str] | None = None) -> bool:
    """Say whether a request shows the account's key and secret: by Basic, or as fields of its form, never both."""
    ways = [*authorizations, *(["fields"] if fields and ("api_key" in fields or "api_secret" in fields) else [])]
    if len(ways) != 1:
        return False
    if not authorizations:
        given = f"{(fields or {}).get('api_key', '')}:{(fields or {}).get('api_secret', '')}".encode("utf-8", "replace")
        return _is_secret(store, given)
    scheme, _, rest = authorizations[0].partition(" ")
    try:
        return scheme.lower() == "basic" and _is_secret(store, base64.b64decode(rest.strip(), validate=True))
    except (binascii.Error, ValueError):
        return False


def _is_secret(store: Store, given: bytes) -> bool:
    account = store.account
    return hmac.compare_digest(given, f"{account.api_key}:{account.api_secret}".encode())


def _caller(store: Store, token: str) -> Caller | None:
    try:
        header, claims = _read(token)
        application = store.application(_text(claims.get("application_id")))
        if application is None or not _is_signed(token, application.public_key):
            return None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    if not (_is_in_time(claims, store) and _has_begun(claims, store.switches)):
        return None
    if store.switches["typ"] == "needed" and header.get("typ") != "JWT":
        return None
    jti = _text(claims.get("jti")) or ""
    wanted = store.switches["jti"]
    if not jti and wanted != "not needed":
        return None
    if wanted == "new" and not store.is_first_use(jti, application.id):
        return None
    return Caller(application)


# A caller may use a token for fifteen minutes, and to take one apart takes longer than all the rest of a call. Neither
# of these two looks at the clock; whoever calls them does, each time.
@functools.lru_cache(maxsize=1024)
def _read(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    whole = jwt.decode_complete(token, options={"verify_signature": False})
    return whole["header"], whole["payload"]


@functools.lru_cache(maxsize=1024)
def _is_signed(token: str, public_key: str) -> bool:
    jwt.decode(
        token,
        _public_key(public_key),
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
    )
    return True


def _is_in_time(claims: Mapping[str, Any], store: Store) -> bool:
    now, issued, expires = time.time(), _number(claims.get("iat")), _number(claims.get("exp"))
    if issued is None or issued > now + int(store.switches["clock_skew"]):
        return False
    now += store.aged(issued)  # as if so much time had passed for this token
    if "exp" not in claims:
        return now <= issued + TTL
    if expires is None or expires <= issued:
        return False
    # A second more is a rounded iat, as libraries write it.
    if store.switches["long_exp"] == "refused" and expires > issued + LONGEST + 1:
        return False
    return now <= min(expires, issued + LONGEST)


def _has_begun(claims: Mapping[str, Any], switches: Mapping[str, str]) -> bool:
    if "nbf" not in claims or switches["nbf"] == "ignored":
        return True
    begins = _number(claims["nbf"])
    return switches["nbf"] == "counts" and begins is not None and begins <= time.time() + int(switches["clock_skew"])


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
