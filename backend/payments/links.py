"""The key to one payment request: derived from the process's secret, stored as a hash only."""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID


class PaymentLinks:
    """Makes the token of a request's page: derived, so that it can be mailed again without being kept."""

    def __init__(self, key: bytes, public_url: str) -> None:
        self._key = key
        self._public_url = public_url.rstrip("/")

    def token_of(self, request_id: UUID) -> str:
        """The token: 256 bits that only this process can derive."""
        digest = hmac.new(self._key, request_id.bytes, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def address_of(self, request_id: UUID) -> str:
        """The address of the customer's page."""
        return f"{self._public_url}/p/{self.token_of(request_id)}"


def link_hash(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
