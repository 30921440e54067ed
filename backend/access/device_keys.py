"""Keys of phones: once registered, a refresh token is worth nothing without a signature by the key."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from schemas.errors import DomainError

_SIGNED_PREFIX = b"doorstep refresh\n"


class DeviceKeyUnusable(DomainError):
    """The key is not an ECDSA P-256 public key, the one kind that the key stores of all phones can hold."""

    title = "This device key cannot be used."


def check_key(public_key: str) -> None:
    """Raise DeviceKeyUnusable unless `public_key` is base64 of the DER of a P-256 public key."""
    if _load(public_key) is None:
        raise DeviceKeyUnusable("Send base64 of the SubjectPublicKeyInfo (DER) of an ECDSA P-256 key.")


def is_signed(public_key: str, refresh_token: str, proof: str | None) -> bool:
    """Whether `proof` is base64 of the key's signature (ECDSA with SHA-256) over what `signed_text` gives."""
    key = _load(public_key)
    if key is None or proof is None:
        return False
    try:
        signature = base64.b64decode(proof, validate=True)
        key.verify(signature, signed_text(refresh_token), ECDSA(SHA256()))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def signed_text(refresh_token: str) -> bytes:
    """What a phone signs to refresh: a prefix, so that no other signature serves, and the token."""
    return _SIGNED_PREFIX + refresh_token.encode("utf-8", "surrogatepass")


def _load(public_key: str) -> EllipticCurvePublicKey | None:
    try:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return None
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    return None
