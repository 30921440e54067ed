"""Conduct: rules that differ by kind of work, and the steps of one visit."""

from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.unit_of_work import UnitOfWork
from backend.reports.models import ConductRule, ConductStep
from backend.reports.queries import any_row, conduct_rule_by_id, override_of, visit_of
from backend.reports.rules import ConductRuleNotFound
from backend.reports.standing import check_written, editable_report
from backend.visits.queries import work_type_by_id
from schemas.attachments import MediaKind
from schemas.conduct import ConductAnswer

WRITTEN = frozenset({MediaKind.SIGNATURE, MediaKind.DOCUMENT})


class RuleChanges(TypedDict, total=False):
    """How a rule differs for a kind of work; absent keys stay as in the general rule."""

    text: str
    required: bool
    applies: bool


class StepAnswer(TypedDict, total=False):
    """The answer to a step; absent keys stay."""

    answer: ConductAnswer | None
    note: str | None


@requires("conduct_rule:override")
def override_conduct_rule(
    uow: UnitOfWork, actor: Actor, rule_id: UUID, *, work_type_id: UUID, **changes: Unpack[RuleChanges]
) -> ConductRule:
    """Let a general rule differ for one kind of work, from the next dispatch on. Twice replaces.

    Raises ConductRuleNotFound (also for a rule that is itself an override), WorkTypeNotFound.
    """
    general = conduct_rule_by_id(uow.session, rule_id)
    if general.work_type_id is not None:
        raise ConductRuleNotFound("Name the general rule; the one for the kind of work is made from it.")
    work_type = work_type_by_id(uow.session, work_type_id)
    rule = override_of(uow.session, general.code, work_type.id) or uow.add(
        ConductRule(
            id=uow.mint_id(),
            code=general.code,
            work_type_id=work_type.id,
            position=general.position,
            phase=general.phase,
            text=general.text,
            proof=general.proof,
            media_kind=general.media_kind,
            required=general.required,
            applies=general.applies,
        )
    )
    for name in ("text", "required", "applies"):
        setattr(rule, name, changes.get(name, getattr(general, name)))
    return rule


@requires("conduct_step:answer")
def answer_conduct_step(
    uow: UnitOfWork,
    actor: Actor,
    step_id: UUID,
    *,
    occurred_at: datetime | None = None,
    **answer: Unpack[StepAnswer],
) -> ConductStep:
    """Answer a step of the visit. Raises ReportNotFound, WorkAfterRevocation, ReportSealed."""
    editable_report(uow, actor, visit_of(uow.session, ConductStep, step_id))
    step = any_row(uow.session, ConductStep, step_id)
    for name, value in answer.items():
        setattr(step, name, value)
    step.answered_at = (occurred_at or uow.now) if step.answer is not None else None
    return step


@requires("conduct_step:waive")
def waive_conduct_step(
    uow: UnitOfWork,
    actor: Actor,
    step_id: UUID,
    *,
    waived_reason: str,
    waiver_media_id: UUID,
    occurred_at: datetime | None = None,
) -> ConductStep:
    """The customer does without a step, in their own writing.

    Raises ReportNotFound, WorkAfterRevocation, ReportSealed, SignatureUnusable.
    """
    editable_report(uow, actor, visit_of(uow.session, ConductStep, step_id))
    step = any_row(uow.session, ConductStep, step_id)
    check_written(uow, step.visit_id, waiver_media_id, WRITTEN)
    step.waiver_media_id = waiver_media_id
    step.waived_reason = waived_reason
    step.answered_at = occurred_at or uow.now
    return step
