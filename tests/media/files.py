"""Small files of every type that is taken, and their declarations."""

import hashlib
import random

from media.objects import PART, DeclaredObject

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40 + b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100
WEBP = b"RIFF\x64\x00\x00\x00WEBPVP8 " + b"\x01" * 90
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00" + b"\x02" * 90
PDF = b"%PDF-1.7\n" + b"\x03" * 90
STROKES = b'\n {"strokes": [[[0, 0, 0], [10, 12, 16]]]}'

LONG = b"\xff\xd8\xff\xe0" + random.Random(8).randbytes(2 * PART + 40_000)
"""A photo of three parts."""

FILES = {
    "image/jpeg": JPEG,
    "image/png": PNG,
    "image/webp": WEBP,
    "image/heic": HEIC,
    "application/pdf": PDF,
    "application/json": STROKES,
}


def declared(content: bytes, content_type: str = "image/jpeg") -> DeclaredObject:
    """The truth about `content`."""
    return DeclaredObject(hashlib.sha256(content).hexdigest(), len(content), content_type)


def in_pieces(content: bytes, size: int = 1000):
    """The content as a stream of chunks."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def hashes_of(content: bytes) -> list[str]:
    """The SHA-256 of each part of `content`."""
    return [hashlib.sha256(content[at : at + PART]).hexdigest() for at in range(0, len(content), PART)]
