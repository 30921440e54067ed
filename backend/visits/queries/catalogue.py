"""All reading of skills and work types."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.lookup import one_row
from backend.db.paging import Page, PageRequest, fetch_page
from backend.visits.models import Skill, WorkType, WorkTypeSkill
from backend.visits.rules import SkillNotFound, WorkTypeNotFound


def skill_by_id(session: Session, skill_id: UUID) -> Skill:
    """That skill; raises SkillNotFound."""
    return one_row(session, select(Skill).where(Skill.id == skill_id), SkillNotFound)


def skill_ids_by_code(session: Session, codes: Collection[str]) -> dict[str, UUID]:
    """The ids of the skills with these codes, by code."""
    return dict(session.execute(select(Skill.code, Skill.id).where(Skill.code.in_(codes))).all())


def work_type_ids_by_code(session: Session, codes: Collection[str]) -> dict[str, UUID]:
    """The ids of the work types with these codes, by code."""
    return dict(session.execute(select(WorkType.code, WorkType.id).where(WorkType.code.in_(codes))).all())


def work_type_by_id(session: Session, work_type_id: UUID) -> WorkType:
    """That work type, archived or not; raises WorkTypeNotFound."""
    return one_row(session, select(WorkType).where(WorkType.id == work_type_id), WorkTypeNotFound)


def list_skills(session: Session, page: PageRequest) -> Page[Skill]:
    """All skills."""
    return fetch_page(session, select(Skill), page, key=Skill.code)


def list_work_types(
    session: Session, page: PageRequest, *, code: str | None = None, archived: bool = False
) -> Page[WorkType]:
    """Work types with a code, archived ones or the others."""
    statement = select(WorkType).where(WorkType.archived_at.is_not(None) == archived)
    if code is not None:
        statement = statement.where(WorkType.code == code)
    return fetch_page(session, statement, page, key=WorkType.code)


def skill_levels_of(session: Session, work_type_ids: Iterable[UUID]) -> dict[UUID, list[WorkTypeSkill]]:
    """The skills that each of these work types needs."""
    rows = session.scalars(
        select(WorkTypeSkill)
        .where(WorkTypeSkill.work_type_id.in_(list(work_type_ids)))
        .order_by(WorkTypeSkill.work_type_id, WorkTypeSkill.skill_id)
    )
    found: dict[UUID, list[WorkTypeSkill]] = {}
    for row in rows:
        found.setdefault(row.work_type_id, []).append(row)
    return found
