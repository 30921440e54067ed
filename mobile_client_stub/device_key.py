"""The phone's own key, without which a refresh token is worth nothing and which signs its reports.

Real phones keep it in hardware.
"""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

PURPOSE = b"doorstep refresh\n"
MANIFEST_TYPE = "doorstep-manifest"
_DETERMINISTIC = ECDSA(SHA256(), deterministic_signing=True)
"""RFC 6979: no dice, which may be bad on a phone; and the same report gets the same signature."""


def new_key(secret: int | None = None) -> str:
    """A new P-256 key pair: PKCS 8, DER, base64. `secret` makes it one that can be made again."""
    curve = SECP256R1()
    key = generate_private_key(curve) if secret is None else derive_private_key(secret, curve)
    return _text(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def public_half(device_key: str) -> str:
    """What the server is told at enrolment: SubjectPublicKeyInfo, DER, base64."""
    return _text(_load(device_key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def proof_of(device_key: str, refresh_token: str) -> str:
    """The signature (ECDSA, SHA-256, base64) that a refresh owes."""
    return _text(_load(device_key).sign(PURPOSE + refresh_token.encode(), _DETERMINISTIC))


def key_name(device_key: str) -> str:
    """What the key is called: the thumbprint of its public half (RFC 7638, SHA-256, base64url)."""
    numbers = _load(device_key).public_key().public_numbers()
    x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    jwk = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    return _base64url(hashlib.sha256(jwk.encode()).digest())


def sign_detached(device_key: str, payload: bytes) -> str:
    """A JWS (ES256) whose payload travels beside it: `header..signature`."""
    header = {"alg": "ES256", "kid": key_name(device_key), "typ": MANIFEST_TYPE}
    protected = _base64url(json.dumps(header, separators=(",", ":"), sort_keys=True).encode())
    signed = f"{protected}.{_base64url(payload)}".encode()
    r, s = decode_dss_signature(_load(device_key).sign(signed, _DETERMINISTIC))
    return f"{protected}..{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _load(device_key: str) -> EllipticCurvePrivateKey:
    key = load_der_private_key(base64.b64decode(device_key), password=None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("the phone's key is no elliptic curve key")
    return key


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
