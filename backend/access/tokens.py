"""Opaque tokens and codes: how they are made, and the hashes under which they are stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 10
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_token() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """SHA-256 in hex; enough for what has 256 random bits, or 50 and ten minutes to live."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def successor(key: bytes, token: str) -> str:
    """The refresh token that follows `token`.

    Derived, not drawn, so that a device whose answer was lost gets the same successor again without the
    server ever storing a token. Only the server can derive it: `key` never leaves it.
    """
    digest = hmac.new(key, token.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def new_code() -> str:
    """A code to be typed: ten letters without look-alikes (50 bits), written `ABCDE-FGHJK`."""
    letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    return f"{letters[:5]}-{letters[5:]}"


def plain_code(typed: str) -> str:
    """A typed code as it was meant: upper case, without dashes and spaces, look-alikes read as digits."""
    return typed.upper().translate(_LOOK_ALIKES)
