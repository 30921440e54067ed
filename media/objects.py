"""What an object is and what every store of objects can do, be it a disk, S3 or whatever comes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from media.errors import PartsUndeclared, UploadRefused, UploadTooLarge
from media.sniffing import CONTENT_TYPES

UPLOAD_LINK_LIFETIME = timedelta(minutes=10)
LARGEST_OBJECT = 64 * 2**20  # bytes: a 48-megapixel photo fits
PART = (
    8 * 2**20
)  # bytes: what is longer goes in parts of this size, the last one shorter (S3: 5 MiB at least)
CHUNK = 64 * 2**10  # bytes read or written at once

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SENDER = re.compile(r"(?:[0-9a-f]{32})?")
_KEY = re.compile(r"sha256/([0-9a-f]{2})/([0-9a-f]{64})")


@dataclass(frozen=True)
class DeclaredObject:
    """What a device says about a file before sending it.

    `sha256`: 64 lower-case hexadecimal digits. `size`: bytes. `content_type`: one of `CONTENT_TYPES`.
    `sender`: who sends it, as 32 such digits, or nobody: what one sends is completed by no other.
    """

    sha256: str
    size: int
    content_type: str
    sender: str = ""

    def __post_init__(self) -> None:
        """Refuse (`UploadRefused`, `UploadTooLarge`) what could never be accepted, before a byte is sent."""
        if not _SHA256.fullmatch(self.sha256):
            raise UploadRefused("The SHA-256 must be 64 lower-case hexadecimal digits.")
        if not _SENDER.fullmatch(self.sender):
            raise UploadRefused("A sender is known by 32 lower-case hexadecimal digits.")
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

    @property
    def aside(self) -> str:
        """The name under which it lies aside until it is promoted: each sender's apart from all others'."""
        return f"{self.sha256}-{self.sender}" if self.sender else self.sha256

    @property
    def part_sizes(self) -> Sequence[int]:
        """How many bytes each part has; one part for what goes in a single PUT."""
        whole, rest = divmod(self.size, PART)
        return [PART] * whole + [rest] * bool(rest)


@dataclass(frozen=True)
class DeclaredPart:
    """One part of a declared object: `number` from 1, bytes `offset` to `offset + size`, and their hash."""

    of: DeclaredObject
    number: int
    offset: int
    size: int
    sha256: str


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
    """A content-addressed store. Every method is safe to repeat; an object is there whole or not at all.

    What devices send lies aside until `promote` has read it back: before that it is no object, is listed
    nowhere, and is swept when nobody completes it. Every method may raise `StorageUnavailable`.
    """

    def put_stream(self, declared: DeclaredObject, chunks: Iterable[bytes]) -> StoredObject:
        """Store bytes of our own after checking length, SHA-256 and first bytes against `declared`.

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

    def keys(self) -> Iterator[str]:
        """The keys of all objects, in no order."""
        ...

    def presign_put(self, declared: DeclaredObject, *, now: datetime) -> PresignedUpload:
        """A PUT bound to key, length, type and SHA-256 for `UPLOAD_LINK_LIFETIME`, harmless to repeat."""
        ...

    def presign_parts(
        self, parts: Sequence[DeclaredPart], *, now: datetime
    ) -> Sequence[PresignedUpload | None]:
        """For each of all parts of one object a PUT bound to it as above; None for a part that is here."""
        ...

    def promote(self, declared: DeclaredObject) -> StoredObject:
        """Read back what a device sent, and make it the object when it is what was declared.

        Raises `UploadMissing` while not everything has arrived, be it an object already or not, and an
        `UploadRefused` when it is not what was declared; what has the wrong length or hash is then thrown
        away.
        """
        ...

    def sweep(self, *, before: datetime) -> int:
        """Remove what devices sent before that instant and never completed; returns how many uploads."""
        ...


def parts_of(declared: DeclaredObject, hashes: Sequence[str]) -> Sequence[DeclaredPart]:
    """The parts of an object with their hashes in order; `PartsUndeclared` unless there is one for each."""
    sizes = declared.part_sizes
    if len(hashes) != len(sizes) or not all(_SHA256.fullmatch(sha256) for sha256 in hashes):
        raise PartsUndeclared(
            f"Cut the file into {len(sizes)} parts of {PART} bytes, the last one shorter, and send the "
            "SHA-256 of each, in order, as part_hashes.",
            part_size=PART,
            parts=len(sizes),
        )
    return [
        DeclaredPart(declared, number, (number - 1) * PART, size, sha256)
        for number, (size, sha256) in enumerate(zip(sizes, hashes, strict=True), 1)
    ]


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
