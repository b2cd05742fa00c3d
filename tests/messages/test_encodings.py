"""encodings: a body that is compressed or in another charset is read, within bounds; what cannot be is said."""

from __future__ import annotations

import gzip
import json
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.messages.encodings import LONGEST_BODY, content_of

pytestmark = pytest.mark.fast

TEXT = '{"text": "Grüße, Café"}'
UTF8 = TEXT.encode()
GZIP, LATIN = ("content-encoding", "gzip"), ("Content-Type", "application/json; charset=ISO-8859-1")


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zipped(data: bytes) -> bytes:
    """The data as gzip, without the time: two workers must give a test the same name."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("body", "headers", "notes"),
    [
        (UTF8, [], ()),
        (b'{"text": "plain"}', [LATIN], ()),
        (UTF8, [("content-type", "application/json; charset=utf-8")], ()),
        (UTF8, [LATIN], ()),  # it says so, and is not
        (b"\xef\xbb\xbf" + UTF8, [], ()),
        (zipped(UTF8), [GZIP], ("compressed with gzip",)),
        (zipped(UTF8), [], ("compressed with gzip",)),
        (zipped(UTF8), [("content-encoding", "X-GZip")], ("compressed with x-gzip",)),
        (zlib.compress(UTF8), [("content-encoding", "deflate")], ("compressed with deflate",)),
        (bare(UTF8), [("content-encoding", "deflate")], ("compressed with deflate",)),
        (
            zipped(zlib.compress(UTF8)),
            [("content-encoding", "deflate, gzip")],
            ("compressed with deflate and gzip",),
        ),
        (UTF8, [("content-encoding", "identity")], ()),
        (TEXT.encode("latin-1"), [LATIN], ("in ISO-8859-1",)),
        (TEXT.encode("latin-1"), [], ("in Windows-1252",)),
        (TEXT.encode("utf-16"), [], ("in UTF-16",)),
        (TEXT.encode("utf-16-le"), [], ("in UTF-16-le",)),
        (TEXT.encode("utf-32-be"), [], ("in UTF-32-be",)),
        (zipped(TEXT.encode("latin-1")), [GZIP, LATIN], ("compressed with gzip", "in ISO-8859-1")),
        (b'{"text": "\x81"}', [], ("in ISO-8859-1",)),  # not even Windows-1252 has it
        (TEXT.encode("latin-1"), [("content-type", "a/b; charset=punycode")], ("in Windows-1252",)),
        (TEXT.encode("latin-1"), [("content-type", "a/b; charset=no-such-thing")], ("in Windows-1252",)),
    ],
)
def test_a_body_is_read_and_how_it_came_is_told(body: bytes, headers: list[tuple[str, str]], notes: tuple[str, ...]):
    content = content_of(body, headers)
    assert (content.notes, content.why) == (notes, "")
    expected = {b'{"text": "plain"}': "plain", b'{"text": "\x81"}': "\x81"}.get(body, "Grüße, Café")
    assert json.loads(content.data)["text"] == expected


@pytest.mark.parametrize(
    ("body", "coding", "words"),
    [
        (b"x", "br", "with “br”, and gzip and deflate alone"),
        (b"x", "zstd", "with “zstd”"),
        (b"x" * 30, "gzip", "is not, or not whole"),
        (zipped(UTF8)[:-3], "gzip", "is not, or not whole"),
        (b"", "gzip", "is not, or not whole"),
        (zipped(b" " * (LONGEST_BODY + 1)), "gzip", "more than 1048576 bytes"),
        (UTF8, "gzip, gzip, gzip, gzip", "compressed 4 times"),
    ],
)
def test_what_cannot_be_unpacked_says_why_and_stays_as_it_came(body: bytes, coding: str, words: str):
    content = content_of(body, [("content-encoding", coding)])
    assert words in content.why
    assert content.data == body


@pytest.mark.thorough
def test_a_bomb_is_not_unpacked():
    bomb = gzip.compress(zipped(b"\0" * (300 << 20)))
    began = time.monotonic()
    content = content_of(bomb, [("content-encoding", "gzip, gzip")])
    assert "more than" in content.why
    assert time.monotonic() - began < 2


def test_a_form_is_known_by_its_type():
    assert content_of(b"a=b", [("content-type", "application/x-www-form-urlencoded; charset=utf-8")]).form
    assert not content_of(b"a=b", []).form


names = st.sampled_from(["content-type", "Content-Encoding", "x"])
values = st.sampled_from(["gzip", "deflate", "gzip, deflate", "a/b; charset=", "charset=\x00", 'a; charset*="x'])


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.binary(max_size=100), st.lists(st.tuples(names, values | st.text(st.characters(), max_size=30)), max_size=4))
def test_no_body_and_no_header_makes_it_raise(body: bytes, headers: list[tuple[str, str]]):
    content = content_of(body, headers)
    assert isinstance(content.data, bytes)
    assert content.why == "" or content.data == body
