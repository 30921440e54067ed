"""Upload addresses signed with HMAC-SHA-256: the holder may put exactly these bytes there for ten minutes."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from media.errors import UploadLinkExpired, UploadLinkInvalid, UploadRefused
from media.objects import (
    PART,
    UPLOAD_LINK_LIFETIME,
    DeclaredObject,
    DeclaredPart,
    PresignedUpload,
    sha256_of_key,
)

# The header that S3 checks, so that devices know one contract only.
CHECKSUM_HEADER = "x-amz-checksum-sha256"
SMALLEST_SECRET = 32  # bytes


@dataclass(frozen=True)
class UploadSigner:
    """Makes and reads upload addresses below `path`, e.g. `/media/objects`."""

    secret: bytes
    path: str

    def __post_init__(self) -> None:
        """Refuse a secret that could be guessed: it alone decides who may write."""
        if len(self.secret) < SMALLEST_SECRET:
            raise ValueError(f"the upload secret must have at least {SMALLEST_SECRET} bytes")

    def presign(self, part: DeclaredPart, *, now: datetime) -> PresignedUpload:
        """A PUT of one part to `path`/`key`, with the headers that must be sent exactly so."""
        expires = int((now + UPLOAD_LINK_LIFETIME).timestamp())
        query = {
            "size": str(part.of.size),
            "type": part.of.content_type,
            **({"sender": part.of.sender} if part.of.sender else {}),
            "part": str(part.number),
            "hash": part.sha256,
            "expires": str(expires),
            "signature": self._signature(part, expires),
        }
        return PresignedUpload(
            method="PUT",
            url=f"{self.path}/{part.of.key}?{urlencode(query)}",
            headers=required_headers(part),
            expires_at=datetime.fromtimestamp(expires, UTC),
        )

    def read(self, key: str, query: Mapping[str, str], *, now: datetime) -> DeclaredPart:
        """What a signed address stands for. Raises `UploadLinkInvalid` or `UploadLinkExpired`."""
        try:
            declared = DeclaredObject(
                sha256_of_key(key), _whole_number(query["size"]), query["type"], query.get("sender", "")
            )
            number = _whole_number(query["part"])
            size = declared.part_sizes[number - 1]
            part = DeclaredPart(declared, number, (number - 1) * PART, size, query["hash"])
            expires = _whole_number(query["expires"])
        except (KeyError, IndexError, ValueError, UploadRefused):
            raise _invalid() from None
        expected = self._signature(part, expires)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
            raise _invalid()
        if now.timestamp() > expires:
            raise UploadLinkExpired("Ask for a new upload address; the file is still needed.")
        return part

    def _signature(self, part: DeclaredPart, expires: int) -> str:
        # Newlines cannot occur in any signed part, so no two different uploads share one text.
        of = part.of
        told = (of.key, of.size, of.content_type, of.sender, part.number, part.sha256, expires)
        text = "\n".join(("PUT", *map(str, told)))
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()


def required_headers(part: DeclaredPart) -> dict[str, str]:
    """The headers that belong to an upload: type, length and, base64 as in S3, the SHA-256."""
    return {
        "Content-Type": part.of.content_type,
        "Content-Length": str(part.size),
        CHECKSUM_HEADER: checksum(part.sha256),
    }


def checksum(sha256: str) -> str:
    """A SHA-256 as S3 writes it: base64 in place of hexadecimal digits."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError("not a whole number")
    return int(text)


def _invalid() -> UploadLinkInvalid:
    return UploadLinkInvalid("Ask for a new upload address and use it unchanged.")
