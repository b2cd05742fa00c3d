"""The body of a request as text to be read: one that is compressed, or in another charset, is read all the same."""

from __future__ import annotations

import codecs
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message

__all__ = ["LONGEST_BODY", "Content", "content_of"]

LONGEST_BODY = 1 << 20  #: bytes, unpacked too; a webhook of the Messages API has a few hundred
_MOST_CODINGS = 3
_LONGEST_NAME = 40  # characters of a charset's name
_ZIPPED = b"\x1f\x8b"
# How codecs.lookup names the charsets that are text and nothing else; Python's others, such as punycode, are slow.
_CHARSETS = ("utf-", "ascii", "iso8859-", "cp125", "koi8-", "mac-", "shift_jis", "euc_", "gb", "big5", "iso2022_")


@dataclass(frozen=True)
class Content:
    """What a body says: `data` as UTF-8 (or what `json.loads` tells by itself), `notes` on how it came.

    `notes` is empty for plain UTF-8. `why` says in words what could not be read; then `data` is as it came. `form` is
    True when the sender calls it a form.
    """

    data: bytes
    notes: tuple[str, ...] = ()
    why: str = ""
    form: bool = False


def content_of(body: bytes, headers: Iterable[tuple[str, str]]) -> Content:
    """Unpack and decode a body as its headers say. Never raises.

    Read are gzip and deflate, also when nothing says so; the charset of Content-Type where the body is no UTF-8, -16 or
    -32; and Windows-1252, as the likeliest of those that nobody names.
    """
    coding, declared = "", ""
    for name, value in headers:
        if name.lower() == "content-encoding":
            coding = value
        elif name.lower() == "content-type":
            declared = value
    form = "x-www-form-urlencoded" in declared.lower()
    if not coding and body.isascii():
        return Content(body, form=form)
    unpacked, packed_as, why = _unpacked(body, coding)
    if why:
        return Content(body, why=why, form=form)
    notes = (f"compressed with {packed_as}",) if packed_as else ()
    data, charset = _decoded(unpacked, declared)
    shown = charset.replace("iso8859", "ISO-8859").replace("cp125", "Windows-125").replace("utf-", "UTF-")
    return Content(data, (*notes, f"in {shown}") if charset else notes, form=form)


def _unpacked(body: bytes, coding: str) -> tuple[bytes, str, str]:
    """Return the body unpacked, how it was packed, and why it cannot be unpacked."""
    codings = [name for name in (part.strip().lower() for part in coding.split(",")) if name not in ("", "identity")]
    if not codings and body.startswith(_ZIPPED):
        codings = ["gzip"]
    if len(codings) > _MOST_CODINGS:
        return body, "", f"it is compressed {len(codings)} times"
    for name in reversed(codings):
        if name not in ("gzip", "x-gzip", "deflate"):
            return body, "", f"it is compressed with “{name[:20]}”, and gzip and deflate alone are read"
        unzipped = _inflated(body)
        if unzipped is None:
            return body, "", f"it is said to be compressed with {name}, and is not, or not whole"
        if len(unzipped) > LONGEST_BODY:
            return body, "", f"unpacked it has more than {LONGEST_BODY} bytes"
        body = unzipped
    return body, " and ".join(codings), ""


def _inflated(body: bytes) -> bytes | None:
    # 47: gzip or zlib, whichever it is; -15: the bare deflate that some senders mean by the word.
    for bits in (47, -15):
        unzip = zlib.decompressobj(bits)
        try:
            data = unzip.decompress(body, LONGEST_BODY + 1)
        except zlib.error:
            continue
        if unzip.eof or len(data) > LONGEST_BODY:
            return data
    return None


def _charset(declared: str) -> str:
    """Return the charset that a Content-Type names, if it is one that can be read."""
    said = Message()
    said["content-type"] = "".join(character for character in declared if character.isprintable())
    try:
        name = codecs.lookup(str(said.get_param("charset") or "")[:_LONGEST_NAME]).name
    except (LookupError, ValueError):
        return ""
    return name if name.startswith(_CHARSETS) else ""


def _decoded(data: bytes, declared: str) -> tuple[bytes, str]:
    """Return the data as `json.loads` can read it, and the charset it came in when that is not UTF-8."""
    detected = json.detect_encoding(data)
    try:
        data.decode(detected, "surrogatepass")
    except UnicodeError:
        pass
    else:
        return data, "" if detected.startswith("utf-8") else detected
    for charset in filter(None, (_charset(declared), "cp1252", "iso8859-1")):
        try:
            return data.decode(charset).encode("utf-8", "surrogatepass"), charset
        except ValueError:
            continue
    return data, ""
