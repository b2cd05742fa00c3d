"""The secret in the path by which webhooks come through a Jupyter server."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbhelpers.tunnel.webhook_secret import make_secret, read_secret, take_back

pytestmark = pytest.mark.fast


def test_there_is_none_until_it_is_made_and_then_it_is_the_same(tmp_path: Path):
    folder = tmp_path / "live"
    assert read_secret(folder) is None
    made = make_secret(folder)
    assert read_secret(folder) == make_secret(folder) == made


def test_it_has_128_bits_in_letters_that_a_path_takes_as_they_are(tmp_path: Path):
    made = {make_secret(tmp_path / str(number)) for number in range(50)}
    assert len(made) == 50
    assert all(len(secret) == 22 and secret.replace("-", "").replace("_", "").isalnum() for secret in made)


def test_many_who_ask_at_once_get_one(tmp_path: Path):
    with ThreadPoolExecutor(8) as askers:
        assert len(set(askers.map(lambda _: make_secret(tmp_path / "live"), range(16)))) == 1


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_its_owner_can_read_it(tmp_path: Path):
    make_secret(tmp_path / "live")
    assert [oct(path.stat().st_mode)[-3:] for path in (tmp_path / "live").glob("webhook_secret")] == ["600"]
    assert oct((tmp_path / "live").stat().st_mode)[-3:] == "700"


def test_taken_back_the_next_one_is_another(tmp_path: Path):
    first = make_secret(tmp_path)
    assert take_back(tmp_path) is True
    assert read_secret(tmp_path) is None
    assert take_back(tmp_path) is False
    assert make_secret(tmp_path) != first
