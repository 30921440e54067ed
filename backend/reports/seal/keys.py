"""The company's seal keys: a folder with the one in use, those before it, and what became of each.

A key is replaced by making the next one; documents sealed with it stay good. A key that somebody else may
have is revoked: then only a timestamp from before that moment still speaks for what it sealed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from schemas.base import write_instant

INDEX = "keys.json"
LIFE = timedelta(days=20 * 365)
"""How long a certificate is good: what is sealed today is to be checked for as long as anybody asks."""


class SealKeyMissing(Exception):
    """There is no key to seal with; the message says how to make one."""


@dataclass(frozen=True)
class SealKey:
    """A key by the SHA-256 of its certificate (hexadecimal); moments as RFC 3339 text, None: not so.

    `token` is a PKCS#11 URI for a key in hardware, None for one in a file.
    """

    name: str
    created_at: str
    retired_at: str | None = None
    revoked_at: str | None = None
    token: str | None = None


@dataclass(frozen=True)
class SealFolder:
    """Where the keys are: `keys.json`, and for each key `<name>.pem` (certificate) and `<name>.key`."""

    path: Path

    def all_keys(self) -> Sequence[SealKey]:
        """All keys, the oldest first; none when the folder is not there."""
        index = self.path / INDEX
        if not index.exists():
            return ()
        return tuple(SealKey(**key) for key in json.loads(index.read_text()))

    def current(self) -> SealKey:
        """The key in use. Raises SealKeyMissing."""
        for key in reversed(self.all_keys()):
            if key.retired_at is None and key.revoked_at is None:
                return key
        raise SealKeyMissing("There is no seal key. Make one: doorstep seal-key create")

    def certificate_file(self, key: SealKey) -> Path:
        """The certificate as PEM."""
        return self.path / f"{key.name}.pem"

    def key_file(self, key: SealKey) -> Path:
        """The private key as PEM (PKCS 8), readable by its owner only."""
        return self.path / f"{key.name}.key"

    def certificates(self) -> bytes:
        """The certificates of all keys that were not revoked, as PEM: what others need to check a seal."""
        good = [key for key in self.all_keys() if key.revoked_at is None]
        return b"".join(self.certificate_file(key).read_bytes() for key in good)

    def create(self, firm: str, now: datetime) -> SealKey:
        """Make a key and its self-signed certificate for the firm, and retire the one before."""
        private = generate_private_key(SECP256R1())
        certificate = _certificate(private, firm)
        key = SealKey(certificate.fingerprint(SHA256()).hex(), write_instant(now))
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(self.key_file(key), secret, 0o600)
        _write(self.certificate_file(key), certificate.public_bytes(Encoding.PEM), 0o644)
        self._keep([*(_retired(old, write_instant(now)) for old in self.all_keys()), key])
        return key

    def adopt(
        self, certificate: x509.Certificate, secret: bytes | None, now: datetime, token: str | None = None
    ) -> SealKey:
        """Take a certificate that somebody else issued, with its key (PEM), or with the `token` that has it.

        Raises SealKeyMissing for a token that is none.
        """
        if token is not None:
            token_of(token)
        key = SealKey(certificate.fingerprint(SHA256()).hex(), write_instant(now), token=token)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if secret is not None:
            _write(self.key_file(key), secret, 0o600)
        _write(self.certificate_file(key), certificate.public_bytes(Encoding.PEM), 0o644)
        before = [_retired(old, write_instant(now)) for old in self.all_keys() if old.name != key.name]
        self._keep([*before, key])
        return key

    def revoke(self, name: str, now: datetime) -> SealKey:
        """Say that since now nobody may trust what that key seals. Raises SealKeyMissing."""
        known = {key.name: key for key in self.all_keys()}
        matching = [key for key in known if key.startswith(name)]
        if len(matching) != 1 or not name:
            raise SealKeyMissing(f"There is no one key {name!r}. List them: doorstep seal-key list")
        key = known[matching[0]]
        known[key.name] = replace(key, revoked_at=key.revoked_at or write_instant(now))
        self._keep(list(known.values()))
        return known[key.name]

    def _keep(self, keys: Sequence[SealKey]) -> None:
        _write(self.path / INDEX, json.dumps([asdict(key) for key in keys], indent=1).encode(), 0o600)


def token_of(uri: str) -> dict[str, str]:
    """`token`, `object` and `module-path` in a PKCS#11 URI (RFC 7512). Raises SealKeyMissing."""
    scheme, _, rest = uri.partition(":")
    path, _, query = rest.partition("?")
    named = {name: unquote(value) for name, _, value in (part.partition("=") for part in path.split(";"))}
    named |= dict(parse_qsl(query))
    missing = {"token", "object", "module-path"} - {name for name, value in named.items() if value}
    if scheme != "pkcs11" or missing:
        raise SealKeyMissing(f"{uri!r} is not pkcs11:token=…;object=…?module-path=… (RFC 7512).")
    return named


def _retired(key: SealKey, at: str) -> SealKey:
    return key if key.retired_at is not None else replace(key, retired_at=at)


def _certificate(private: EllipticCurvePrivateKey, firm: str) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, firm[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{firm[:52]} report seal"),
        ]
    )
    # By the machine's own clock: whoever checks the seal has no other.
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    return builder.sign(private, SHA256())


def _write(path: Path, content: bytes, mode: int) -> None:
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
