"""Whether a file is what the company issued: everything that has to hold, and in words what does not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from asn1crypto import cms, pem, x509
from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import (
    PdfSignatureStatus,
    SignatureCoverageLevel,
    TimestampSignatureStatus,
)
from pyhanko_certvalidator import ValidationContext

from backend.reports.seal.content import FORMS, REPORT, canonical, fingerprint_of
from backend.reports.seal.envelope import AuthorityUnknown, EnvelopeRefused, check_container, check_token
from backend.reports.seal.keys import SealFolder
from backend.reports.seal.signed import signed_faults

# It logs at length whatever is wrong with a file; here that is a verdict, and told to whoever asked.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Trust:
    """Whose seals and timestamps are believed.

    `revoked`: since when a certificate (SHA-256 in hexadecimal) is not trusted any more.
    """

    seals: Sequence[x509.Certificate]
    authorities: Sequence[x509.Certificate] = ()
    revoked: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What was found. `faults` names what is wrong; `content` is what the file says of itself.

    `unknown_authority`: who vouches for the timestamp, when that is nobody of `Trust.authorities`. Whether
    the stamp is good can then not be said here; `timestamped_at` is what it claims.
    """

    sha256: str
    faults: Sequence[str]
    content: Mapping[str, Any] | None = None
    fingerprint: str | None = None
    timestamped_at: datetime | None = None
    unknown_authority: str | None = None

    @property
    def genuine(self) -> bool:
        """Whether everything holds."""
        return not self.faults and self.unknown_authority is None


def trust_of(folder: SealFolder, authorities: bytes = b"") -> Trust:
    """The company's own certificates, and the authorities in that PEM text."""
    keys = folder.all_keys()
    files = [folder.certificate_file(key).read_bytes() for key in keys]
    seals = [certificate for file in files for certificate in certificates_in(file)]
    revoked = {key.name: datetime.fromisoformat(key.revoked_at) for key in keys if key.revoked_at is not None}
    return Trust(seals, certificates_in(authorities), revoked)


def certificates_in(text: bytes) -> list[x509.Certificate]:
    """The certificates in a PEM text. Raises ValueError for anything else."""
    if not text.strip():
        return []
    return [x509.Certificate.load(der) for _, _, der in pem.unarmor(text, multiple=True)]


def verify(file: bytes, trust: Trust) -> Verdict:
    """Look at everything that can be looked at without asking anybody. Never raises for a bad file."""
    sha256 = hashlib.sha256(file).hexdigest()
    try:
        with io.BytesIO(file) as opened:
            return _verify(file, PdfFileReader(opened), trust, sha256)
    except Exception as error:  # whatever a damaged file makes the libraries raise is a verdict on the file
        return Verdict(sha256, [f"The file cannot be read as a sealed PDF ({type(error).__name__})."])


def _verify(file: bytes, reader: PdfFileReader, trust: Trust, sha256: str) -> Verdict:
    signatures = reader.embedded_signatures
    if len(signatures) != 1:
        return Verdict(sha256, [f"It has {len(signatures)} signatures; a sealed report has one."])
    seal = signatures[0]
    status = asyncio.run(_validated(seal, trust))
    envelope, unknown = _container_faults(file, seal, trust)
    if unknown is not None:
        envelope += _stamp_faults(status)
    faults = [*_seal_faults(status, seal, trust, stamped=unknown is None), *envelope]
    attached = attachments_of(reader)
    content, inner = _content_of(attached)
    return Verdict(
        sha256,
        [*faults, *inner],
        content,
        fingerprint_of(attached[REPORT]) if REPORT in attached else None,
        None if status.timestamp_validity is None else status.timestamp_validity.timestamp,
        unknown,
    )


async def _validated(seal: EmbeddedPdfSignature, trust: Trust) -> PdfSignatureStatus:
    return await async_validate_pdf_signature(
        seal,
        signer_validation_context=ValidationContext(trust_roots=[*trust.seals], allow_fetching=False),
        ts_validation_context=ValidationContext(trust_roots=[*trust.authorities], allow_fetching=False),
    )


def _seal_faults(
    status: PdfSignatureStatus, seal: EmbeddedPdfSignature, trust: Trust, *, stamped: bool
) -> list[str]:
    """What is wrong with the seal; `stamped` is False when its timestamp is not to be judged here."""
    revocation = _revocation_faults(status, trust)
    if not stamped:
        status = replace(status, timestamp_validity=None)
    faults = []
    if not (status.intact and status.valid):
        faults.append("The seal does not fit the file: something in it was changed.")
    if not status.trusted:
        faults.append("The seal is not the company's.")
    if status.modification_level is not ModificationLevel.NONE:
        faults.append("Something was added to the file after it was sealed.")
    if status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        faults.append("The seal does not cover the whole file.")
    if seal.docmdp_level is not MDPPerm.NO_CHANGES:
        faults.append("It is not sealed against changes.")
    if status.timestamp_validity is not None and not status.timestamp_validity.trusted:
        faults.append("The timestamp is not one of an authority that we believe.")
    if not faults and not status.bottom_line:
        faults.append("The seal is not good as a whole.")
    return faults + revocation


def _stamp_faults(status: PdfSignatureStatus) -> list[str]:
    stamp = status.timestamp_validity
    if stamp is not None and stamp.intact and stamp.valid:
        return []
    return ["The timestamp does not fit the seal."]


def _revocation_faults(status: PdfSignatureStatus, trust: Trust) -> list[str]:
    revoked_at = trust.revoked.get(status.signing_cert.sha256.hex())
    if revoked_at is None:
        return []
    stamp = status.timestamp_validity
    if stamp is not None and stamp.trusted and stamp.timestamp < revoked_at:
        return []
    return ["The key of the seal was revoked, and no timestamp shows that it was used before."]


def _container_faults(file: bytes, seal: EmbeddedPdfSignature, trust: Trust) -> tuple[list[str], str | None]:
    """What is wrong with the envelope, and who vouches for its timestamp when no authority is set here.

    Where one is set, anybody else's timestamp is a fault: an unsigned place of the envelope takes any.
    """
    begin, length, end, rest = (int(number) for number in seal.byte_range)
    if begin != 0 or end + rest != len(file):
        return ["The seal does not cover the whole file."], None
    try:
        check_container(file, (length, end), [*trust.seals, *trust.authorities])
    except AuthorityUnknown as unknown:
        if not trust.authorities:
            return [], str(unknown)
        return [
            f"The timestamp is of none of the authorities that are set here; it names {str(unknown)!r}."
        ], None
    except EnvelopeRefused as refused:
        return [f"The seal's envelope was changed: {refused}."], None
    return [], None


def attachments_of(reader: PdfFileReader) -> dict[str, bytes]:
    """The files attached to a PDF, by name."""
    names = reader.root["/Names"]["/EmbeddedFiles"]["/Names"]
    assert isinstance(names, ArrayObject), "a list of names"
    found = {}
    for at in range(0, len(names), 2):
        name, described = names[at], names[at + 1]
        assert isinstance(described, DictionaryObject), "a file specification"
        found[str(name)] = bytes(described["/EF"]["/F"].data)
    return found


def _content_of(attached: Mapping[str, bytes]) -> tuple[Mapping[str, Any] | None, list[str]]:
    if REPORT not in attached:
        return None, ["The data of the report are missing in the file."]
    content = json.loads(attached[REPORT])
    if (
        not isinstance(content, dict)
        or canonical(content) != attached[REPORT]
        or content.get("form") not in FORMS
    ):
        return None, ["The data in the file are not as we write them."]
    return content, signed_faults(content, attached)


def timestamp_of(token: str, sha256: str, trust: Trust) -> datetime | None:
    """The time in a token (base64) that came later, over a file's hash; None when it is not good.

    Raises AuthorityUnknown when it may be good, and no authority is set to judge it by.
    """
    digest = bytes.fromhex(sha256)
    unknown: AuthorityUnknown | None = None
    try:
        info = cms.ContentInfo.load(base64.b64decode(token), strict=True)
        try:
            check_token(info, [certificate.dump() for certificate in trust.authorities])
        except AuthorityUnknown as stranger:
            if trust.authorities:
                return None
            unknown = stranger
        context = ValidationContext(trust_roots=[*trust.authorities], allow_fetching=False)
        checked = asyncio.run(
            validate_tst_signed_data(
                info["content"], context, lambda name: digest if name == "sha256" else b""
            )
        )
        status = TimestampSignatureStatus(**checked)
    except Exception:  # whatever a damaged token makes the libraries raise: it is not good
        return None
    if not (status.intact and status.valid):
        return None
    if unknown is not None:
        raise unknown
    return status.timestamp if status.trusted else None
