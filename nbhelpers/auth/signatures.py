"""Signs webhooks as the service does, and judges a signature, payload hash included."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass

import jwt
from jwt.algorithms import HMACAlgorithm

__all__ = ["LONGEST_AGE", "Verdict", "sign", "verify"]

#: Seconds. The service retries a webhook for 24 hours, and whether it signs each try anew is not documented; an hour on
#: top leaves room for clocks. A shorter limit could refuse a webhook for ever that was only late.
LONGEST_AGE = 25 * 3600

_CLOCK = 120  # seconds that a sender's clock may be ahead of ours
_ANY_TIME = 1e15  # seconds; no clock is wrong by more than this


class _AnyLength(HMACAlgorithm):
    # PyJWT warns of secrets under 32 bytes. The service issues shorter ones, and the learner cannot change that.
    def check_key_length(self, key: bytes) -> None:  # noqa: ARG002
        return None

    # PyJWT looks whether the secret is a public key, each time. This one is the account's, from its settings.
    def prepare_key(self, key: str | bytes) -> bytes:
        return key.encode() if isinstance(key, str) else key


_compact = json.JSONEncoder(separators=(",", ":")).encode
_jws = jwt.PyJWS(algorithms=["HS256"])
_jws.unregister_algorithm("HS256")
_jws.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))


@dataclass(frozen=True)
class Verdict:
    """How a webhook's signature was judged: `kind` is `signed`, `unsigned`, `wrong` or `unchecked`; `why` in words."""

    kind: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.why}" if self.why else self.kind


def sign(body: bytes, secret: str, api_key: str, application_id: str | None = None, issued: int | None = None) -> str:
    """Return the value of the `Authorization` header that the service puts on a webhook with this `body`.

    HS256 over `iat`, `jti`, `iss` (“Vonage”), `payload_hash` (SHA-256 of the raw body, 64 lower-case hex digits),
    `api_key`, and `application_id` where an application was used. Source: signed-webhooks page of the developer site;
    documented for Messages since 2020.
    """
    claims = {
        "iat": int(time.time()) if issued is None else issued,
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": api_key,
    }
    if application_id:
        claims["application_id"] = application_id
    return "Bearer " + _jws.encode(_compact(claims).encode(), secret, algorithm="HS256")


def verify(authorization: str | None, body: bytes, secret: str | None, now: float | None = None) -> Verdict:
    """Judge the `Authorization` header of a webhook with this raw `body`. Never raises.

    `signed` only when the algorithm is HS256, the signature fits `secret`, the hash fits the very bytes received, the
    issuer is Vonage and `iat` is at most 25 hours old and not ahead of the clock by more than two minutes.
    """
    if not secret:
        return Verdict("unchecked", "no signature secret is set")
    if not authorization:
        return Verdict("unsigned", "there is no Authorization header")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Verdict("wrong", "the Authorization header is not a Bearer token")
    try:
        claims = json.loads(_jws.decode(token.strip(), secret, algorithms=["HS256"]))
    except jwt.InvalidSignatureError:
        return Verdict("wrong", "the signature does not fit: another signature secret, or a changed token")
    except jwt.InvalidAlgorithmError:
        return Verdict("wrong", "the token is not signed with HS256")
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        return Verdict("wrong", f"the token cannot be read ({type(error).__name__})")
    if not isinstance(claims, dict):
        return Verdict("wrong", "the token does not hold claims")
    if claims.get("iss") != "Vonage":
        return Verdict("wrong", "the issuer is not Vonage")
    said = str(claims.get("payload_hash")).encode("utf-8", "replace")
    if not hmac.compare_digest(said, hashlib.sha256(body).hexdigest().encode()):
        return Verdict("wrong", "the body is not the one that was signed")
    issued, now = claims.get("iat"), time.time() if now is None else now
    # The bounds also keep out NaN, the infinities and numbers too large to subtract.
    if isinstance(issued, bool) or not isinstance(issued, int | float) or not 0 <= issued < _ANY_TIME:
        return Verdict("wrong", "the token does not say when it was issued")
    if now - issued > LONGEST_AGE:
        return Verdict("wrong", f"the token is too old: issued {int((now - issued) // 3600)} hours ago")
    if issued - now > _CLOCK:
        return Verdict("wrong", "the token was issued in the future: compare the clocks")
    return Verdict("signed", "")
