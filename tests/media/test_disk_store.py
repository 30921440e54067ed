"""The disk store: the contract, and what only a disk can get wrong."""

import errno
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from media.disk import DiskStore
from media.errors import StorageFull
from media.objects import key_of
from media.signing import UploadSigner
from tests.media.doors import DiskDoor
from tests.media.files import JPEG, declared, in_pieces
from tests.media.object_store_contract import NOW, ObjectStoreContract


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "media", UploadSigner(b"s" * 32, "/media/objects"))


@pytest.fixture
def door(store: DiskStore) -> DiskDoor:
    return DiskDoor(store)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TestDiskStore(ObjectStoreContract):
    """The contract on a disk."""


def test_nobody_else_on_the_machine_can_read_an_object(store: DiskStore, tmp_path: Path) -> None:
    store.put_stream(declared(JPEG), in_pieces(JPEG))
    for path in tmp_path.rglob("media/**/*"):
        assert path.stat().st_mode & 0o077 == 0


def test_an_object_is_not_visible_while_it_arrives(store: DiskStore) -> None:
    seen = []

    def slowly():
        for chunk in in_pieces(JPEG):
            seen.append(store.head(declared(JPEG).key))
            yield chunk

    store.put_stream(declared(JPEG), slowly())
    assert len(seen) > 5
    assert set(seen) == {None}
    assert store.head(declared(JPEG).key) is not None


def test_a_refused_upload_leaves_no_file_at_all(store: DiskStore, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="not those"):
        store.put_stream(declared(JPEG), in_pieces(bytes(len(JPEG))))
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_clear_state_and_leaves_nothing(
    store: DiskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("media.disk.os.fsync", full)
    with pytest.raises(StorageFull) as refusal:
        store.put_stream(declared(JPEG), in_pieces(JPEG))
    assert refusal.value.kind == "unavailable"
    assert files_below(tmp_path) == []


def test_another_disk_error_is_not_called_a_full_disk(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr("media.disk.os.fsync", broken)
    with pytest.raises(OSError, match="broken"):
        store.put_stream(declared(JPEG), in_pieces(JPEG))


def test_bytes_are_on_the_disk_before_their_name_is(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")  # noqa: PTH112
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        order.append("rename")
        return replace(self, target)

    monkeypatch.setattr("media.disk.os.fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    store.put_stream(declared(JPEG), in_pieces(JPEG))
    assert order == ["file", "folder", "rename", "folder"]


def test_a_file_that_rotted_on_the_disk_is_asked_for_again(store: DiskStore, tmp_path: Path) -> None:
    stored = store.put_stream(declared(JPEG), in_pieces(JPEG))
    (path,) = files_below(tmp_path)
    path.write_bytes(JPEG[:-1] + b"?")
    assert store.head(stored.key) is None
    store.put_stream(declared(JPEG), in_pieces(JPEG))
    assert store.head(stored.key) == stored


def test_uploads_of_the_same_bytes_at_once_make_one_whole_object(store: DiskStore, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=store.put_stream, args=(declared(JPEG), in_pieces(JPEG, 64)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.head(declared(JPEG).key) is not None
    assert len(files_below(tmp_path)) == 1


def test_what_a_crash_left_half_is_swept_when_it_is_old(store: DiskStore, tmp_path: Path) -> None:
    half = tmp_path / "media" / "incoming" / "cut.part"
    fresh = tmp_path / "media" / "incoming" / "fresh.part"
    half.write_bytes(JPEG[:100])
    fresh.write_bytes(JPEG[:100])
    week_ago = (NOW - timedelta(days=8)).timestamp()
    os.utime(half, (week_ago, week_ago))
    assert store.sweep(before=NOW - timedelta(days=7)) == 1
    assert not half.exists()
    assert fresh.exists()


@pytest.mark.parametrize(
    "key",
    ["../../etc/passwd", "sha256/ab/../../secret", "sha256/00/" + "a" * 64, "", "sha256/ab/AB" + "a" * 62],
)
def test_a_key_cannot_name_anything_but_an_object(store: DiskStore, key: str) -> None:
    with pytest.raises(ValueError, match="not an object key"):
        store.head(key)


def test_equal_bytes_have_one_key() -> None:
    assert key_of("ab" + "0" * 62) == "sha256/ab/ab" + "0" * 62
