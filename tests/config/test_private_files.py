"""private: what is yours alone stays on your side of the screen and of the file system."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbhelpers.config.private_files import file_version, make_private_folder, mask, write_private

pytestmark = pytest.mark.fast


def test_a_secret_shows_its_last_four_characters_only():
    assert mask("abcdefghijklmnop") == "••••mnop"


def test_a_short_secret_shows_nothing_of_itself():
    assert mask("abcdefghijk") == "••••"
    assert mask("abcdefghijk", keep=3) == "••••ijk"


def test_what_is_not_set_says_so():
    assert mask(None) == mask("") == "(not set)"


@pytest.mark.thorough
@settings(max_examples=50)
@given(st.text(min_size=1), st.integers(1, 8))
def test_a_mask_never_gives_away_more_than_a_third(secret: str, keep: int):
    shown = mask(secret, keep).removeprefix("••••")
    assert 3 * len(shown) <= len(secret)
    assert secret.endswith(shown)


def test_a_written_file_is_readable_by_its_owner_alone(tmp_path: Path):
    path = tmp_path / "private.key"
    write_private(path, b"one")
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600


def test_writing_again_closes_a_file_that_was_open_to_all(tmp_path: Path):
    path = tmp_path / "private.key"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path):
    place = tmp_path / "taken"
    place.mkdir()
    (place / "inside").touch()
    with pytest.raises(OSError, match="irectory"):
        write_private(place, b"secret")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


def test_a_reader_sees_the_old_file_or_the_new_one_never_half(tmp_path: Path):
    path, versions = tmp_path / "state.json", (b"a" * 200_000, b"b" * 300_000)
    write_private(path, versions[0])
    seen: set[bytes] = set()
    written = threading.Event()

    def read() -> None:
        while not written.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(100):
        write_private(path, versions[turn % 2])
    written.set()
    reader.join()
    assert seen <= set(versions)
    assert seen


def test_a_private_folder_is_made_with_its_parents_and_closed(tmp_path: Path):
    made = make_private_folder(tmp_path / "a" / "b")
    assert made == tmp_path / "a" / "b"
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    assert make_private_folder(folder).stat().st_mode & 0o777 == 0o700


def test_a_file_that_was_written_again_within_one_tick_of_the_clock_is_another_one(tmp_path: Path):
    path = tmp_path / ".env"
    write_private(path, b"one")
    first = path.stat()
    versions = {file_version(str(path))}
    for content, write in ((b"three", Path.write_bytes), (b"five!", write_private)):
        write(path, content)
        os.utime(path, ns=(first.st_atime_ns, first.st_mtime_ns))
        versions.add(file_version(path))
    assert len(versions) == 3


def test_what_is_not_there_has_no_version(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        file_version(tmp_path / ".env")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_parents_that_were_missing_are_closed_too_and_those_that_were_there_stay_as_they_are(tmp_path: Path):
    (tmp_path / "home").mkdir(mode=0o755)
    make_private_folder(tmp_path / "home" / ".lab" / "live")
    made = [oct(place.stat().st_mode)[-3:] for place in (tmp_path / "home" / ".lab" / "live").parents][:2]
    assert made == ["700", "755"]
