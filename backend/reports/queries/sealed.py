"""All reading of what the company sealed: the chain, its documents, addenda, anchors."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.db.outbox_message import OutboxMessage
from backend.db.paging import Page, PageRequest, fetch_page
from backend.reports.models import (
    DocumentTimestamp,
    ReportAddendum,
    SealAnchor,
    SealedDocument,
    SealHead,
    ServiceReport,
)
from backend.reports.queries.reports import of_visits_visible_to
from backend.reports.rules import AddendumNotFound, DocumentNotFound, Sealing
from schemas.reports import SealState
from schemas.seals import DocumentKind, Standing, TimestampState

SEAL_MESSAGE = "seal"
"""The kind of outbox message that asks for a seal; its key is the id of the report or addendum."""


def head_of_chain(session: Session, *, lock: bool = False) -> SealHead:
    """The end of the chain as it is now; `lock` holds it until the transaction ends."""
    statement = select(SealHead).execution_options(populate_existing=True)
    return session.scalars(statement.with_for_update() if lock else statement).one()


def document_of(session: Session, kind: DocumentKind, subject_id: UUID) -> SealedDocument | None:
    """What was sealed of that report or addendum."""
    statement = select(SealedDocument)
    return session.scalars(
        statement.where(SealedDocument.kind == kind, SealedDocument.subject_id == subject_id)
    ).one_or_none()


def documents_of_report(session: Session, report_id: UUID) -> Sequence[SealedDocument]:
    """The sealed report and its addenda, in the order of their seals."""
    statement = select(SealedDocument).where(SealedDocument.report_id == report_id)
    return session.scalars(statement.order_by(SealedDocument.number)).all()


def document_numbered(session: Session, number: int) -> SealedDocument:
    """That link of the chain. Raises DocumentNotFound."""
    document = session.get(SealedDocument, number)
    if document is None:
        raise DocumentNotFound("There is no sealed document of that number.")
    return document


def sealing_named(session: Session, name: str) -> Sealing:
    """What is known of the document with that SHA-256 or fingerprint. Raises DocumentNotFound."""
    named = or_(SealedDocument.sha256 == name.lower(), SealedDocument.fingerprint == name.upper())
    document = session.scalars(select(SealedDocument).where(named)).one_or_none()
    if document is None:
        raise DocumentNotFound("No sealed document has this hash: it was changed, or is not ours.")
    return sealing_of(session, document)


def sealing_of(session: Session, document: SealedDocument) -> Sealing:
    """Where a sealed document stands: followed by another one or not, timestamped or waiting for it."""
    later = select(func.count()).where(SealedDocument.follows_sha256 == document.sha256)
    stamp = session.get(DocumentTimestamp, document.number)
    return Sealing(
        kind=document.kind,
        sha256=document.sha256,
        fingerprint=document.fingerprint,
        size=document.size,
        number=document.number,
        sealed_at=document.sealed_at,
        standing=Standing.SUPERSEDED if session.scalar(later) else Standing.CURRENT,
        timestamp=document.timestamp if stamp is None else TimestampState.GIVEN,
        timestamped_at=document.timestamped_at if stamp is None else stamp.timestamped_at,
    )


def stamp_of(session: Session, number: int) -> DocumentTimestamp | None:
    """The timestamp that came after the seal."""
    return session.get(DocumentTimestamp, number)


def chain_from(session: Session, number: int, limit: int) -> Sequence[SealedDocument]:
    """The links of the chain from that number on."""
    statement = select(SealedDocument).where(SealedDocument.number >= number)
    return session.scalars(statement.order_by(SealedDocument.number).limit(limit)).all()


def anchors(session: Session) -> Sequence[SealAnchor]:
    """All anchors, in order."""
    return session.scalars(select(SealAnchor).order_by(SealAnchor.number)).all()


def last_anchored(session: Session) -> int:
    """The number of the last document that an anchor covers; 0 when there is none."""
    return session.scalars(select(func.max(SealAnchor.number))).one() or 0


def sealed_keys(session: Session) -> Sequence[str]:
    """The object keys of everything that was sealed or anchored: no sweep may touch them."""
    documents = session.scalars(select(SealedDocument.object_key)).all()
    return [*documents, *session.scalars(select(SealAnchor.object_key)).all()]


def reports_waiting_for_seal(session: Session) -> int:
    """How many reports are complete and lack nothing but the seal."""
    waiting = select(func.count()).where(ServiceReport.seal_state == SealState.DUE)
    return session.scalar(waiting) or 0


def addendum_by_id(session: Session, addendum_id: UUID) -> ReportAddendum:
    """That addendum. Raises AddendumNotFound."""
    row = session.get(ReportAddendum, addendum_id, populate_existing=True)
    if row is None:
        raise AddendumNotFound("List the addenda of the report and take the id from there.")
    return row


def list_addenda(
    session: Session, actor: Actor, page: PageRequest, *, report_id: UUID | None = None
) -> Page[ReportAddendum]:
    """Addenda of the reports that `actor` sees, of one report."""
    seen = of_visits_visible_to(actor, ServiceReport).with_only_columns(ServiceReport.id)
    statement = select(ReportAddendum).where(ReportAddendum.report_id.in_(seen))
    if report_id is not None:
        statement = statement.where(ReportAddendum.report_id == report_id)
    return fetch_page(session, statement, page, key=ReportAddendum.id)


def addendum_for(session: Session, actor: Actor, addendum_id: UUID) -> ReportAddendum:
    """That addendum. Raises AddendumNotFound when it belongs to no report that `actor` sees."""
    seen = of_visits_visible_to(actor, ServiceReport).with_only_columns(ServiceReport.id)
    statement = select(ReportAddendum).where(ReportAddendum.id == addendum_id)
    row = session.scalars(statement.where(ReportAddendum.report_id.in_(seen))).one_or_none()
    if row is None:
        raise AddendumNotFound("List the addenda of the report and take the id from there.")
    return row


def trouble_with_seal(session: Session, report_id: UUID) -> str | None:
    """Why the last try to seal a report failed."""
    statement = select(OutboxMessage.last_error)
    return session.scalar(
        statement.where(OutboxMessage.kind == SEAL_MESSAGE, OutboxMessage.key == str(report_id))
    )


def addenda_of(session: Session, report_id: UUID) -> Sequence[ReportAddendum]:
    """The addenda of a report, in order."""
    statement = select(ReportAddendum).where(ReportAddendum.report_id == report_id)
    return session.scalars(
        statement.order_by(ReportAddendum.number).execution_options(populate_existing=True)
    ).all()
