"""The body of a sealed report: what was found, done, used, charged and shown, and what the customer said."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.access.queries import key_of_device, user_names
from backend.attachments.queries import media_of_visit
from backend.attachments.showing import Shown, shown_of
from backend.db.unit_of_work import UnitOfWork
from backend.parts.queries import parts_by_id, usages_of_visit
from backend.reports.models import DeviceManifest, ReportRelease, ServiceReport
from backend.reports.queries import (
    card_of_visit,
    manifest_of,
    removed_parts_of_visit,
    standing_charges,
    steps_of_visit,
)
from backend.reports.rules import EvidenceRefused, SignedManifest, read_manifest
from backend.reports.seal.content import (
    LOST,
    Answer,
    Card,
    Charge,
    Line,
    Medium,
    Part,
    Released,
    Removed,
    Report,
    Signed,
)
from schemas.attachments import MediaKind
from schemas.base import write_instant
from schemas.reports import ReportStatus

MOST_SHOWN = 60
"""Pictures on the pages of one report; the hashes of all files are in its data."""


class FilesUnexamined(Exception):
    """A report must not be sealed before its files were looked at, by a scanner where there is one."""


def body_of(
    uow: UnitOfWork,
    report: ServiceReport,
    media: list[Medium],
    signed: DeviceManifest | None,
    release: ReportRelease | None,
) -> Report:
    """All that a complete report says, its files among it, and whose word it is."""
    shown = None if signed is None else _read(signed)
    return Report(
        findings=report.findings,
        work_done=report.work_done,
        conduct=_conduct(uow, report.visit_id),
        parts=_parts(uow, report.visit_id, shown),
        removed=_removed(uow, report.visit_id),
        charges=_charges(uow, report.id),
        card=_card(uow, report.visit_id),
        media=media,
        answer=_answer(report, shown),
        signed=None if signed is None else _signed(uow, signed),
        released=None if release is None else _released(uow, release),
    )


def files_of(
    uow: UnitOfWork, report: ServiceReport, release: ReportRelease | None, *, guarded: bool
) -> tuple[list[Medium], dict[str, str]]:
    """The files in the order of the manifest, and the objects that are printed, by medium.

    `guarded`: only files that a scanner has seen are printed. Raises FilesUnexamined.
    """
    known = {medium.id: medium for medium in media_of_visit(uow.session, report.visit_id)}
    lines = manifest_of(uow.session, report).entries
    here = [known[line.media_id] for line in lines if line.stored or release is None]
    shown = dict(shown_of(uow.session, here, guarded=guarded))
    if unseen := len(here) - len(shown):
        raise FilesUnexamined(f"{unseen} of {len(lines)} files are still to be looked at.")
    lost = Shown(None, LOST)
    shown |= {line.media_id: lost for line in lines if line.media_id not in shown}
    listed = [
        Medium(
            id=str(line.media_id),
            kind=line.kind.value,
            sha256=line.sha256,
            size=line.size,
            type=known[line.media_id].content_type,
            taken_at=write_instant(known[line.media_id].taken_at),
            left_out=shown[line.media_id].why_not,
        )
        for line in lines
    ]
    hands = {str(line.media_id) for line in lines if line.kind is MediaKind.SIGNATURE}
    objects = {str(media_id): each.key for media_id, each in shown.items() if each.key is not None}
    photos = [media_id for media_id in objects if media_id not in hands][:MOST_SHOWN]
    return listed, {media_id: objects[media_id] for media_id in (*photos, *(hands & objects.keys()))}


def _conduct(uow: UnitOfWork, visit_id: UUID) -> list[Line]:
    return [
        {
            "id": str(step.id),
            "text": step.text,
            "answer": None if step.answer is None else step.answer.value,
            "note": step.note,
            "waived": step.waived_reason,
            "waiver": None if step.waiver_media_id is None else str(step.waiver_media_id),
        }
        for step in steps_of_visit(uow.session, visit_id)
    ]


def _parts(uow: UnitOfWork, visit_id: UUID, shown: SignedManifest | None) -> list[Part]:
    """What was used and brought back, as far as the customer was shown it: a fact may come in later."""
    usages = usages_of_visit(uow.session, visit_id)
    if shown is not None:
        listed: Any = shown.answers["usages"]
        ids = {line["id"] for line in listed}
        usages = [usage for usage in usages if str(usage.id) in ids]
    parts = parts_by_id(uow.session, {usage.part_id for usage in usages})
    return [
        {
            "id": str(usage.id),
            "part_id": str(usage.part_id),
            "name": parts[usage.part_id].name,
            "direction": usage.direction.value,
            "quantity": usage.quantity,
            "serial_number": usage.serial_number,
        }
        for usage in usages
    ]


def _removed(uow: UnitOfWork, visit_id: UUID) -> list[Removed]:
    return [
        {
            "id": str(part.id),
            "name": part.name,
            "serial_number": part.serial_number,
            "disposition": None if part.disposition is None else part.disposition.value,
            "consented_by": part.consented_by,
        }
        for part in removed_parts_of_visit(uow.session, visit_id)
    ]


def _charges(uow: UnitOfWork, report_id: UUID) -> list[Charge]:
    return [
        {
            "id": str(charge.id),
            "part_id": None if charge.part_id is None else str(charge.part_id),
            "description": charge.description,
            "quantity": charge.quantity,
            "unit_minor": charge.unit_minor,
            "currency": charge.currency,
            "approved": charge.approved,
        }
        for charge in standing_charges(uow.session, report_id)
    ]


def _card(uow: UnitOfWork, visit_id: UUID) -> Card:
    card = card_of_visit(uow.session, visit_id)
    return Card(
        offered=card is not None and card.offered_at is not None,
        declined=card is not None and card.declined,
        punctuality=None if card is None else card.punctuality,
        conduct=None if card is None else card.conduct,
        quality=None if card is None else card.quality,
        cleanliness=None if card is None else card.cleanliness,
        words=None if card is None else card.words,
    )


def _answer(report: ServiceReport, shown: SignedManifest | None) -> Answer:
    assert report.closed_at is not None, "it is complete"
    statement = {} if shown is None else shown.statement
    return Answer(
        ending=_ending(report).value,
        reason=report.refusal_reason or report.absence_reason or report.office_reason,
        name=report.signer_name,
        role=None if report.signer_role is None else report.signer_role.value,
        at=write_instant(report.closed_at),
        statement=statement.get("text"),
        language=statement.get("language"),
        signature=None if report.signature_media_id is None else str(report.signature_media_id),
    )


def _ending(report: ServiceReport) -> ReportStatus:
    """How the customer's part ended, also of a report that is issued by now."""
    if report.signature_media_id is not None:
        return ReportStatus.SIGNED
    if report.refusal_reason is not None:
        return ReportStatus.REFUSED
    return ReportStatus.ABSENT if report.absence_reason is not None else ReportStatus.UNANSWERED


def _read(signed: DeviceManifest) -> SignedManifest | None:
    """What the phone signed; None when that cannot be read, which `signed_faults` says."""
    try:
        return read_manifest(signed.manifest, signed.answers)
    except EvidenceRefused:
        return None


def _signed(uow: UnitOfWork, signed: DeviceManifest) -> Signed:
    key = key_of_device(uow.session, signed.device_id, signed.key_name)
    assert key is not None, "keys are never deleted"
    return Signed(
        manifest_sha256=signed.sha256,
        key_name=signed.key_name,
        public_key=key.public_key,
        valid_from=write_instant(key.valid_from),
        made_at=write_instant(signed.made_at),
        received_at=write_instant(signed.received_at),
    )


def _released(uow: UnitOfWork, release: ReportRelease) -> Released:
    by = user_names(uow.session, [release.released_by])[release.released_by]
    return Released(reason=release.reason, by=by, at=write_instant(release.released_at))
