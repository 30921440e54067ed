"""The phone's own key, without which a refresh token is worth nothing; real phones keep it in hardware."""

import base64

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

PURPOSE = b"doorstep refresh\n"


def new_key() -> str:
    """A new P-256 key pair: PKCS 8, DER, base64."""
    key = generate_private_key(SECP256R1())
    return _text(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def public_half(device_key: str) -> str:
    """What the server is told at enrolment: SubjectPublicKeyInfo, DER, base64."""
    return _text(_load(device_key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def proof_of(device_key: str, refresh_token: str) -> str:
    """The signature (ECDSA, SHA-256, base64) that a refresh owes."""
    return _text(_load(device_key).sign(PURPOSE + refresh_token.encode(), ECDSA(SHA256())))


def _load(device_key: str) -> EllipticCurvePrivateKey:
    key = load_der_private_key(base64.b64decode(device_key), password=None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("the phone's key is no elliptic curve key")
    return key


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
