"""The routes of what the company sealed: for the office, and for anybody who holds a file."""

from __future__ import annotations

from typing import Any, TypeAlias
from uuid import UUID

from flask import Response

from backend.access.actor import Actor
from backend.attachments.storage import current_store
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.reports import actions, queries, seals
from backend.reports.models import ReportAddendum
from backend.reports.routes.room import room
from backend.reports.rules import Sealing
from backend.reports.seal.keys import SealFolder
from backend.web.wiring import current_wiring
from schemas.seals import (
    AddReportAddendum,
    ReportAddendumBody,
    ReportAddendumQuery,
    ReportSealBody,
    SealingBody,
)

Fields: TypeAlias = dict[str, Any]


@room.get("/service-reports/<uuid:report_id>/seal", answer=ReportSealBody, permission="service_report:read")
def show_seal(uow: UnitOfWork, actor: Actor, report_id: UUID) -> seals.ReportSeal:
    """What a report waits for before it is issued, in words; then its sealed documents, the report first."""
    return seals.seal_of(uow, actor, report_id)


@room.get(
    "/service-reports/<uuid:report_id>/document",
    permission="sealed_document:read",
    own_transactions=True,
    produces="application/pdf",
)
def show_document(factory: UnitOfWorkFactory, actor: Actor, report_id: UUID) -> Response:
    """The issued report: the very file that the customer got."""
    sealed = seals.open_document(factory, current_store(), actor, report_id)
    response = Response(sealed.content, mimetype="application/pdf")
    name = f"report-{sealed.document.number}.pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@room.get("/seals/<string:name>", answer=SealingBody, permission_free=True)
def show_sealing(uow: UnitOfWork, _: Actor, name: str) -> Sealing:
    """What is known of the document with that SHA-256 or fingerprint: nothing of what it says."""
    return queries.sealing_named(uow.session, name)


@room.get(
    "/seal-certificates",
    permission_free=True,
    own_transactions=True,
    produces="application/x-pem-file",
)
def show_certificates(_: UnitOfWorkFactory, __: Actor) -> Response:
    """The certificates of the company's seals as PEM, for whoever checks a file without us."""
    certificates = SealFolder(current_wiring().settings.seal_folder).certificates()
    return Response(certificates, mimetype="application/x-pem-file")


@room.get(
    "/report-addenda",
    query=ReportAddendumQuery,
    page_of=ReportAddendumBody,
    permission="report_addendum:read",
)
def list_report_addenda(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields
) -> Page[ReportAddendum]:
    """Addenda, of a report."""
    return queries.list_addenda(uow.session, actor, page, **query)


@room.post(
    "/report-addenda",
    body=AddReportAddendum,
    answer=ReportAddendumBody,
    creates=True,
    permission="report_addendum:add",
)
def add_report_addendum(uow: UnitOfWork, actor: Actor, fields: Fields) -> ReportAddendum:
    """Say something about an issued report; it is sealed by itself and sent to the customer."""
    return actions.add_report_addendum(uow, actor, fields.pop("id", None), **fields)


@room.get("/report-addenda/<uuid:addendum_id>", answer=ReportAddendumBody, permission="report_addendum:read")
def show_report_addendum(uow: UnitOfWork, actor: Actor, addendum_id: UUID) -> ReportAddendum:
    """One addendum."""
    return queries.addendum_for(uow.session, actor, addendum_id)
