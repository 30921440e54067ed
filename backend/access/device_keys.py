"""Keys of phones: once registered, a refresh token is worth nothing without a signature by the key.

The same key signs what the customer was shown: the manifest of a report, as a detached JWS.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
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


def key_name(public_key: str) -> str:
    """What a key is called: its thumbprint (RFC 7638, SHA-256, base64url). Raises DeviceKeyUnusable."""
    jwk = json.dumps(public_jwk(public_key), separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(jwk.encode()).digest())


def public_jwk(public_key: str) -> dict[str, str]:
    """The key as a JWK (RFC 7517), for whoever checks a signature without us. Raises DeviceKeyUnusable."""
    key = _load(public_key)
    if key is None:
        raise DeviceKeyUnusable
    numbers = key.public_numbers()
    x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def verify_detached(public_key: str, jws: str, payload: bytes, header: Mapping[str, str]) -> bool:
    """Whether `jws` (`protected..signature`, ES256) is the key's signature of `payload`, with that header.

    There is one way to write each part: anything else is no signature.
    """
    key = _load(public_key)
    protected, separator, signature = jws.partition("..")
    expected = _base64url(json.dumps(header, separators=(",", ":"), sort_keys=True).encode())
    if key is None or not separator or protected != expected:
        return False
    try:
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        if len(raw) != 64 or _base64url(raw) != signature:
            return False
        encoded = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(encoded, f"{protected}.{_base64url(payload)}".encode(), ECDSA(SHA256()))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
