"""Gathers everything that a sealed document says, from all rooms, in one look; nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from backend.access.permissions import SYSTEM
from backend.access.queries import user_names
from backend.customers.queries import asset_for, customer_for, site_for
from backend.db.unit_of_work import UnitOfWork
from backend.reports.body import body_of, files_of
from backend.reports.models import ReportAddendum, ServiceReport
from backend.reports.queries import (
    any_row,
    device_manifest_of,
    documents_of_report,
    head_of_chain,
    release_of,
)
from backend.reports.seal.content import (
    ANSWERS,
    FORM,
    MANIFEST,
    SIGNATURE,
    Case,
    Content,
    Firm,
    Visited,
)
from backend.reports.seal.signed import signed_faults
from backend.visits.queries import visit_by_id, work_order_by_id
from schemas.base import write_instant
from schemas.seals import DocumentKind


@dataclass(frozen=True)
class Letterhead:
    """What the firm says of itself on paper, and where its seals are checked.

    `guarded`: only files that a scanner has seen are printed.
    """

    firm: Firm
    verify_url: str
    guarded: bool = False


@dataclass(frozen=True)
class Gathered:
    """What goes to the press: the content, the objects to show by medium, the texts to attach.

    `differs`: what of the content is not what the phone signed; it must not be sealed as if nothing were.
    """

    content: Content
    objects: Mapping[str, str] = field(default_factory=dict)
    attached: Mapping[str, str] = field(default_factory=dict)
    email: str | None = None
    differs: Sequence[str] = ()


def gather_report(uow: UnitOfWork, report_id: UUID, letterhead: Letterhead) -> Gathered:
    """A complete report as it is now. Raises ReportNotFound, FilesUnexamined."""
    report = any_row(uow.session, ServiceReport, report_id)
    signed = device_manifest_of(uow.session, report.id)
    release = release_of(uow.session, report.id)
    media, objects = files_of(uow, report, release, guarded=letterhead.guarded)
    content = _content(uow, report, letterhead, DocumentKind.REPORT, report.id)
    content["report"] = body_of(uow, report, media, signed, release)
    attached = (
        {}
        if signed is None
        else {MANIFEST: signed.manifest, ANSWERS: signed.answers, SIGNATURE: signed.signature}
    )
    differs = signed_faults(content, {name: text.encode() for name, text in attached.items()})
    return Gathered(content, objects, attached, _email(uow, report), differs)


def gather_addendum(uow: UnitOfWork, addendum: ReportAddendum, letterhead: Letterhead) -> Gathered:
    """An addendum, which names the last sealed document of its report. Raises ReportNotFound."""
    report = any_row(uow.session, ServiceReport, addendum.report_id)
    content = _content(uow, report, letterhead, DocumentKind.ADDENDUM, addendum.id)
    content["chain"]["follows"] = documents_of_report(uow.session, report.id)[-1].sha256
    content["addendum"] = {
        "number": addendum.number,
        "text": addendum.text,
        "written_by": user_names(uow.session, [addendum.written_by])[addendum.written_by],
        "written_at": write_instant(addendum.created_at),
    }
    return Gathered(content, email=_email(uow, report))


def _content(
    uow: UnitOfWork, report: ServiceReport, letterhead: Letterhead, kind: DocumentKind, subject_id: UUID
) -> Content:
    visit = visit_by_id(uow.session, report.visit_id)
    head = head_of_chain(uow.session)
    names = user_names(uow.session, [visit.technician_id] if visit.technician_id else [])
    return Content(
        form=FORM,
        kind=kind.value,
        report_id=str(report.id),
        subject_id=str(subject_id),
        firm=letterhead.firm,
        case=_case(uow, visit.work_order_id, visit.time_zone),
        visit=Visited(
            technician=names.get(visit.technician_id) if visit.technician_id else None,
            arrived_at=_instant(visit.arrived_at),
            started_at=_instant(visit.started_at),
            finished_at=_instant(visit.finished_at),
        ),
        report=None,
        addendum=None,
        chain={"number": head.number + 1, "previous": head.chain_sha256, "follows": None},
        sealed_at=write_instant(uow.now),
        verify_url=letterhead.verify_url,
    )


def _case(uow: UnitOfWork, work_order_id: UUID, time_zone: str) -> Case:
    order = work_order_by_id(uow.session, work_order_id)
    customer = customer_for(uow.session, SYSTEM, order.customer_id)
    site = site_for(uow.session, SYSTEM, order.site_id)
    asset = None
    if order.asset_id is not None:
        found = asset_for(uow.session, SYSTEM, order.asset_id)
        asset = f"{found.model}, {found.serial_number}" if found.serial_number else found.model
    return Case(
        work_order=order.number,
        summary=order.summary,
        customer=customer.name,
        language=customer.language,
        address=", ".join(part for part in (site.address, site.postal_code, site.city) if part),
        time_zone=time_zone,
        asset=asset,
    )


def _email(uow: UnitOfWork, report: ServiceReport) -> str | None:
    visit = visit_by_id(uow.session, report.visit_id)
    order = work_order_by_id(uow.session, visit.work_order_id)
    return customer_for(uow.session, SYSTEM, order.customer_id).email


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else write_instant(moment)
