"""Objects as files below one folder: the embedded default, durable as a database, and no half objects."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from media.checking import checked
from media.errors import StorageFull, UploadMissing
from media.objects import CHUNK, DeclaredObject, PresignedUpload, StoredObject, sha256_of_key
from media.signing import UploadSigner

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskStore:
    """An `ObjectStore` in a folder: `objects/` holds whole objects by SHA-256, `incoming/` the others.

    A file moves from one to the other by a rename, after its bytes are on the disk; a crash leaves at most
    a file in `incoming/`, which `sweep` removes.
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
        part = self._incoming / f"{declared.sha256[:16]}-{secrets.token_hex(8)}.part"
        try:
            _write_durably(part, checked(declared, chunks))
            self._publish(part, declared.key)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StorageFull("The file stays on the device; it is sent again later.") from error
            raise
        finally:
            part.unlink(missing_ok=True)
        return StoredObject(declared.key, declared.sha256, declared.size)

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
            with self._path(key).open("rb") as file:
                while chunk := file.read(CHUNK):
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

    def presign_put(self, declared: DeclaredObject, *, now: datetime) -> PresignedUpload:
        """See `ObjectStore.presign_put`; the address is served by this application."""
        return self.signer.presign(declared, now=now)

    def sweep(self, *, before: datetime) -> int:
        """Remove what uploads cut short left behind before that instant; returns how many files."""
        swept = 0
        for part in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # its upload may end while we look
                if part.stat().st_mtime < before.timestamp():
                    part.unlink()
                    swept += 1
        return swept

    def _path(self, key: str) -> Path:
        sha256 = sha256_of_key(key)  # refuses everything that could climb out of the folder
        return self._objects / sha256[:2] / sha256

    def _publish(self, part: Path, key: str) -> None:
        path = self._path(key)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self._objects)
        part.replace(path)
        _sync_folder(path.parent)


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
