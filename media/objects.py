"""What an object is and what every store of objects can do, be it a disk, S3 or whatever comes."""

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from media.errors import UploadRefused, UploadTooLarge
from media.sniffing import CONTENT_TYPES

UPLOAD_LINK_LIFETIME = timedelta(minutes=10)
LARGEST_OBJECT = 64 * 2**20  # bytes: a 48-megapixel photo fits; longer files wait for uploads in parts
CHUNK = 64 * 2**10  # bytes read or written at once

_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"sha256/([0-9a-f]{2})/([0-9a-f]{64})")


@dataclass(frozen=True)
class DeclaredObject:
    """What a device says about a file before sending it.

    `sha256`: 64 lower-case hexadecimal digits. `size`: bytes. `content_type`: one of `CONTENT_TYPES`.
    """

    sha256: str
    size: int
    content_type: str

    def __post_init__(self) -> None:
        """Refuse (`UploadRefused`, `UploadTooLarge`) what could never be accepted, before a byte is sent."""
        if not _SHA256.fullmatch(self.sha256):
            raise UploadRefused("The SHA-256 must be 64 lower-case hexadecimal digits.")
        if self.content_type not in CONTENT_TYPES:
            taken = ", ".join(sorted(CONTENT_TYPES))
            raise UploadRefused(f"Files of this type are not taken. Send one of: {taken}.")
        if self.size < 1:
            raise UploadRefused("The file is empty. Take it again.")
        if self.size > LARGEST_OBJECT:
            raise UploadTooLarge(
                f"The file has {self.size} bytes; at most {LARGEST_OBJECT} can be sent. Make it smaller.",
                largest=LARGEST_OBJECT,
            )

    @property
    def key(self) -> str:
        """The name of the object in every store."""
        return key_of(self.sha256)


@dataclass(frozen=True)
class StoredObject:
    """What a store vouches for: these bytes are whole, durable and under this key."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True)
class PresignedUpload:
    """One HTTP request that the holder may make until `expires_at`; `url` may be relative to the server."""

    method: str
    url: str
    headers: Mapping[str, str]
    expires_at: datetime


class ObjectStore(Protocol):
    """A content-addressed store. Every method is safe to repeat; an object is there whole or not at all."""

    def put_stream(self, declared: DeclaredObject, chunks: Iterable[bytes]) -> StoredObject:
        """Store the bytes after checking length, SHA-256 and first bytes against `declared`.

        Raises `UploadRefused` (one of its kinds) or `StorageFull`, and then leaves nothing behind.
        """
        ...

    def open(self, key: str) -> AbstractContextManager[BinaryIO]:
        """The bytes of an object; `UploadMissing` when there is none."""
        ...

    def head(self, key: str) -> StoredObject | None:
        """Size and SHA-256 as the store finds them now, None when there is no whole object under this key."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        ...

    def presign_put(self, declared: DeclaredObject, *, now: datetime) -> PresignedUpload:
        """A PUT bound to key, length, type and SHA-256 for `UPLOAD_LINK_LIFETIME`, harmless to repeat."""
        ...


def key_of(sha256: str) -> str:
    """`sha256/ab/ab12…`: equal bytes are one object, and 256 folders keep listings short."""
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not a SHA-256: {sha256!r}")
    return f"sha256/{sha256[:2]}/{sha256}"


def sha256_of_key(key: str) -> str:
    """The hash that a key stands for; ValueError for anything that `key_of` did not make."""
    match = _KEY.fullmatch(key)
    if match is None or not match[2].startswith(match[1]):
        raise ValueError(f"not an object key: {key!r}")
    return match[2]
