"""Objects as files below one folder: the embedded default, durable as a database, and no half objects."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from media.checking import checked, whole
from media.errors import ContentHashDiffers, ContentLengthDiffers, StorageFull, UploadMissing
from media.objects import (
    CHUNK,
    DeclaredObject,
    DeclaredPart,
    PresignedUpload,
    StoredObject,
    key_of,
    parts_of,
    sha256_of_key,
)
from media.signing import UploadSigner

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNFINISHED = ".part"


class DiskStore:
    """An `ObjectStore` in a folder: `objects/` holds whole objects by SHA-256, `incoming/` what is sent.

    A file moves from one to the other by a rename, after its bytes are on the disk; a crash leaves at most
    a file in `incoming/`, which `sweep` removes. A part that arrived whole is `incoming/<object's
    hash>-<sender>.<number>.<its own hash>`.
    """

    def __init__(self, root: Path, signer: UploadSigner) -> None:
        """Make the folders (0700) if they are missing."""
        self.signer = signer
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        for folder in (root, self._objects, self._incoming):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put_stream(self, declared: DeclaredObject, chunks: Iterable[bytes]) -> StoredObject:
        """See `ObjectStore.put_stream`. Bytes already there are received again, to the same effect."""
        with self._written(checked(declared, chunks)) as file:
            self._publish(file, declared.key)
        return StoredObject(declared.key, declared.sha256, declared.size)

    def take(self, part: DeclaredPart, chunks: Iterable[bytes]) -> None:
        """Keep what a device sends aside, whole, until `promote`. Raises as `put_stream` does."""
        with self._written(whole(part.size, part.sha256, chunks)) as file:
            file.replace(self._arrived(part))
            _sync_folder(self._incoming)

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """See `ObjectStore.open`."""
        try:
            file = self._path(key).open("rb")
        except FileNotFoundError:
            raise UploadMissing("There is no such file in the store.") from None
        with file:
            yield file

    def head(self, key: str) -> StoredObject | None:
        """See `ObjectStore.head`. Reads the bytes: what rotted on the disk is absent, so it is sent again."""
        digest = hashlib.sha256()
        size = 0
        try:
            for chunk in _pieces(self._path(key)):
                digest.update(chunk)
                size += len(chunk)
        except FileNotFoundError:
            return None
        if digest.hexdigest() != sha256_of_key(key):
            return None
        return StoredObject(key, digest.hexdigest(), size)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_folder(path.parent)

    def keys(self) -> Iterator[str]:
        """See `ObjectStore.keys`."""
        for path in self._objects.glob("??/*"):
            yield key_of(path.name)

    def presign_put(self, declared: DeclaredObject, *, now: datetime) -> PresignedUpload:
        """See `ObjectStore.presign_put`; the address is served by this application."""
        return self.signer.presign(parts_of(declared, [declared.sha256])[0], now=now)

    def presign_parts(
        self, parts: Sequence[DeclaredPart], *, now: datetime
    ) -> Sequence[PresignedUpload | None]:
        """See `ObjectStore.presign_parts`."""
        return [
            None if self._arrived(part).exists() else self.signer.presign(part, now=now) for part in parts
        ]

    def promote(self, declared: DeclaredObject) -> StoredObject:
        """See `ObjectStore.promote`."""
        try:
            arrived = self._parts_here(declared)
            if len(arrived) == 1:
                for _ in checked(declared, _pieces(arrived[0])):
                    pass
                self._publish(arrived[0], declared.key)
            else:
                self.put_stream(declared, (chunk for part in arrived for chunk in _pieces(part)))
        except FileNotFoundError:  # somebody else completed the same bytes in this moment
            raise UploadMissing("Send it again.") from None
        except (ContentHashDiffers, ContentLengthDiffers):
            self._throw_away(declared)
            raise
        self._throw_away(declared)
        return StoredObject(declared.key, declared.sha256, declared.size)

    def sweep(self, *, before: datetime) -> int:
        """See `ObjectStore.sweep`; what a crash cut short goes with it."""
        swept = set()
        for file in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # its upload may end while we look
                if file.stat().st_mtime < before.timestamp():
                    file.unlink()
                    swept.add(file.name if file.suffix == _UNFINISHED else file.name.partition(".")[0])
        return len(swept)

    def _path(self, key: str) -> Path:
        sha256 = sha256_of_key(key)  # refuses everything that could climb out of the folder
        return self._objects / sha256[:2] / sha256

    def _arrived(self, part: DeclaredPart) -> Path:
        return self._incoming / f"{part.of.aside}.{part.number}.{part.sha256}"

    def _parts_here(self, declared: DeclaredObject) -> list[Path]:
        """One file for each part of the object, in order. Raises `UploadMissing`."""
        wanted = len(declared.part_sizes)
        found = {int(path.name.split(".")[1]): path for path in self._incoming.glob(f"{declared.aside}.*.*")}
        if found.keys() < set(range(1, wanted + 1)):
            raise UploadMissing(
                "Send the file first: ask for an upload address and put the bytes there.",
                arrived=len(found),
                parts=wanted,
            )
        return [found[number] for number in range(1, wanted + 1)]

    def _throw_away(self, declared: DeclaredObject) -> None:
        for path in self._incoming.glob(f"{declared.aside}.*.*"):
            path.unlink(missing_ok=True)

    @contextmanager
    def _written(self, chunks: Iterable[bytes]) -> Iterator[Path]:
        """The chunks as a file of their own on the disk; gone afterwards unless it was moved."""
        file = self._incoming / f"{secrets.token_hex(16)}{_UNFINISHED}"
        try:
            _write_durably(file, chunks)
            yield file
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StorageFull("The file stays on the device; it is sent again later.") from error
            raise
        finally:
            file.unlink(missing_ok=True)

    def _publish(self, file: Path, key: str) -> None:
        path = self._path(key)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self._objects)
        file.replace(path)
        _sync_folder(path.parent)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _write_durably(path: Path, chunks: Iterable[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """A rename is durable only when its folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
