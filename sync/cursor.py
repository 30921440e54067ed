"""The cursor: an opaque signed token that says which epoch, which device, and how far in each feed."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import orjson

_SIGNATURE_BYTES = 16
_LONGEST = 4096
_VERSION = 1
_REMEMBERED = 4096
"""Tokens, each some hundred bytes: a device without news sends the same one every time."""


@dataclass(frozen=True)
class Place:
    """How far a device is in one feed.

    `started` is the feed's head when the device began to read from nothing, 0 once it has passed that point:
    until then, removals up to `started` concern records that it never got.
    """

    position: int
    started: int = 0


@dataclass(frozen=True)
class Cursor:
    """What a token says. `places` by feed."""

    epoch: UUID
    device_id: UUID
    places: Mapping[str, Place]


class CursorSigner:
    """Writes and reads cursors with a key derived from the host's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"sync cursor 1", "sha256")
        self.read = lru_cache(_REMEMBERED)(self._read)
        """What a token says; None when it is damaged, forged, or of an older version of this code."""

    def write(self, cursor: Cursor) -> str:
        """The token: base64url of signature and content."""
        places = {feed: [place.position, place.started] for feed, place in cursor.places.items()}
        content = orjson.dumps([_VERSION, str(cursor.epoch), str(cursor.device_id), places])
        return urlsafe_b64encode(self._sign(content) + content).decode().rstrip("=")

    def _read(self, token: str) -> Cursor | None:
        if len(token) > _LONGEST or not token.isascii():
            return None
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        signature, content = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(content)):
            return None
        version, epoch, device_id, places = orjson.loads(content)
        if version != _VERSION:
            return None
        return Cursor(
            UUID(epoch), UUID(device_id), {feed: Place(at, started) for feed, (at, started) in places.items()}
        )

    def _sign(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)[:_SIGNATURE_BYTES]
