"""Visits under way and their reports, as far as a test wants them to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch.actions import create_shift
from backend.dispatch.models import Technician
from backend.reports import actions, queries
from backend.reports.models import ConductStep, FeedbackCard, ServiceReport
from schemas.attachments import MediaKind
from schemas.conduct import ConductAnswer, ConductProof
from schemas.reports import SignerRole
from tests.given import attachments, dispatch, visits


@dataclass(frozen=True)
class Work:
    """A visit that went out to its technician, and what came into being with it."""

    visit_id: UUID
    technician: Technician
    actor: Actor
    report_id: UUID
    card_id: UUID

    def report(self, uow: UnitOfWork) -> ServiceReport:
        """The report as it is now."""
        return queries.any_row(uow.session, ServiceReport, self.report_id)

    def card(self, uow: UnitOfWork) -> FeedbackCard:
        """The feedback card as it is now."""
        return queries.any_row(uow.session, FeedbackCard, self.card_id)

    def steps(self, uow: UnitOfWork) -> Sequence[ConductStep]:
        """The conduct steps, in order."""
        return queries.steps_of_visit(uow.session, self.visit_id)

    def step(self, uow: UnitOfWork, code: str) -> ConductStep:
        """One of them, by the code of its rule."""
        (step,) = (step for step in self.steps(uow) if step.rule_code == code)
        return step


def a_technician_today(uow: UnitOfWork) -> Technician:
    """A technician who works on the day of the tests' clock, and on no other:

    that is all these tests need.
    """
    technician = dispatch.a_technician(uow, on_shift=False)
    shift = {"starts_at": visits.MORNING - timedelta(hours=3), "ends_at": visits.MORNING + timedelta(hours=7)}
    create_shift(uow, SYSTEM, technician_id=technician.id, **shift)
    return technician


def a_visit_under_way(uow: UnitOfWork, technician: Technician | None = None, **over: Any) -> Work:
    """A dispatched visit with its draft report."""
    technician = technician or a_technician_today(uow)
    visit = dispatch.a_dispatched_visit(uow, technician, **over)
    report = queries.report_of_visit(uow.session, visit.id)
    card = queries.card_of_visit(uow.session, visit.id)
    assert report is not None
    assert card is not None
    return Work(visit.id, technician, dispatch.as_actor(technician), report.id, card.id)


def a_complete_draft(uow: UnitOfWork, technician: Technician | None = None, **over: Any) -> Work:
    """A report with nothing open: steps answered, photos registered, card filled, work described."""
    work = a_visit_under_way(uow, technician, **over)
    for step in work.steps(uow):
        if step.proof is ConductProof.ANSWER:
            actions.answer_conduct_step(uow, work.actor, step.id, answer=ConductAnswer.YES)
        if step.media_kind is not None:
            attachments.a_medium(uow, work.actor, work.visit_id, step.media_kind)
    actions.fill_feedback_card(uow, work.actor, work.card_id, punctuality=5, words="Thank you.")
    actions.write_service_report(uow, work.actor, work.report_id, work_done="Changed the seal.")
    return work


def a_frozen_report(uow: UnitOfWork, technician: Technician | None = None, **over: Any) -> Work:
    """A report that the customer is being shown."""
    work = a_complete_draft(uow, technician, **over)
    actions.freeze_service_report(uow, work.actor, work.report_id)
    return work


def sign(uow: UnitOfWork, work: Work) -> ServiceReport:
    """Have the customer sign."""
    ink = attachments.a_medium(uow, work.actor, work.visit_id, MediaKind.SIGNATURE)
    return actions.sign_service_report(
        uow,
        work.actor,
        work.report_id,
        signer_name="Ada Lindgren",
        signer_role=SignerRole.CUSTOMER,
        signature_media_id=ink.id,
    )


def a_signed_report(uow: UnitOfWork, technician: Technician | None = None, **over: Any) -> Work:
    """A report that the customer signed; its files have not arrived."""
    work = a_frozen_report(uow, technician, **over)
    sign(uow, work)
    return work
