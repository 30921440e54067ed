"""The upload contract: ask how, put the bytes, have them confirmed. The same three steps for every store."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from media.checking import check_type
from media.disk import DiskStore
from media.errors import ContentHashDiffers, ContentLengthDiffers, ContentTypeDiffers, UploadMissing
from media.objects import CHUNK, PART, DeclaredObject, DeclaredPart, ObjectStore, StoredObject, parts_of
from media.signing import CHECKSUM_HEADER
from media.sniffing import SNIFFED_BYTES


@dataclass(frozen=True)
class PartTicket:
    """How to send one part, bytes `offset` to `offset + size`; when it `arrived`, the rest is None."""

    number: int
    offset: int
    size: int
    arrived: bool
    method: str | None = None
    url: str | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class UploadTicket:
    """The answer to "how do I send this file?"; `needed` is False, the rest None, when it is there.

    Either `method`, `url` and `headers` of one request, or `parts`.
    """

    needed: bool
    method: str | None = None
    url: str | None = None
    headers: Mapping[str, str] | None = None
    expires_at: datetime | None = None
    parts: Sequence[PartTicket] | None = None


class Readable(Protocol):
    """Anything with `read(n)`: a file, or a request's body stream."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, b"" at the end."""
        ...


def begin_upload(
    store: ObjectStore,
    declared: DeclaredObject,
    part_hashes: Sequence[str] = (),
    *,
    now: datetime,
    known: bool = False,
) -> UploadTicket:
    """Step 1. How to send the declared bytes.

    `known`: whoever asks may have these bytes anyway; then, when they are there, they need not be sent again.
    Anybody else sends them whether they are there or not: who knows only a hash must not get a file for it.
    More than `PART` bytes go in parts, and asking again tells which of them have arrived. Raises
    `PartsUndeclared` when their hashes are missing.
    """
    if known and _found(store, declared):
        return UploadTicket(needed=False)
    if declared.size <= PART:
        presigned = store.presign_put(declared, now=now)
        return UploadTicket(True, presigned.method, presigned.url, presigned.headers, presigned.expires_at)
    parts = parts_of(declared, part_hashes)
    uploads = store.presign_parts(parts, now=now)
    tickets = [
        PartTicket(part.number, part.offset, part.size, arrived=True)
        if upload is None
        else PartTicket(part.number, part.offset, part.size, False, upload.method, upload.url, upload.headers)
        for part, upload in zip(parts, uploads, strict=True)
    ]
    ends = [upload.expires_at for upload in uploads if upload is not None]
    return UploadTicket(True, expires_at=min(ends, default=None), parts=tickets)


def receive_upload(
    store: DiskStore,
    key: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: Readable,
    *,
    now: datetime,
) -> None:
    """Step 2, for the store that this application serves itself: what S3 does with a presigned PUT.

    `key`, `query` and `headers` come from the request; `headers` must not mind upper and lower case.
    Raises `UploadLinkInvalid`, `UploadLinkExpired`, an `UploadRefused` or `StorageFull`, and then nothing of
    it is kept. Repeating it is harmless.
    """
    part = store.signer.read(key, query, now=now)
    _check_headers(part, headers)
    store.take(part, chunks_of(body))


def confirm_upload(store: ObjectStore, declared: DeclaredObject, *, known: bool = False) -> StoredObject:
    """Step 3. The receipt: the store has these bytes, whole, and they are what they were declared to be.

    They were sent (step 2), or are there and `known` to whoever asks (step 1).
    Raises `UploadMissing` (send them first), or an `UploadRefused` (declared wrongly, or sent wrongly).
    """
    stored = store.head(declared.key) if known else None
    if stored is None:
        try:
            return store.promote(declared)
        except UploadMissing:
            # Perhaps the same device completed them in this moment, in another request.
            stored = store.head(declared.key) if known else None
            if stored is None:
                raise
    if stored.size != declared.size:
        raise ContentLengthDiffers(
            f"The file has {stored.size} bytes, {declared.size} were declared.",
            declared=declared.size,
            received=stored.size,
        )
    with store.open(declared.key) as file:
        check_type(declared, file.read(SNIFFED_BYTES))
    return stored


def chunks_of(body: Readable | BinaryIO) -> Iterator[bytes]:
    """The body in pieces of at most `CHUNK` bytes."""
    while chunk := body.read(CHUNK):
        yield chunk


def _found(store: ObjectStore, declared: DeclaredObject) -> bool:
    stored = store.head(declared.key)
    return stored is not None and stored.size == declared.size


def _check_headers(part: DeclaredPart, headers: Mapping[str, str]) -> None:
    """Refuse before the first byte what the headers already give away."""
    length = headers.get("Content-Length")
    if length is not None and length != str(part.size):
        raise ContentLengthDiffers(
            f"The upload has a length of {length[:20]}, {part.size} was declared.", declared=part.size
        )
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != part.of.content_type:
        raise ContentTypeDiffers(
            f"Send it with the content type {part.of.content_type}.", declared=part.of.content_type
        )
    checksum = headers.get(CHECKSUM_HEADER)
    if checksum is None or _hex_of(checksum) != part.sha256:
        raise ContentHashDiffers(
            f"Send the declared SHA-256, base64, in {CHECKSUM_HEADER}.", declared=part.sha256
        )


def _hex_of(checksum: str) -> str | None:
    try:
        return base64.b64decode(checksum, validate=True).hex()
    except (binascii.Error, ValueError):
        return None
