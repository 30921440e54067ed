"""Puts the company's seal on a PDF: attachments, a certifying PAdES signature, and a timestamp."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import ModuleType

import httpx
from asn1crypto import cms, pem, tsp, x509
from pyhanko.pdf_utils.embed import EmbeddedFileObject, FileSpec, embed_file
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, Signer
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError

from backend.reports.seal.keys import SealFolder, SealKeyMissing

FIELD = "CompanySeal"
TIMESTAMP_TYPE = "application/timestamp-query"
_PATIENCE = 10.0  # seconds
_SIGNATURE_ROOM = 4096
"""Bytes for a signature and what it says of itself, without its certificates and a timestamp."""


@dataclass(frozen=True)
class Sealed:
    """A sealed file; `timestamped_at` None: no authority was asked, or none answered."""

    pdf: bytes
    timestamped_at: datetime | None

    @property
    def sha256(self) -> str:
        """The hash of the whole file, in hexadecimal."""
        return hashlib.sha256(self.pdf).hexdigest()


class HttpTimestamper(TimeStamper):
    """Asks a timestamp authority by RFC 3161 over HTTP."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self._url = url

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """A token over that hash; whatever else the authority sends is TimestampRequestError."""
        try:
            token = await super().async_timestamp(message_digest, md_algorithm)
            stamped = token["content"]["encap_content_info"]["content"].parsed["message_imprint"]
            if stamped["hashed_message"].native != message_digest:
                raise TimestampRequestError("the timestamp authority stamped something else")
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # what the parts of garbage raise
            raise TimestampRequestError(f"the timestamp authority answers garbage: {error}") from error
        return token

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """The authority's answer; raises TimestampRequestError."""
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE) as client:
                headers = {"Content-Type": TIMESTAMP_TYPE}
                answer = await client.post(self._url, content=req.dump(), headers=headers)
            answer.raise_for_status()
            return tsp.TimeStampResp.load(answer.content, strict=True)
        except (httpx.HTTPError, ValueError) as error:
            raise TimestampRequestError(f"the timestamp authority does not answer: {error}") from error


def signer_of(folder: SealFolder, pin: str | None = None) -> Signer:
    """What signs with the key in use, in a file or in hardware (`pin` opens it). Raises SealKeyMissing."""
    key = folder.current()
    if key.token is not None:
        certificate = pem.unarmor(folder.certificate_file(key).read_bytes())[2]
        hardware: Signer = _hardware().token_signer(key.token, x509.Certificate.load(certificate), pin)
        return hardware
    files = str(folder.key_file(key)), str(folder.certificate_file(key))
    signer: Signer | None = signers.SimpleSigner.load(*files)  # type: ignore[no-untyped-call]
    if signer is None:
        raise SealKeyMissing(f"The seal key {key.name[:16]} cannot be read: see {files[0]}")
    return signer


def _hardware() -> ModuleType:
    """The part that needs an optional package, loaded only for a firm that has such a key."""
    try:
        return import_module("backend.reports.seal.token")
    except ImportError as error:
        raise SealKeyMissing(
            "The seal key is in hardware: install what speaks to it, pip install doorstep[pkcs11]"
        ) from error


def seal(
    pdf: bytes,
    attachments: Mapping[str, bytes],
    signer: Signer,
    timestamper: TimeStamper | None,
    *,
    firm: str,
) -> Sealed:
    """The PDF with its attachments under a seal that allows no change.

    Without an answer of the timestamp authority it is sealed all the same: the time can come later.
    """
    try:
        sealed = _signed(pdf, attachments, signer, timestamper, firm)
    except TimestampRequestError:
        sealed, timestamper = _signed(pdf, attachments, signer, None, firm), None
    return Sealed(sealed, None if timestamper is None else _time_in(sealed))


def timestamp_for(sha256: str, timestamper: TimeStamper) -> tuple[str, datetime]:
    """A timestamp token (base64) over a file's hash, and its time. Raises TimestampRequestError."""
    token = asyncio.run(timestamper.async_timestamp(bytes.fromhex(sha256), "sha256"))
    return base64.b64encode(token.dump()).decode(), time_of(token)


def time_of(token: cms.ContentInfo) -> datetime:
    """When the authority says it was."""
    moment: datetime = token["content"]["encap_content_info"]["content"].parsed["gen_time"].native
    return moment


def _signed(
    pdf: bytes,
    attachments: Mapping[str, bytes],
    signer: Signer,
    timestamper: TimeStamper | None,
    firm: str,
) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    for name, content in attachments.items():
        kind = "application/json" if name.endswith(".json") else "application/jose"
        stored = EmbeddedFileObject.from_file_data(writer, content, mime_type=kind)
        embed_file(writer, FileSpec(file_spec_string=name, embedded_data=stored))
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=f"Issued by {firm}",
        name=firm,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    out = io.BytesIO()
    # In a loop of its own: the library would look for one that is running in this thread.
    asyncio.run(
        signers.async_sign_pdf(
            writer,
            metadata,
            signer,
            timestamper=timestamper,
            bytes_reserved=_room_for(signer) if timestamper is None else None,
            output=out,
        )
    )
    return out.getvalue()


def _room_for(signer: Signer) -> int:
    """How many hexadecimal digits to leave in the file; the library would sign once more to know."""
    certificates = {certificate.dump() for certificate in signer.cert_registry}
    if signer.signing_cert is not None:
        certificates.add(signer.signing_cert.dump())
    return 2 * (_SIGNATURE_ROOM + sum(map(len, certificates)))


def _time_in(pdf: bytes) -> datetime | None:
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures
    stamps = [
        attribute["values"][0]
        for attribute in signature.signer_info["unsigned_attrs"] or ()
        if attribute["type"].native == "signature_time_stamp_token"
    ]
    return time_of(stamps[0]) if stamps else None
