"""Sealed documents and addenda as they travel."""

from enum import StrEnum

from marshmallow import fields

from schemas.base import (
    Count,
    Enumeration,
    Id,
    Instant,
    PageQuery,
    RecordShape,
    Shape,
    Text,
)
from schemas.reports import LONGEST_PROSE, SealState


class TimestampState(StrEnum):
    """Whether a third party says when a sealed document existed; `none` when the firm asks no authority."""

    NONE = "none"
    PENDING = "pending"
    GIVEN = "given"


class Standing(StrEnum):
    """Whether a sealed document is the last word on its visit."""

    CURRENT = "current"
    SUPERSEDED = "superseded"


class DocumentKind(StrEnum):
    """What the company seals."""

    REPORT = "report"
    ADDENDUM = "addendum"


class SealingBody(Shape):
    """A sealed document: whether it is the last word, and since when it exists. Nothing personal."""

    kind = Enumeration(DocumentKind, dump_only=True)
    sha256 = fields.String(dump_only=True)
    fingerprint = fields.String(dump_only=True)
    number = Count(dump_only=True, max=2**40)
    sealed_at = Instant(dump_only=True)
    standing = Enumeration(Standing, dump_only=True)
    timestamp = Enumeration(TimestampState, dump_only=True)
    timestamped_at = Instant(dump_only=True, allow_none=True)


class ReportSealBody(Shape):
    """How far a report is from its seal, in words (HTTP only), and what has been sealed of it, in order."""

    seal_state = Enumeration(SealState, dump_only=True)
    waiting_for = fields.List(fields.String(), dump_only=True)
    documents = fields.List(fields.Nested(SealingBody), dump_only=True)


class AddReportAddendum(Shape):
    """Something to be said about an issued report; it is sealed after it and sent to the customer."""

    id = Id()
    report_id = Id(required=True)
    text = Text(required=True, max=LONGEST_PROSE)


class ReportAddendumBody(RecordShape):
    """An addendum; `sealed_at` is null until the company's seal is on it."""

    report_id = Id(dump_only=True)
    number = Count(dump_only=True)
    text = fields.String(dump_only=True)
    written_by = Id(dump_only=True)
    created_at = Instant(dump_only=True)
    sealed_at = Instant(dump_only=True, allow_none=True)


class ReportAddendumQuery(PageQuery):
    """Which addenda: those of one report."""

    report_id = Id()
