"""Whether a state directory is for a projector is kept beside the modes, and in doubt it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbhelpers.config.presented import note_presented, presented

pytestmark = pytest.mark.fast


def test_what_was_noted_is_read_and_without_a_note_it_is_off(tmp_path: Path) -> None:
    state = tmp_path / "new" / "lab"
    assert presented(state) == 0
    for turn in (1, 2):
        note_presented(state, turn)
        assert presented(state) == turn


@pytest.mark.parametrize("held", [b"", b"on", "über".encode()])
def test_a_note_that_cannot_be_read_counts_as_on(tmp_path: Path, held: bytes) -> None:
    note_presented(tmp_path, 2)
    (note,) = tmp_path.iterdir()
    note.write_bytes(held)
    assert presented(tmp_path) % 2 == 1


def test_a_note_in_whose_place_a_folder_stands_counts_as_on(tmp_path: Path) -> None:
    note_presented(tmp_path, 2)
    (note,) = tmp_path.iterdir()
    note.unlink()
    note.mkdir()
    assert presented(tmp_path) % 2 == 1
