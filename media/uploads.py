"""The upload contract: ask how, put the bytes, have them confirmed. The same three steps for every store."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from media.checking import check_type
from media.disk import DiskStore
from media.errors import ContentHashDiffers, ContentLengthDiffers, ContentTypeDiffers, UploadMissing
from media.objects import CHUNK, DeclaredObject, ObjectStore, StoredObject
from media.signing import CHECKSUM_HEADER
from media.sniffing import SNIFFED_BYTES


@dataclass(frozen=True)
class UploadTicket:
    """The answer to "how do I send this file?"; `needed` is False, the rest None, when it is there."""

    needed: bool
    method: str | None = None
    url: str | None = None
    headers: Mapping[str, str] | None = None
    expires_at: datetime | None = None


class Readable(Protocol):
    """Anything with `read(n)`: a file, or a request's body stream."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, b"" at the end."""
        ...


def begin_upload(store: ObjectStore, declared: DeclaredObject, *, now: datetime) -> UploadTicket:
    """Step 1. How to send the declared bytes; equal bytes that are there already need not be sent again."""
    if _found(store, declared):
        return UploadTicket(needed=False)
    presigned = store.presign_put(declared, now=now)
    return UploadTicket(True, presigned.method, presigned.url, presigned.headers, presigned.expires_at)


def receive_upload(
    store: DiskStore,
    key: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: Readable,
    *,
    now: datetime,
) -> StoredObject:
    """Step 2, for the store that this application serves itself: what S3 does with a presigned PUT.

    `key`, `query` and `headers` come from the request; `headers` must not mind upper and lower case.
    Raises `UploadLinkInvalid`, `UploadLinkExpired`, an `UploadRefused` or `StorageFull`, and then there is no
    object. Repeating it is harmless.
    """
    declared = store.signer.read(key, query, now=now)
    _check_headers(declared, headers)
    return store.put_stream(declared, chunks_of(body))


def confirm_upload(store: ObjectStore, declared: DeclaredObject) -> StoredObject:
    """Step 3. The receipt: the store has these bytes, whole, and they are what they were declared to be.

    Raises `UploadMissing` (send them first), `ContentTypeDiffers`, `ContentLengthDiffers` (declared wrongly).
    """
    stored = store.head(declared.key)
    if stored is None:
        raise UploadMissing("Send the file first: ask for an upload address and put the bytes there.")
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


def _check_headers(declared: DeclaredObject, headers: Mapping[str, str]) -> None:
    """Refuse before the first byte what the headers already give away."""
    length = headers.get("Content-Length")
    if length is not None and length != str(declared.size):
        raise ContentLengthDiffers(
            f"The upload has a length of {length[:20]}, {declared.size} was declared.", declared=declared.size
        )
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != declared.content_type:
        raise ContentTypeDiffers(
            f"Send it with the content type {declared.content_type}.", declared=declared.content_type
        )
    checksum = headers.get(CHECKSUM_HEADER)
    if checksum is None or _hex_of(checksum) != declared.sha256:
        raise ContentHashDiffers(
            f"Send the declared SHA-256, base64, in {CHECKSUM_HEADER}.", declared=declared.sha256
        )


def _hex_of(checksum: str) -> str | None:
    try:
        return base64.b64decode(checksum, validate=True).hex()
    except (binascii.Error, ValueError):
        return None
