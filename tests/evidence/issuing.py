"""A press in this process, a timestamp authority that can be down, and issuing what is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper, TimeStamper, TimestampRequestError

from backend.access.permissions import SYSTEM
from backend.app import Wiring, sealer_of
from backend.attachments.actions import note_examination
from backend.attachments.rules import EXAMINE, Findings
from backend.outbox.rules import Lane
from backend.outbox.sending import send_due
from backend.outbox.transports import Outgoing, Transport
from backend.reports.seal.keys import SealFolder
from backend.reports.seal.press import Press
from backend.reports.seal.pressing import Pressing, checked
from backend.reports.seal.verifying import Trust, trust_of

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


class Authority(TimeStamper):
    """A timestamp authority with a certificate of its own; while `down` it answers nobody."""

    def __init__(self, name: str = "Time for Tests") -> None:
        super().__init__()
        key, certificate = _authority(name)
        self.pem = certificate.public_bytes(Encoding.PEM)
        self.down = False
        self._dummy = DummyTimeStamper(
            asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
            asn1_keys.PrivateKeyInfo.load(
                key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            ),
        )

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        if self.down:
            raise TimestampRequestError("the authority does not answer")
        return await self._dummy.async_request_tsa_response(req)


@dataclass
class House:
    """A firm that seals: its keys, its authority, and the mails that went out."""

    wiring: Wiring
    folder: SealFolder
    authority: Authority | None = None
    mails: list[dict[str, Any]] = field(default_factory=list)
    examine: Transport | None = None
    """Who looks at files; without one each is as if somebody had looked, and had made no picture of it."""

    def press(self) -> Pressing:
        press = Press(self.folder, self.authority)
        return lambda job: checked(press.do(job))

    def issue(self, pressing: Pressing | None = None) -> int:
        """Carry out everything that is due; the number of messages that went through."""
        transports = sealer_of(self.wiring, pressing or self.press()).transports()
        slow = {EXAMINE: self.examine or self._look, **transports}
        issued = send_due(self.wiring.factory, slow, lane=Lane.SLOW)
        return issued + send_due(self.wiring.factory, {"mail": self._mail})

    def _look(self, message: Outgoing) -> None:
        with self.wiring.factory.begin() as uow:
            note_examination(uow, SYSTEM, UUID(message.key.partition("/")[0]), found=Findings())

    def trust(self) -> Trust:
        return trust_of(self.folder, b"" if self.authority is None else self.authority.pem)

    def _mail(self, message: Outgoing) -> None:
        self.mails.append(message.payload)


def a_house(wiring: Wiring, authority: Authority | None = None, *, key: bool = True) -> House:
    house = House(wiring, SealFolder(wiring.settings.seal_folder), authority)
    if key:
        house.folder.create("Hearth & Home", NOW)
    return house


def a_folder(path: Path) -> SealFolder:
    folder = SealFolder(path)
    folder.create("Hearth & Home", NOW)
    return folder


@cache
def _authority(name: str) -> tuple[RSAPrivateKey, x509.Certificate]:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return key, builder.sign(key, SHA256())


Made = Callable[..., House]
