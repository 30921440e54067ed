"""Service reports, charges, removed parts and feedback cards as they travel."""

from enum import StrEnum

from marshmallow import fields

from schemas.attachments import MediaKind, MediaState, ScanResult
from schemas.base import (
    Count,
    Currency,
    Enumeration,
    Flag,
    Id,
    Instant,
    Line,
    MinorUnits,
    PageQuery,
    RecordShape,
    Shape,
    Text,
    Verbatim,
)

LONGEST_PROSE = 10_000
LONGEST_MANIFEST = 200_000
LONGEST_ANSWERS = 400_000
LONGEST_SIGNATURE = 1_000


class ReportStatus(StrEnum):
    """Where a service report stands; nothing in it changes once it is frozen."""

    DRAFT = "draft"
    FROZEN = "frozen"
    SIGNED = "signed"
    REFUSED = "refused"
    ABSENT = "absent"
    UNANSWERED = "unanswered"
    ISSUED = "issued"


class SealState(StrEnum):
    """Whether the company's seal is on the report: `due` when all is there and only the seal is missing."""

    NONE = "none"
    DUE = "due"
    SEALED = "sealed"


class SignerRole(StrEnum):
    """As whom somebody signs."""

    CUSTOMER = "customer"
    REPRESENTATIVE = "representative"
    OCCUPANT = "occupant"
    OTHER = "other"


class Disposition(StrEnum):
    """What the customer wants done with a removed part."""

    KEEP = "keep"
    RETURN = "return"
    DISPOSE = "dispose"


class WriteServiceReport(Shape):
    """The technician's prose; what is absent stays."""

    findings = Text(max=LONGEST_PROSE, allow_none=True)
    work_done = Text(max=LONGEST_PROSE, allow_none=True)


class Evidence(Shape):
    """What the customer was shown, signed by the phone before anybody else had it (docs/reports.md).

    `manifest` and `answers` are JSON in canonical form (RFC 8785), `signature` is the detached JWS (ES256) of
    the manifest. A phone that enrolled with a key owes them whenever it closes a report.
    """

    manifest = Verbatim(required=True, max=LONGEST_MANIFEST)
    answers = Verbatim(required=True, max=LONGEST_ANSWERS)
    signature = Verbatim(required=True, max=LONGEST_SIGNATURE)


class SignServiceReport(Shape):
    """Who signed, as whom, and the medium (kind `signature`) that holds the ink."""

    signer_name = Line(required=True, max=200)
    signer_role = Enumeration(SignerRole, required=True)
    signature_media_id = Id(required=True)
    evidence = fields.Nested(Evidence)


class RefuseServiceReport(Shape):
    """Why the customer would not sign."""

    reason = Text(required=True, max=2000)
    evidence = fields.Nested(Evidence)


class MarkAbsentServiceReport(Shape):
    """Why nobody was there to sign."""

    reason = Text(required=True, max=2000)
    evidence = fields.Nested(Evidence)


class CloseServiceReport(Shape):
    """Why the office closes a report that nobody on site can close any more."""

    reason = Text(required=True, max=2000)


class ReleaseServiceReport(Shape):
    """Why a file of a closed report will never come; it is printed in the report."""

    reason = Text(required=True, max=2000)


class ServiceReportBody(RecordShape):
    """A service report. `media_stored` of `media_expected` files have arrived; it is sealed when all have."""

    visit_id = Id(dump_only=True)
    status = Enumeration(ReportStatus, dump_only=True)
    findings = fields.String(dump_only=True, allow_none=True)
    work_done = fields.String(dump_only=True, allow_none=True)
    signer_name = fields.String(dump_only=True, allow_none=True)
    signer_role = Enumeration(SignerRole, dump_only=True, allow_none=True)
    signature_media_id = Id(dump_only=True, allow_none=True)
    refusal_reason = fields.String(dump_only=True, allow_none=True)
    absence_reason = fields.String(dump_only=True, allow_none=True)
    office_reason = fields.String(dump_only=True, allow_none=True)
    frozen_at = Instant(dump_only=True, allow_none=True)
    closed_at = Instant(dump_only=True, allow_none=True)
    issued_at = Instant(dump_only=True, allow_none=True)
    media_expected = Count(dump_only=True)
    media_stored = Count(dump_only=True)
    seal_state = Enumeration(SealState, dump_only=True)


class ServiceReportQuery(PageQuery):
    """Which reports, the oldest first.

    `awaiting_media` are those closed but not issued, because files are missing or were rejected;
    `closed_before` leaves the ones that have waited long enough to be looked into.
    """

    visit_id = Id()
    status = Enumeration(ReportStatus)
    awaiting_media = Flag()
    closed_before = Instant()


class OpenItem(Shape):
    """One thing that must be done before a report may be frozen, and where."""

    code = fields.String(dump_only=True)
    collection = fields.String(dump_only=True)
    id = Id(dump_only=True, allow_none=True)
    detail = fields.String(dump_only=True)


class Readiness(Shape):
    """What still stands between a draft and its freezing (HTTP only); `ready` when nothing does."""

    ready = Flag(dump_only=True)
    open = fields.List(fields.Nested(OpenItem), dump_only=True)


class ManifestEntry(Shape):
    """One file of a closed report, as it was declared then; an infected one is served and printed nowhere."""

    media_id = Id(dump_only=True)
    kind = Enumeration(MediaKind, dump_only=True)
    sha256 = fields.String(dump_only=True)
    size = Count(dump_only=True, max=2**40)
    stored = Flag(dump_only=True)
    state = Enumeration(MediaState, dump_only=True)
    scan = Enumeration(ScanResult, dump_only=True)


class Manifest(Shape):
    """Every file that belongs to a closed report (HTTP only): what is missing is known, not guessed."""

    media_expected = Count(dump_only=True)
    media_stored = Count(dump_only=True)
    entries = fields.List(fields.Nested(ManifestEntry), dump_only=True)


class AddReportCharge(Shape):
    """A charge the customer is asked to approve: `quantity` × `unit_minor` (0 when covered) of `currency`."""

    report_id = Id(required=True)
    description = Line(required=True, max=400)
    part_id = Id(allow_none=True)
    quantity = Count(required=True, min=1, max=10_000)
    unit_minor = MinorUnits(required=True, max=10**9)
    currency = Currency(required=True)


class NewReportCharge(AddReportCharge):
    """The same over HTTP, where the client may mint the id."""

    id = Id()


class ReportChargeBody(RecordShape):
    """One charge; `approved` by the customer's signature."""

    report_id = Id(dump_only=True)
    description = fields.String(dump_only=True)
    part_id = Id(dump_only=True, allow_none=True)
    quantity = Count(dump_only=True)
    unit_minor = MinorUnits(dump_only=True)
    currency = Currency(dump_only=True)
    approved = Flag(dump_only=True)
    withdrawn_at = Instant(dump_only=True, allow_none=True)


class RecordRemovedPart(Shape):
    """A part taken out of the customer's thing. Disposition and consent may follow, but before freezing."""

    visit_id = Id(required=True)
    name = Line(required=True, max=200)
    serial_number = Line(max=100, allow_none=True)
    disposition = Enumeration(Disposition, allow_none=True)
    consented_by = Line(max=200, allow_none=True)


class NewRemovedPart(RecordRemovedPart):
    """The same over HTTP, where the client may mint the id."""

    id = Id()


class SettleRemovedPart(Shape):
    """What the customer wants done with the part, and who said so."""

    disposition = Enumeration(Disposition, required=True)
    consented_by = Line(required=True, max=200)


class RemovedPartBody(RecordShape):
    """One removed part."""

    visit_id = Id(dump_only=True)
    name = fields.String(dump_only=True)
    serial_number = fields.String(dump_only=True, allow_none=True)
    disposition = Enumeration(Disposition, dump_only=True, allow_none=True)
    consented_by = fields.String(dump_only=True, allow_none=True)
    occurred_at = Instant(dump_only=True)


def _score() -> Count:
    return Count(min=1, max=5, allow_none=True, metadata={"description": "1 (bad) to 5 (very good)"})


class FillFeedbackCard(Shape):
    """The customer's card: scores and words, or only that it was offered and declined."""

    punctuality = _score()
    conduct = _score()
    quality = _score()
    cleanliness = _score()
    words = Text(max=4000, allow_none=True)
    declined = Flag()


class FeedbackCardBody(RecordShape):
    """The feedback card of one visit; `offered_at` is null until the customer had it in hand."""

    visit_id = Id(dump_only=True)
    punctuality = Count(dump_only=True, allow_none=True)
    conduct = Count(dump_only=True, allow_none=True)
    quality = Count(dump_only=True, allow_none=True)
    cleanliness = Count(dump_only=True, allow_none=True)
    words = fields.String(dump_only=True, allow_none=True)
    declined = Flag(dump_only=True)
    offered_at = Instant(dump_only=True, allow_none=True)


class OfVisitQuery(PageQuery):
    """Which rows: those of one visit."""

    visit_id = Id()


class ReportChargeQuery(PageQuery):
    """Which charges: those of one report."""

    report_id = Id()


class NoFields(Shape):
    """Everything is said by the name of what is done."""
