"""tunnel/binary: which ngrok is used, whether it is new enough, and a download that is asked for."""

from __future__ import annotations

import dataclasses
import io
import os
import stat
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from pyngrok import conf, installer

from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.tunnel import ngrok_program
from tests.support import fake_ngrok
from tests.support.simulation import serving


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of live mode on a computer without any ngrok."""
    monkeypatch.setattr(conf, "DEFAULT_NGROK_PATH", str(tmp_path / "home" / "ngrok"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return configuration.load("live", tmp_path / "lab", environ={}, folder=tmp_path)


@pytest.mark.fast
def test_without_one_it_says_where_it_looked_and_what_may_be_done_and_fetches_nothing(live: Settings):
    assert ngrok_program.find_binary(live) is None
    words = (
        r"ngrok is not on this computer\. Nothing is at .*lab/ngrok/ngrok\. Run `lab\.tunnel\.download\(\)`.*PUBLIC_URL"
    )
    with pytest.raises(ServiceError, match=words):
        ngrok_program.binary_of(live)
    with pytest.raises(ServiceError, match="nothing to update"):
        ngrok_program.update(live)
    assert not ngrok_program.own_place(live).exists()


@pytest.mark.fast
def test_the_configured_one_comes_first_then_ours_then_pyngroks(live: Settings, tmp_path: Path):
    last = fake_ngrok.install(tmp_path / "home")
    assert ngrok_program.binary_of(live) == last
    own = fake_ngrok.install(ngrok_program.own_place(live).parent)
    assert ngrok_program.binary_of(live) == own
    first = fake_ngrok.install(tmp_path / "chosen")
    assert ngrok_program.binary_of(dataclasses.replace(live, ngrok_path=str(first))) == first
    for given in (str(tmp_path / "nowhere"), "~\0nowhere"):
        with pytest.raises(ServiceError, match=r"There is no ngrok where you said\. PYNGROK_NGROK_PATH is .*nowhere"):
            ngrok_program.find_binary(dataclasses.replace(live, ngrok_path=given))


@pytest.mark.fast
def test_pyngroks_own_script_on_the_path_is_passed_over(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fake_ngrok.install(tmp_path / "bin")  # begins with #!, as pyngrok's console script does
    assert ngrok_program.find_binary(live) is None
    real = tmp_path / "usr" / "ngrok"
    real.parent.mkdir()
    real.write_bytes(b"\x7fELF")
    real.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(["", str(tmp_path / "bin"), str(real.parent)]))
    assert ngrok_program.find_binary(live) == real


@pytest.mark.fast
def test_one_that_is_too_old_is_named_and_can_update_itself(live: Settings, tmp_path: Path):
    old = dataclasses.replace(live, ngrok_path=str(fake_ngrok.install(tmp_path / "old", "old-agent")))
    with pytest.raises(ServiceError, match=r"too old\. .* is version 3\.18; 3\.30 or newer.*lab\.tunnel\.update\(\)"):
        ngrok_program.binary_of(old)
    assert ngrok_program.update(old) == "3.39"
    assert ngrok_program.binary_of(old).name == "ngrok"


def program(folder: Path, code: str) -> str:
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\n{code}\n")
    path.chmod(0o755)
    return str(path)


def test_what_is_no_ngrok_or_does_not_answer_is_said(live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def using(code: str) -> Settings:
        return dataclasses.replace(live, ngrok_path=program(tmp_path, code))

    with pytest.raises(ServiceError, match=r"This is no ngrok\..*says “hello”"):
        ngrok_program.binary_of(using("print('hello')"))
    monkeypatch.setattr(ngrok_program, "_ASK", 0.3)
    with pytest.raises(ServiceError, match=r"does not answer\. `program --version` took more than 0\.3 s"):
        ngrok_program._ask(Path(using("import time; time.sleep(60)").ngrok_path or ""), "--version", timeout=0.3)
    broken = tmp_path / "program"
    broken.write_bytes(b"\x00\x01")
    with pytest.raises(ServiceError, match="ngrok cannot be run"):
        ngrok_program.version_of(broken)
    with pytest.raises(ServiceError, match=r"did not update itself\. It says .*is version 3\.1.*download"):
        ngrok_program.update(using("print('ngrok version 3.1.0')"))


def archive(folder: Path) -> bytes:
    """What ngrok's server would send: the program in a tgz."""
    data = fake_ngrok.install(folder).read_bytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("ngrok")
        entry.size, entry.mode = len(data), 0o755
        tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


@contextmanager
def server(data: bytes) -> Iterator[str]:
    """ngrok's server for downloads, on loopback: the address of the archive."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            return None

    with serving(Handler) as base:
        yield f"{base}/ngrok.tgz"


def from_there(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(installer, "PLATFORMS", dict.fromkeys(installer.PLATFORMS, url))


def test_a_download_shows_its_progress_and_leaves_nothing_in_the_folder_for_temporary_files(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    before = tempfile.gettempdir()
    others = set(Path(before).glob("ngrok*"))
    with server(archive(tmp_path / "packed")) as url:
        from_there(monkeypatch, url)
        place = ngrok_program.download(live)
    assert "Downloading ngrok: 100%" in capsys.readouterr().out
    assert place == ngrok_program.own_place(live) == ngrok_program.binary_of(live)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert [path.name for path in place.parent.iterdir()] == ["ngrok"]
    assert tempfile.gettempdir() == before
    assert set(Path(before).glob("ngrok*")) == others


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://nothing.invalid/ngrok.tgz", "could not be downloaded"),
        ("http://127.0.0.1:9/ngrok.tgz", "could not be downloaded"),
    ],
)
def test_a_download_without_a_network_ends_in_one_sentence_and_leaves_nothing(
    live: Settings, monkeypatch: pytest.MonkeyPatch, url: str, words: str
):
    from_there(monkeypatch, url)
    with pytest.raises(ServiceError, match=rf"{words}.*PUBLIC_URL"):
        ngrok_program.download(live)
    assert list(ngrok_program.own_place(live).parent.iterdir()) == []


def test_a_download_that_is_no_archive_is_refused(live: Settings, monkeypatch: pytest.MonkeyPatch):
    with server(b"<html>Please log in to this network.</html>") as url:
        from_there(monkeypatch, url)
        with pytest.raises(ServiceError, match="could not be downloaded"):
            ngrok_program.download(live)
    assert not ngrok_program.own_place(live).exists()
