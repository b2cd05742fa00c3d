"""Mints application JWTs, one for each request, and reads one without any key."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import TokenError

__all__ = ["LONGEST", "SHORTEST", "TTL", "Minter", "Token", "TokenFacts", "clean", "inspect"]

#: Seconds. Documented: 15 minutes by default, `exp` from 30 s to 24 h after creation (developer site, authentication).
TTL, SHORTEST, LONGEST = 900, 30, 86_400

_AHEAD = 60  # seconds that a clock may be ahead, as the simulator has it

# Seconds of a year 5138: a number above it in `iat` or `exp` can only be milliseconds.
_MILLISECONDS = 100_000_000_000


class Token(str):
    """A JWT that works as a `str` and never shows itself: its repr is masked.

    Only `str(token)`, `print(token)` and string operations give the text away, as a header must have it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        try:
            says = inspect(self).remaining_text
        except TokenError:
            says = "not readable"
        return f"Token(••••, {len(self)} characters, {says})"


class Minter:
    """Mints a new RS256 token each time it is asked, for one application, with a key that was loaded once.

    `ttl` is the life of each token in seconds, from 30 to 86,400. Measured: 2,650 tokens a second with a loaded key,
    19 when the PEM is parsed for each.
    """

    def __init__(self, application_id: str, key: PrivateKey, ttl: int = TTL) -> None:
        application_id = str(application_id).strip()
        if not application_id:
            raise TokenError("No token can be made.", "The application ID is empty.", "Give the ID from step 2.")
        _check_ttl(ttl)
        self.application_id, self._key, self.ttl = application_id, key, ttl

    def __call__(self, ttl: int | None = None) -> Token:
        """Mint a token with the claims `application_id`, `iat`, `jti` and `exp`, good for `ttl` seconds."""
        ttl = self.ttl if ttl is None else ttl
        _check_ttl(ttl)
        now = int(time.time())
        claims = {"application_id": self.application_id, "iat": now, "jti": str(uuid.uuid4()), "exp": now + ttl}
        return Token(jwt.encode(claims, self._key.key, algorithm="RS256"))

    def __repr__(self) -> str:
        return f"Minter({self.application_id!r}, ttl={self.ttl})"


@dataclass(frozen=True)
class TokenFacts:
    """What a JWT says, read without any key: so it is not verified.

    `header` and `claims` are as they stand; `issued` and `expires` in UTC. Without `exp` the service counts fifteen
    minutes from `iat` (support article 360000958407), and so does `expires`; without either it is None. `remaining`
    is in seconds, negative when the token is over. `notes` says what was cleaned off or read in an unusual way.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    issued: datetime | None
    expires: datetime | None
    notes: tuple[str, ...] = field(default=())

    @property
    def remaining(self) -> float | None:
        """Seconds until the token is over, negative afterwards, None when it does not say."""
        return None if self.expires is None else self.expires.timestamp() - time.time()

    @property
    def remaining_text(self) -> str:
        """The remaining life in words: “14:59 left” or “ran out 3 minutes ago”."""
        left = self.remaining
        if left is None:
            return "no time stated"
        if left > 0:
            hours, rest = divmod(round(left), 3600)
            clock = f"{rest // 60:02d}:{rest % 60:02d}"
            return f"{hours}:{clock} left" if hours else f"{clock} left"
        minutes = int(-left // 60)
        return f"ran out {minutes} minute{'s' if minutes != 1 else ''} ago" if minutes else "ran out a moment ago"

    @property
    def fault(self) -> tuple[str, str] | None:
        """What the service will not take, and what it expects in its place: (“no jti”, “an ID of its own”), else None.

        Whether the token has run out and whose it is, is not judged here; nor is the signature.
        """
        now = time.time()
        if self.header.get("alg") != "RS256":
            return f"alg {self.header.get('alg')}", "RS256"
        if self.header.get("typ") != "JWT":
            return f"typ {self.header.get('typ')}", "JWT"
        for name, expected in (("iat", "the time it was issued"), ("exp", "the time it ends")):
            value = self.claims.get(name)
            if name == "exp" and name not in self.claims:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                return f"{name} {value}" if name in self.claims else f"no {name}", f"{expected}, in seconds"
        if self.claims["iat"] > _MILLISECONDS:
            return f"iat {self.claims['iat']}", "the time it was issued, in seconds"
        if self.claims["iat"] > now + _AHEAD:
            return f"iat {self.claims['iat']}", "a time that is past: one of the two clocks is wrong"
        if self.claims["iat"] + LONGEST < now:
            return f"iat {self.claims['iat']}", "a time within the last 24 hours"
        if self.claims.get("exp", 0) > self.claims["iat"] + LONGEST + 1:
            seconds = ", in seconds" if self.claims["exp"] > _MILLISECONDS else ""
            return f"exp {self.claims['exp']}", f"a time at most 24 hours after iat{seconds}"
        jti = self.claims.get("jti")
        if not isinstance(jti, str) or not jti:
            return f"jti {jti}" if "jti" in self.claims else "no jti", "an ID of its own"
        return None

    def __str__(self) -> str:
        lines = [f"{name}: {value}" for name, value in self.claims.items()]
        for name, moment in (("issued", self.issued), ("expires", self.expires)):
            if moment is not None:
                lines.append(f"{name} {moment:%Y-%m-%d %H:%M:%S} UTC")
        return "\n".join([*lines, self.remaining_text, *self.notes])


def clean(text: str | bytes) -> tuple[str, tuple[str, ...]]:
    """Take what was pasted and return the bare token with a note on each thing that was taken off it.

    Taken off: white space and line ends anywhere, quotes, a leading “Bearer” or “Authorization:”. Raises TokenError,
    which never shows the text, when what is left cannot be a JWT.
    """
    given = text.decode("ascii", errors="replace") if isinstance(text, bytes) else text
    if not isinstance(given, str):
        raise TokenError("This is not a token.", f"It is of type {type(text).__name__}.", "Give the token as text.")
    notes = []
    bare = given.strip().strip("'\"").strip()
    for prefix in ("authorization:", "bearer"):
        if bare.lower().startswith(prefix):
            bare = bare[len(prefix) :].strip().strip("'\"")
            notes.append(f"a leading “{prefix}” was left out")
    joined = "".join(bare.split())
    if joined != bare:
        notes.append("white space inside the token was left out")
    if given.strip() != given or "'" in given or '"' in given:
        notes.append("white space or quotes around the token were left out")
    parts = joined.split(".")
    if len(parts) != 3 or not all(parts[:2]):
        raise TokenError(
            "This is not a JWT.",
            f"A JWT is three parts with two dots between; this is {len(joined)} characters in {len(parts)}.",
            "Copy the whole token, from “eyJ” to its end.",
        )
    return joined, tuple(notes)


def inspect(token: str | bytes) -> TokenFacts:
    """Read header and claims of a JWT without any key; nothing is verified.

    Takes what people paste: a line end, quotes, “Bearer”; tokens without `exp`, as the guide's command line makes
    them; times in milliseconds. Raises TokenError, which never shows the token, when it cannot be read.
    """
    bare, cleaned = clean(token)
    notes = list(cleaned)
    try:
        whole = jwt.decode_complete(bare, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenError(
            "This token cannot be read.",
            f"Its {len(bare)} characters have the three parts, but do not decode ({type(error).__name__}).",
            "Copy the whole token again, or mint a new one.",
        ) from None
    claims = whole["payload"]
    issued = _moment("iat", claims, notes)
    expires = _moment("exp", claims, notes)
    if expires is None and issued is not None and "exp" not in claims:
        expires = _later(issued, TTL)
        notes.append("it has no exp: the service counts fifteen minutes from iat")
    return TokenFacts(whole["header"], claims, issued, expires, tuple(notes))


def _moment(name: str, claims: Mapping[str, Any], notes: list[str]) -> datetime | None:
    value = claims.get(name)
    try:
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
            notes.append(f"{name} is a text, where a number belongs")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        moment = datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
    except (OverflowError, ValueError, OSError):  # more digits than a time has, or NaN
        notes.append(f"{name} is no time")
        return None
    if value > _MILLISECONDS:
        notes.append(f"{name} is in milliseconds, where seconds belong")
    return moment


def _later(moment: datetime, seconds: int) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:  # the last minutes of the year 9999
        return datetime.max.replace(tzinfo=UTC)


def _check_ttl(ttl: int) -> None:
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not SHORTEST <= ttl <= LONGEST:
        raise TokenError(
            "A token cannot live that long, or that short.",
            f"You asked for {ttl!r} seconds.",
            f"Give a whole number from {SHORTEST} (30 seconds) to {LONGEST} (24 hours).",
        )
