"""Media records as they travel: what a device registers, and what everybody may read about a file."""

from enum import StrEnum

from marshmallow import fields, validate

from schemas.base import (
    Count,
    Enumeration,
    Id,
    Instant,
    Latitude,
    Line,
    Longitude,
    PageQuery,
    QueryShape,
    RecordShape,
    Shape,
)

LARGEST_DECLARED = 2**40
"""Bytes; beyond it a number is a mistake. What is really taken is much less and depends on the kind."""


class MediaKind(StrEnum):
    """What a file shows; `signature` is an image of ink or the strokes themselves."""

    BEFORE = "before"
    AFTER = "after"
    SIGNATURE = "signature"
    DOCUMENT = "document"
    OTHER = "other"


class MediaState(StrEnum):
    """Whether the bytes are here: not yet, whole and checked, or refused with a reason."""

    EXPECTED = "expected"
    STORED = "stored"
    REJECTED = "rejected"


class ScanResult(StrEnum):
    """What a virus scanner said of a file. Nobody has looked at one that is `unscanned`: it is not clean."""

    UNSCANNED = "unscanned"
    CLEAN = "clean"
    INFECTED = "infected"


class PicturesState(StrEnum):
    """The thumbnail and the copy for customers: still to be made, made, none of this type, or why not."""

    DUE = "due"
    MADE = "made"
    NONE = "none"
    FAILED = "failed"


class RegisterMedia(Shape):
    """What a device says about a file, before or without its bytes.

    `sha256` is 64 lower-case hexadecimal digits, `size` is in bytes; `taken_at` is the device's clock, absent
    means the moment of the mutation. Latitude and longitude come together or not at all.
    """

    visit_id = Id(required=True)
    kind = Enumeration(MediaKind, required=True)
    sha256 = fields.String(required=True, validate=validate.Regexp(r"\A[0-9a-f]{64}\Z"))
    size = Count(required=True, min=1, max=LARGEST_DECLARED)
    content_type = Line(required=True, max=100)
    taken_at = Instant()
    latitude = Latitude(allow_none=True)
    longitude = Longitude(allow_none=True)


class NewMedia(RegisterMedia):
    """The same over HTTP, where the client may mint the id."""

    id = Id()


class MediaBody(RecordShape):
    """One file. `stored` with `stored_at` is the receipt on which a device may delete its copy."""

    visit_id = Id(dump_only=True)
    registered_by = Id(dump_only=True)
    kind = Enumeration(MediaKind, dump_only=True)
    sha256 = fields.String(dump_only=True)
    size = Count(dump_only=True, min=1, max=LARGEST_DECLARED)
    content_type = fields.String(dump_only=True)
    taken_at = Instant(dump_only=True)
    latitude = Latitude(dump_only=True, allow_none=True)
    longitude = Longitude(dump_only=True, allow_none=True)
    state = Enumeration(MediaState, dump_only=True)
    stored_at = Instant(dump_only=True, allow_none=True)
    reason = fields.String(dump_only=True, allow_none=True)


class ExaminationBody(RecordShape):
    """What was found when the bytes of a stored file were looked at, and what was made of them.

    `finding`: the scanner's name for what it found; such a file is served to nobody. `reason`: why there are
    no pictures. `width`, `height`: of the original, upright, in pixels.
    """

    media_id = Id(dump_only=True)
    scan = Enumeration(ScanResult, dump_only=True)
    scanned_at = Instant(dump_only=True, allow_none=True)
    finding = fields.String(dump_only=True, allow_none=True)
    pictures = Enumeration(PicturesState, dump_only=True)
    reason = fields.String(dump_only=True, allow_none=True)
    width = Count(dump_only=True, allow_none=True)
    height = Count(dump_only=True, allow_none=True)
    examined_at = Instant(dump_only=True, allow_none=True)


class ExaminationQuery(PageQuery):
    """Which examinations: of this medium, with this result of the scan, with pictures in this state."""

    media_id = Id()
    scan = Enumeration(ScanResult)
    pictures = Enumeration(PicturesState)


class MediaQuery(PageQuery):
    """Which files: of one visit, in one state."""

    visit_id = Id()
    state = Enumeration(MediaState)


class SignedAddress(QueryShape):
    """The query of a signed upload address; only the signature decides whether it is worth anything."""

    size = Line(required=True, max=12)
    type = Line(required=True, max=100)
    sender = Line(max=32, allow_empty=True, load_default="")
    part = Line(required=True, max=12)
    hash = Line(required=True, max=64)
    expires = Line(required=True, max=12)
    signature = Line(required=True, max=64)
