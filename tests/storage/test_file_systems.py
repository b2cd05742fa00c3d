"""A network file system is known by the mount that a folder is on, and a disk of this computer is none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from nbhelpers.storage.file_systems import network_file_system

pytestmark = pytest.mark.fast


def mounted(mountpoint: str, kind: str, options: str = "rw,relatime") -> SimpleNamespace:
    return SimpleNamespace(mountpoint=mountpoint, fstype=kind, opts=options)


ROOT = mounted("/", "ext4")


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "fuse.rclone", "vboxsf", "afpfs", "CIFS"]
)
def test_a_network_file_system_is_named(kind: str) -> None:
    assert network_file_system(Path("/srv/home/lab"), [ROOT, mounted("/srv/home", kind)]) == kind.lower()


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs", "apfs", "NTFS", "overlay", "tmpfs", "fuse.fuseblk", "zfs"])
def test_a_disk_of_this_computer_is_none(kind: str) -> None:
    assert network_file_system(Path("/srv/home/lab"), [ROOT, mounted("/srv/home", kind)]) is None


def test_the_nearest_mount_counts_and_of_two_in_one_place_the_last() -> None:
    share, disk = mounted("/srv", "nfs4"), mounted("/srv/disk", "ext4")
    assert network_file_system(Path("/srv/disk/lab"), [disk, share, ROOT]) is None
    assert network_file_system(Path("/srv/other"), [disk, share, ROOT]) == "nfs4"
    assert network_file_system(Path("/srv/disk"), [disk, mounted("/srv/disk", "cifs")]) == "cifs"


def test_a_folder_whose_name_begins_like_a_mount_is_not_on_it() -> None:
    assert network_file_system(Path("/srv-lab"), [ROOT, mounted("/srv", "nfs")]) is None


def test_a_mapped_drive_is_known_by_its_options() -> None:
    assert network_file_system(Path("/srv/lab"), [mounted("/srv", "NTFS", "rw,remote")]) == "ntfs"


def test_a_link_to_a_share_is_followed(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "lab").symlink_to(tmp_path / "share")
    assert network_file_system(tmp_path / "lab", [ROOT, mounted(str(tmp_path / "share"), "cifs")]) == "cifs"


def test_without_a_list_this_computer_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(psutil, "disk_partitions", lambda **how: asked.append(how) or [mounted("/", "nfs")])
    assert network_file_system(tmp_path) == "nfs"
    assert asked == [{"all": True}]  # psutil leaves network file systems out otherwise

    def unknown(**_: Any) -> None:
        raise FileNotFoundError("/proc/filesystems")

    monkeypatch.setattr(psutil, "disk_partitions", unknown)
    assert network_file_system(tmp_path) is None
