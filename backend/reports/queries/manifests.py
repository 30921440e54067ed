"""All reading of what phones sign: what stands in a report, which files belong to it, what was signed."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.attachments.queries import media_scans, media_states
from backend.parts.queries import usages_of_visit
from backend.reports.models import (
    DeviceManifest,
    ReportMedia,
    ReportRelease,
    ServiceReport,
)
from backend.reports.queries.reports import (
    WAITS_FOR_FILES,
    card_of_visit,
    removed_parts_of_visit,
    standing_charges,
    steps_of_visit,
)
from backend.reports.rules import (
    ManifestLine,
    ReportManifest,
)
from schemas.attachments import MediaState
from schemas.errors import JsonValue

STEP_ANSWERS = ("id", "answer", "note", "waived_reason", "waiver_media_id")
USAGE_ANSWERS = ("id", "part_id", "direction", "quantity", "serial_number")
REMOVED_ANSWERS = ("id", "name", "serial_number", "disposition", "consented_by")
CHARGE_ANSWERS = ("id", "description", "part_id", "quantity", "unit_minor", "currency")
CARD_ANSWERS = ("punctuality", "conduct", "quality", "cleanliness", "words", "declined")
"""What is hashed of each record of a report (`schemas.manifest.FORM`)."""


def stored_answers(session: Session, report: ServiceReport) -> dict[str, JsonValue]:
    """What stands in a report, in the shape that phones hash (`schemas.manifest.FORM`)."""
    card = card_of_visit(session, report.visit_id)
    return {
        "findings": report.findings,
        "work_done": report.work_done,
        "steps": _listed(steps_of_visit(session, report.visit_id), STEP_ANSWERS),
        "usages": _listed(usages_of_visit(session, report.visit_id), USAGE_ANSWERS),
        "removed_parts": _listed(removed_parts_of_visit(session, report.visit_id), REMOVED_ANSWERS),
        "charges": _listed(standing_charges(session, report.id), CHARGE_ANSWERS),
        "card": {name: _plain(getattr(card, name, None)) for name in CARD_ANSWERS}
        | {"declined": card is not None and card.declined},
    }


def _listed(rows: Iterable[object], names: Sequence[str]) -> list[JsonValue]:
    listed = [{name: _plain(getattr(row, name)) for name in names} for row in rows]
    return [*sorted(listed, key=lambda item: str(item["id"]))]


def _plain(value: object) -> JsonValue:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, StrEnum):
        return value.value
    assert value is None or isinstance(value, bool | int | str)
    return value


def device_manifest_of(session: Session, report_id: UUID) -> DeviceManifest | None:
    """What a phone signed of that report."""
    return session.get(DeviceManifest, report_id)


def last_manifest_of(session: Session, device_id: UUID) -> str | None:
    """The hash of what that phone signed last, as far as it is here."""
    statement = (
        select(DeviceManifest.sha256)
        .where(DeviceManifest.device_id == device_id)
        .order_by(DeviceManifest.received_at.desc(), DeviceManifest.made_at.desc())
        .limit(1)
    )
    return session.scalar(statement)


def is_manifest_known(session: Session, sha256: str) -> bool:
    """Whether what has that hash is here."""
    return session.scalar(select(DeviceManifest.report_id).where(DeviceManifest.sha256 == sha256)) is not None


def manifest_states(session: Session, report_id: UUID) -> Mapping[UUID, MediaState]:
    """How far each file of a closed report is."""
    ids = session.scalars(select(ReportMedia.media_id).where(ReportMedia.report_id == report_id)).all()
    return media_states(session, ids)


def release_of(session: Session, report_id: UUID) -> ReportRelease | None:
    """That the office lets the report be issued without all of its files."""
    return session.get(ReportRelease, report_id)


def stored_files(session: Session, report_id: UUID) -> Sequence[UUID]:
    """The files of a closed report that are here."""
    states = manifest_states(session, report_id)
    return [media_id for media_id, state in states.items() if state is MediaState.STORED]


def manifest_of(session: Session, report: ServiceReport) -> ReportManifest:
    """Every file of a closed report, and whether it has arrived; empty while the report is open."""
    states = manifest_states(session, report.id)
    rows = session.scalars(
        select(ReportMedia).where(ReportMedia.report_id == report.id).order_by(ReportMedia.media_id)
    )
    scans = media_scans(session, states)
    lines = [
        ManifestLine(row.media_id, row.kind, row.sha256, row.size, states[row.media_id], scans[row.media_id])
        for row in rows
    ]
    return ReportManifest(report.media_expected, report.media_stored, lines)


def reports_awaiting_media(session: Session, most: int) -> Sequence[tuple[ServiceReport, ReportManifest]]:
    """Closed reports that lack files, with all their files: the one closed longest ago comes first."""
    statement = (
        select(ServiceReport)
        .where(WAITS_FOR_FILES)
        .order_by(ServiceReport.closed_at, ServiceReport.id)
        .limit(most)
    )
    return [(report, manifest_of(session, report)) for report in session.scalars(statement)]
