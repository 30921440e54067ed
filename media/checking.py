"""Bytes on their way in, checked while they pass: length, hash and type must be what was declared."""

import hashlib
from collections.abc import Iterable, Iterator

from media.errors import ContentHashDiffers, ContentLengthDiffers, ContentTypeDiffers
from media.objects import DeclaredObject
from media.sniffing import SNIFFED_BYTES, sniff


def checked(declared: DeclaredObject, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass the chunks on; raise an `UploadRefused` at the first one too many, or after the last one."""
    head = b""
    for chunk in whole(declared.size, declared.sha256, chunks):
        if len(head) < SNIFFED_BYTES:
            head += chunk[: SNIFFED_BYTES - len(head)]
        yield chunk
    check_type(declared, head)


def whole(size: int, sha256: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same for length and hash alone: of an object, or of a part of one."""
    digest = hashlib.sha256()
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > size:
            raise ContentLengthDiffers(
                f"More than the declared {size} bytes arrived. Ask for a new upload.", declared=size
            )
        digest.update(chunk)
        yield chunk
    if received != size:
        raise ContentLengthDiffers(
            f"Only {received} of the declared {size} bytes arrived. Send the file again.",
            declared=size,
            received=received,
        )
    if digest.hexdigest() != sha256:
        raise ContentHashDiffers(
            "The bytes that arrived are not those that were declared. Send the file again.",
            declared=sha256,
            received=digest.hexdigest(),
        )


def check_type(declared: DeclaredObject, head: bytes) -> None:
    """Raise `ContentTypeDiffers` when the first bytes announce another type than was declared."""
    found = sniff(head[:SNIFFED_BYTES])
    if found != declared.content_type:
        raise ContentTypeDiffers(
            f"Declared as {declared.content_type}, but it is {found or 'of no known type'}.",
            declared=declared.content_type,
            found=found,
        )
