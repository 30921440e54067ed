"""Answers about seals: what a report still waits for, and the bytes that were sealed; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

from backend.access.actor import Actor
from backend.attachments.queries import unexamined_among
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.reports.models import SealedDocument, ServiceReport
from backend.reports.queries import (
    documents_of_report,
    of_visit_for,
    sealing_of,
    stored_files,
    trouble_with_seal,
)
from backend.reports.rules import CLOSED, ReportNotIssued, Sealing
from media.objects import ObjectStore
from schemas.reports import SealState


@dataclass(frozen=True)
class ReportSeal:
    """How far a report is from its seal, and what has been sealed of it."""

    seal_state: SealState
    waiting_for: Sequence[str]
    documents: Sequence[Sealing]


@dataclass(frozen=True)
class SealedFile:
    """A sealed document and its bytes."""

    document: SealedDocument
    content: bytes


def seal_of(uow: UnitOfWork, actor: Actor, report_id: UUID) -> ReportSeal:
    """What a report waits for, in words, and its sealed documents. Raises ReportNotFound."""
    report = of_visit_for(uow.session, actor, ServiceReport, report_id)
    documents = documents_of_report(uow.session, report.id)
    return ReportSeal(
        report.seal_state,
        _waiting_for(uow, report),
        [sealing_of(uow.session, document) for document in documents],
    )


def _waiting_for(uow: UnitOfWork, report: ServiceReport) -> list[str]:
    if report.seal_state is SealState.SEALED:
        return []
    if report.status not in CLOSED:
        return ["The customer has not answered the report yet."]
    missing = report.media_expected - report.media_stored
    if missing and report.seal_state is SealState.NONE:
        return [f"{missing} of {report.media_expected} files have not arrived: see its manifest."]
    unseen = len(unexamined_among(uow.session, stored_files(uow.session, report.id)))
    if unseen:
        return [f"{unseen} of {report.media_expected} files are still to be looked at: see doorstep outbox."]
    trouble = trouble_with_seal(uow.session, report.id)
    return [f"The company's seal: {trouble}" if trouble else "The company's seal: it is being made."]


def open_document(
    factory: UnitOfWorkFactory, store: ObjectStore, actor: Actor, report_id: UUID
) -> SealedFile:
    """The sealed report. Raises ReportNotFound, ReportNotIssued, UploadMissing."""
    with factory.begin(write=False) as uow:
        report = of_visit_for(uow.session, actor, ServiceReport, report_id)
        documents = documents_of_report(uow.session, report.id)
    if not documents:
        raise ReportNotIssued("Ask what it waits for: GET /service-reports/{id}/seal")
    with ExitStack() as files:
        return SealedFile(documents[0], files.enter_context(store.open(documents[0].object_key)).read())
