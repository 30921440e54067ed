"""The service report as a whole: written, frozen, signed or not, and issued by itself."""

from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.attachments.queries import media_of_visit, unexamined_among
from backend.db.unit_of_work import UnitOfWork
from backend.reports.evidence import EvidenceFields, take_evidence
from backend.reports.models import ReportMedia, ReportRelease, ServiceReport
from backend.reports.queries import (
    SEAL_MESSAGE,
    draft_state,
    locked_report_of_visit,
    manifest_states,
    release_of,
    standing_charges,
    visit_of,
)
from backend.reports.rules import (
    Claimed,
    ReportVerb,
    SignedManifest,
    check_ready,
    check_releasable,
    next_status,
)
from backend.reports.standing import check_written, editable_report, report_in_the_field
from backend.visits.queries import visit_by_id
from backend.visits.steps import touch_by_work
from schemas.attachments import MediaKind, MediaState
from schemas.manifest import Ending
from schemas.reports import SealState, SignerRole

SIGNATURE = frozenset({MediaKind.SIGNATURE})
DECLARED = frozenset(MediaState) - {MediaState.REJECTED}
HERE = frozenset({MediaState.STORED})


class Prose(TypedDict, total=False):
    """What the technician writes; absent keys stay."""

    findings: str | None
    work_done: str | None


@requires("service_report:write")
def write_service_report(
    uow: UnitOfWork,
    actor: Actor,
    report_id: UUID,
    *,
    occurred_at: datetime | None = None,
    **prose: Unpack[Prose],
) -> ServiceReport:
    """Write findings and work done. Raises ReportNotFound, WorkAfterRevocation, ReportSealed."""
    report = editable_report(uow, actor, visit_of(uow.session, ServiceReport, report_id))
    for name, value in prose.items():
        setattr(report, name, value)
    return report


@requires("service_report:freeze")
def freeze_service_report(
    uow: UnitOfWork, actor: Actor, report_id: UUID, *, occurred_at: datetime | None = None
) -> ServiceReport:
    """End the draft before the customer sees it. Raises ReportNotReady with all that is open."""
    report = report_in_the_field(uow, actor, visit_of(uow.session, ServiceReport, report_id))
    frozen = next_status(report.status, ReportVerb.FREEZE)
    check_ready(draft_state(uow.session, report))
    report.status = frozen
    report.frozen_at = occurred_at or uow.now
    return report


@requires("service_report:sign")
def sign_service_report(
    uow: UnitOfWork,
    actor: Actor,
    report_id: UUID,
    *,
    signer_name: str,
    signer_role: SignerRole,
    signature_media_id: UUID,
    evidence: EvidenceFields | None = None,
    occurred_at: datetime | None = None,
) -> ServiceReport:
    """The customer signs, and with it approves the charges.

    Raises ReportNotFrozen, ReportTransitionRefused, SignatureUnusable, ReportNotFound, WorkAfterRevocation;
    EvidenceMissing and EvidenceRefused when the phone's own signature is not right.
    """
    report = report_in_the_field(uow, actor, visit_of(uow.session, ServiceReport, report_id))
    signed = next_status(report.status, ReportVerb.SIGN)
    check_written(uow, report.visit_id, signature_media_id, SIGNATURE)
    claimed = Claimed(Ending.SIGNED, None, signer_name, signer_role, signature_media_id)
    manifest = take_evidence(uow, actor, report, claimed, evidence)
    report.status = signed
    report.signer_name = signer_name
    report.signer_role = signer_role
    report.signature_media_id = signature_media_id
    for charge in standing_charges(uow.session, report.id):
        charge.approved = True
    return _close(uow, actor, report, occurred_at, _named_by(manifest))


@requires("service_report:refuse")
def refuse_service_report(
    uow: UnitOfWork,
    actor: Actor,
    report_id: UUID,
    *,
    reason: str,
    evidence: EvidenceFields | None = None,
    occurred_at: datetime | None = None,
) -> ServiceReport:
    """The customer will not sign. Raises as `sign_service_report`."""
    report = report_in_the_field(uow, actor, visit_of(uow.session, ServiceReport, report_id))
    refused = next_status(report.status, ReportVerb.REFUSE)
    manifest = take_evidence(uow, actor, report, Claimed(Ending.REFUSED, reason), evidence)
    report.status = refused
    report.refusal_reason = reason
    return _close(uow, actor, report, occurred_at, _named_by(manifest))


@requires("service_report:mark_absent")
def mark_absent_service_report(
    uow: UnitOfWork,
    actor: Actor,
    report_id: UUID,
    *,
    reason: str,
    evidence: EvidenceFields | None = None,
    occurred_at: datetime | None = None,
) -> ServiceReport:
    """Nobody is there to sign. Raises as `sign_service_report`."""
    report = report_in_the_field(uow, actor, visit_of(uow.session, ServiceReport, report_id))
    absent = next_status(report.status, ReportVerb.MARK_ABSENT)
    manifest = take_evidence(uow, actor, report, Claimed(Ending.ABSENT, reason), evidence)
    report.status = absent
    report.absence_reason = reason
    return _close(uow, actor, report, occurred_at, _named_by(manifest))


@requires("service_report:close")
def close_service_report(uow: UnitOfWork, actor: Actor, report_id: UUID, *, reason: str) -> ServiceReport:
    """The office closes the report in the customer's and the technician's place: the phone is lost, say.

    Nobody's signature or consent is made up: the report is `unanswered`, with the reason. To it belong the
    files that are here; those that a lost phone only announced would keep it from being issued for ever.
    Raises ReportTransitionRefused when it is closed already, ReportNotFound.
    """
    report = report_in_the_field(uow, actor, visit_of(uow.session, ServiceReport, report_id))
    report.status = next_status(report.status, ReportVerb.CLOSE)
    report.office_reason = reason
    report.frozen_at = report.frozen_at or uow.now
    here = [medium.id for medium in media_of_visit(uow.session, report.visit_id) if medium.state in HERE]
    return _close(uow, actor, report, None, frozenset(here))


@requires("service_report:release")
def release_service_report(uow: UnitOfWork, actor: Actor, report_id: UUID, *, reason: str) -> ServiceReport:
    """The office has a closed report issued though files of it will never come, and says why, on paper.

    Their hashes stay in it: a file that turns up can still be held against what the phone signed.
    Raises ReportTransitionRefused when nothing is missing or it was released before, ReportNotFound.
    """
    report = locked_report_of_visit(uow.session, visit_of(uow.session, ServiceReport, report_id))
    assert report is not None, "it was found by its id"
    released = release_of(uow.session, report_id) is not None
    check_releasable(report.status, report.media_expected - report.media_stored, released=released)
    touch_by_work(uow, actor, visit_by_id(uow.session, report.visit_id))
    uow.add(ReportRelease(report_id=report_id, reason=reason, released_by=actor.doer_id, released_at=uow.now))
    seal_when_complete(uow, report)
    return report


def seal_when_complete(uow: UnitOfWork, report: ServiceReport) -> None:
    """Count the files of a closed report that have arrived, and ask for its seal when none is missing,
    or the office said that it is issued without.

    And not before each was looked at: what is printed are the pictures made of them, and nothing that a
    scanner objects to. The seal is made after this transaction (`backend.reports.sealing`); with it the
    report is issued.
    """
    states = manifest_states(uow.session, report.id)
    report.media_expected = len(states)
    report.media_stored = sum(state is MediaState.STORED for state in states.values())
    complete = report.media_stored == report.media_expected or release_of(uow.session, report.id) is not None
    if complete and report.seal_state is SealState.NONE:
        report.seal_state = SealState.DUE
    here = [media_id for media_id, state in states.items() if state is MediaState.STORED]
    if report.seal_state is SealState.DUE and not unexamined_among(uow.session, here):
        uow.post(SEAL_MESSAGE, {"report_id": str(report.id)}, key=str(report.id))
        uow.hasten(SEAL_MESSAGE, key=str(report.id))  # it may have been tried without a scan, and put off
    uow.flush()


def _named_by(manifest: SignedManifest | None) -> frozenset[UUID] | None:
    return None if manifest is None else frozenset(medium.id for medium in manifest.media)


def _close(
    uow: UnitOfWork,
    actor: Actor,
    report: ServiceReport,
    occurred_at: datetime | None,
    belonging: frozenset[UUID] | None = None,
) -> ServiceReport:
    """Write down the files that belong to this report, by hash, from now on for ever.

    They are those that the phone signed, or all that were announced when nothing was signed.
    """
    report.closed_at = occurred_at or uow.now
    report.closed_by = actor.user_id
    uow.flush()
    uow.add_all(
        ReportMedia(
            id=uow.mint_id(),
            report_id=report.id,
            media_id=medium.id,
            kind=medium.kind,
            sha256=medium.sha256,
            size=medium.size,
        )
        for medium in media_of_visit(uow.session, report.visit_id)
        if (medium.state in DECLARED if belonging is None else medium.id in belonging)
    )
    seal_when_complete(uow, report)
    return report
