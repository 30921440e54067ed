"""The manifest that a phone signs when a report is closed: form `service-report/1`."""

from __future__ import annotations

from enum import StrEnum

from marshmallow import fields, validate

from schemas.attachments import MediaKind
from schemas.base import JSON_SAFE_INTEGER, Count, Enumeration, Id, Instant, Shape, Verbatim
from schemas.reports import SignerRole

KIND = "doorstep-report-manifest"
FORM = "service-report/1"
"""Names the shape of manifest and answers: whoever changes it takes another number."""
JWS_TYPE = "doorstep-manifest"
LONGEST_SENTENCE = 2_000


class Ending(StrEnum):
    """How the customer's part of a report ended."""

    SIGNED = "signed"
    REFUSED = "refused"
    ABSENT = "absent"


def _hash(*, required: bool = True, allow_none: bool = False) -> fields.String:
    return fields.String(
        required=required, allow_none=allow_none, validate=validate.Regexp(r"\A[0-9a-f]{64}\Z")
    )


class ManifestMedium(Shape):
    """One file as the phone holds it."""

    id = Id(required=True)
    kind = Enumeration(MediaKind, required=True)
    sha256 = _hash()
    size = Count(required=True, min=1, max=2**40)
    type = Verbatim(required=True, max=100)


class ManifestStatement(Shape):
    """The sentence above the signature, and its language (ISO 639)."""

    text = fields.String(required=True, validate=validate.Length(1, LONGEST_SENTENCE))
    language = Verbatim(required=True, max=35)


class ManifestSigner(Shape):
    """Who signed, and as whom."""

    name = fields.String(required=True, validate=validate.Length(1, 400))
    role = Enumeration(SignerRole, required=True)


class ManifestSignature(Shape):
    """The customer's hand: the file, and its hash as strokes or as an image."""

    medium = Id(required=True)
    strokes_sha256 = _hash(allow_none=True)
    image_sha256 = _hash(allow_none=True)


class ManifestClock(Shape):
    """What the phone knew of the time: its own, when it last heard the server, how far it was ahead then."""

    device = Instant(required=True)
    last_contact = Instant(required=True, allow_none=True)
    ahead_milliseconds = Count(required=True, allow_none=True, min=-JSON_SAFE_INTEGER, max=JSON_SAFE_INTEGER)


class ReportManifestShape(Shape):
    """The whole manifest; every member is there, null where there is nothing to say."""

    kind = fields.String(required=True, validate=validate.Equal(KIND))
    form = fields.String(required=True, validate=validate.Equal(FORM))
    report = Id(required=True)
    visit = Id(required=True)
    technician = Id(required=True)
    device = Id(required=True)
    key = Verbatim(required=True, max=100)
    ending = Enumeration(Ending, required=True)
    reason = fields.String(required=True, allow_none=True, validate=validate.Length(max=8_000))
    statement = fields.Nested(ManifestStatement, required=True, allow_none=True)
    signer = fields.Nested(ManifestSigner, required=True, allow_none=True)
    signature = fields.Nested(ManifestSignature, required=True, allow_none=True)
    answers_sha256 = _hash()
    media = fields.List(fields.Nested(ManifestMedium), required=True, validate=validate.Length(max=1_000))
    clock = fields.Nested(ManifestClock, required=True)
    previous = _hash(allow_none=True)
