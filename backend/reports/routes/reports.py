"""The routes of conduct, service reports and what is listed in them."""

from typing import Any, TypeAlias
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.reports import actions, queries, readiness
from backend.reports.models import (
    ConductRule,
    ConductStep,
    FeedbackCard,
    RemovedPart,
    ReportCharge,
    ServiceReport,
)
from backend.reports.routes.room import room
from backend.reports.rules import PossibleTransition, ReportManifest, ReportReadiness
from schemas.conduct import (
    AnswerConductStep,
    ConductRuleBody,
    ConductRuleQuery,
    ConductStepBody,
    OverrideConductRule,
    WaiveConductStep,
)
from schemas.reports import (
    CloseServiceReport,
    FeedbackCardBody,
    FillFeedbackCard,
    Manifest,
    MarkAbsentServiceReport,
    NewRemovedPart,
    NewReportCharge,
    NoFields,
    OfVisitQuery,
    Readiness,
    RefuseServiceReport,
    ReleaseServiceReport,
    RemovedPartBody,
    ReportChargeBody,
    ReportChargeQuery,
    ServiceReportBody,
    ServiceReportQuery,
    SettleRemovedPart,
    SignServiceReport,
    WriteServiceReport,
)
from schemas.visits import AllowedTransition

Fields: TypeAlias = dict[str, Any]


@room.get("/conduct-rules", query=ConductRuleQuery, page_of=ConductRuleBody, permission="conduct_rule:read")
def list_conduct_rules(uow: UnitOfWork, _: Actor, page: PageRequest, query: Fields) -> Page[ConductRule]:
    """The firm's rules of conduct, or those written for one kind of work."""
    return queries.list_conduct_rules(uow.session, page, **query)


@room.post(
    "/conduct-rules/<uuid:rule_id>/override",
    body=OverrideConductRule,
    answer=ConductRuleBody,
    permission="conduct_rule:override",
)
def override_conduct_rule(uow: UnitOfWork, actor: Actor, fields: Fields, rule_id: UUID) -> ConductRule:
    """Let a general rule differ for one kind of work, from the next dispatch on."""
    return actions.override_conduct_rule(uow, actor, rule_id, **fields)


@room.get("/conduct-steps", query=OfVisitQuery, page_of=ConductStepBody, permission="conduct_step:read")
def list_conduct_steps(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[ConductStep]:
    """Conduct steps, of a visit."""
    return queries.list_of_visits(uow.session, actor, page, ConductStep, **query)


@room.get("/conduct-steps/<uuid:step_id>", answer=ConductStepBody, permission="conduct_step:read")
def show_conduct_step(uow: UnitOfWork, actor: Actor, step_id: UUID) -> ConductStep:
    """One conduct step."""
    return queries.of_visit_for(uow.session, actor, ConductStep, step_id)


@room.post(
    "/conduct-steps/<uuid:step_id>/answer",
    body=AnswerConductStep,
    answer=ConductStepBody,
    edits=True,
    permission="conduct_step:answer",
)
def answer_conduct_step(uow: UnitOfWork, actor: Actor, fields: Fields, step_id: UUID) -> ConductStep:
    """Answer a step."""
    return actions.answer_conduct_step(uow, actor, step_id, **fields)


@room.post(
    "/conduct-steps/<uuid:step_id>/waive",
    body=WaiveConductStep,
    answer=ConductStepBody,
    permission="conduct_step:waive",
)
def waive_conduct_step(uow: UnitOfWork, actor: Actor, fields: Fields, step_id: UUID) -> ConductStep:
    """The customer does without a step, in their own writing."""
    return actions.waive_conduct_step(uow, actor, step_id, **fields)


@room.get(
    "/service-reports", query=ServiceReportQuery, page_of=ServiceReportBody, permission="service_report:read"
)
def list_service_reports(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields
) -> Page[ServiceReport]:
    """Service reports: of a visit, in a status, waiting for files."""
    return queries.list_service_reports(uow.session, actor, page, **query)


@room.get("/service-reports/<uuid:report_id>", answer=ServiceReportBody, permission="service_report:read")
def show_service_report(uow: UnitOfWork, actor: Actor, report_id: UUID) -> ServiceReport:
    """One service report."""
    return queries.of_visit_for(uow.session, actor, ServiceReport, report_id)


@room.get("/service-reports/<uuid:report_id>/readiness", answer=Readiness, permission="service_report:read")
def show_readiness(uow: UnitOfWork, actor: Actor, report_id: UUID) -> ReportReadiness:
    """What still stands between a draft and its freezing."""
    return readiness.readiness_of(uow, actor, report_id)


@room.get(
    "/service-reports/<uuid:report_id>/transitions",
    answer=AllowedTransition,
    many=True,
    permission="service_report:read",
)
def list_transitions(uow: UnitOfWork, actor: Actor, report_id: UUID) -> list[PossibleTransition]:
    """What can be done with a report now, and why the rest cannot."""
    return readiness.transitions_of(uow, actor, report_id)


@room.get("/service-reports/<uuid:report_id>/manifest", answer=Manifest, permission="service_report:read")
def show_manifest(uow: UnitOfWork, actor: Actor, report_id: UUID) -> ReportManifest:
    """Every file of a closed report, with its hash, and whether it has arrived."""
    report = queries.of_visit_for(uow.session, actor, ServiceReport, report_id)
    return queries.manifest_of(uow.session, report)


@room.post(
    "/service-reports/<uuid:report_id>/write",
    body=WriteServiceReport,
    answer=ServiceReportBody,
    edits=True,
    permission="service_report:write",
)
def write_service_report(uow: UnitOfWork, actor: Actor, fields: Fields, report_id: UUID) -> ServiceReport:
    """Write findings and work done into a draft."""
    return actions.write_service_report(uow, actor, report_id, **fields)


@room.post(
    "/service-reports/<uuid:report_id>/freeze",
    body=NoFields,
    answer=ServiceReportBody,
    permission="service_report:freeze",
)
def freeze_service_report(uow: UnitOfWork, actor: Actor, _: Fields, report_id: UUID) -> ServiceReport:
    """End the draft; refused with the list of all that is open."""
    return actions.freeze_service_report(uow, actor, report_id)


@room.post(
    "/service-reports/<uuid:report_id>/sign",
    body=SignServiceReport,
    answer=ServiceReportBody,
    permission="service_report:sign",
)
def sign_service_report(uow: UnitOfWork, actor: Actor, fields: Fields, report_id: UUID) -> ServiceReport:
    """The customer signs and approves the charges."""
    return actions.sign_service_report(uow, actor, report_id, **fields)


@room.post(
    "/service-reports/<uuid:report_id>/refuse",
    body=RefuseServiceReport,
    answer=ServiceReportBody,
    permission="service_report:refuse",
)
def refuse_service_report(uow: UnitOfWork, actor: Actor, fields: Fields, report_id: UUID) -> ServiceReport:
    """The customer will not sign, and why."""
    return actions.refuse_service_report(uow, actor, report_id, **fields)


@room.post(
    "/service-reports/<uuid:report_id>/mark-absent",
    body=MarkAbsentServiceReport,
    answer=ServiceReportBody,
    permission="service_report:mark_absent",
)
def mark_absent_service_report(
    uow: UnitOfWork, actor: Actor, fields: Fields, report_id: UUID
) -> ServiceReport:
    """Nobody is there to sign, and why."""
    return actions.mark_absent_service_report(uow, actor, report_id, **fields)


@room.post(
    "/service-reports/<uuid:report_id>/close",
    body=CloseServiceReport,
    answer=ServiceReportBody,
    permission="service_report:close",
)
def close_service_report(uow: UnitOfWork, actor: Actor, fields: Fields, report_id: UUID) -> ServiceReport:
    """The office closes what nobody on site can close any more, and says why; no signature is made up."""
    return actions.close_service_report(uow, actor, report_id, **fields)


@room.post(
    "/service-reports/<uuid:report_id>/release",
    body=ReleaseServiceReport,
    answer=ServiceReportBody,
    permission="service_report:release",
)
def release_service_report(uow: UnitOfWork, actor: Actor, fields: Fields, report_id: UUID) -> ServiceReport:
    """Have a report issued without the files that will never come; it says on paper which, and why."""
    return actions.release_service_report(uow, actor, report_id, **fields)


@room.get(
    "/report-charges", query=ReportChargeQuery, page_of=ReportChargeBody, permission="report_charge:read"
)
def list_report_charges(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields
) -> Page[ReportCharge]:
    """Charges, of a report."""
    return queries.list_charges(uow.session, actor, page, **query)


@room.post(
    "/report-charges",
    body=NewReportCharge,
    answer=ReportChargeBody,
    creates=True,
    permission="report_charge:add",
)
def add_report_charge(uow: UnitOfWork, actor: Actor, fields: Fields) -> ReportCharge:
    """List something the customer is asked to pay for."""
    return actions.add_report_charge(uow, actor, fields.pop("id", None), **fields)


@room.get("/report-charges/<uuid:charge_id>", answer=ReportChargeBody, permission="report_charge:read")
def show_report_charge(uow: UnitOfWork, actor: Actor, charge_id: UUID) -> ReportCharge:
    """One charge, withdrawn or not."""
    return queries.charge_for(uow.session, actor, charge_id)


@room.post(
    "/report-charges/<uuid:charge_id>/withdraw",
    body=NoFields,
    answer=ReportChargeBody,
    permission="report_charge:withdraw",
)
def withdraw_report_charge(uow: UnitOfWork, actor: Actor, _: Fields, charge_id: UUID) -> ReportCharge:
    """Take a charge off the list."""
    return actions.withdraw_report_charge(uow, actor, charge_id)


@room.get("/removed-parts", query=OfVisitQuery, page_of=RemovedPartBody, permission="removed_part:read")
def list_removed_parts(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[RemovedPart]:
    """Removed parts, of a visit."""
    return queries.list_of_visits(uow.session, actor, page, RemovedPart, **query)


@room.post(
    "/removed-parts",
    body=NewRemovedPart,
    answer=RemovedPartBody,
    creates=True,
    permission="removed_part:record",
)
def record_removed_part(uow: UnitOfWork, actor: Actor, fields: Fields) -> RemovedPart:
    """A part was taken out."""
    return actions.record_removed_part(uow, actor, fields.pop("id", None), **fields)


@room.get("/removed-parts/<uuid:removed_part_id>", answer=RemovedPartBody, permission="removed_part:read")
def show_removed_part(uow: UnitOfWork, actor: Actor, removed_part_id: UUID) -> RemovedPart:
    """One removed part."""
    return queries.of_visit_for(uow.session, actor, RemovedPart, removed_part_id)


@room.post(
    "/removed-parts/<uuid:removed_part_id>/settle",
    body=SettleRemovedPart,
    answer=RemovedPartBody,
    permission="removed_part:settle",
)
def settle_removed_part(uow: UnitOfWork, actor: Actor, fields: Fields, removed_part_id: UUID) -> RemovedPart:
    """The customer says what becomes of a removed part."""
    return actions.settle_removed_part(uow, actor, removed_part_id, **fields)


@room.get("/feedback-cards", query=OfVisitQuery, page_of=FeedbackCardBody, permission="feedback_card:read")
def list_feedback_cards(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields
) -> Page[FeedbackCard]:
    """Feedback cards, of a visit."""
    return queries.list_of_visits(uow.session, actor, page, FeedbackCard, **query)


@room.get("/feedback-cards/<uuid:card_id>", answer=FeedbackCardBody, permission="feedback_card:read")
def show_feedback_card(uow: UnitOfWork, actor: Actor, card_id: UUID) -> FeedbackCard:
    """One feedback card."""
    return queries.of_visit_for(uow.session, actor, FeedbackCard, card_id)


@room.post(
    "/feedback-cards/<uuid:card_id>/fill",
    body=FillFeedbackCard,
    answer=FeedbackCardBody,
    edits=True,
    permission="feedback_card:fill",
)
def fill_feedback_card(uow: UnitOfWork, actor: Actor, fields: Fields, card_id: UUID) -> FeedbackCard:
    """Keep what the customer put on the card."""
    return actions.fill_feedback_card(uow, actor, card_id, **fields)
