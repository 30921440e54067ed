"""Skills and work types: the templates that work is made from."""

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.visits import queries
from backend.visits.models import Skill, WorkType, WorkTypeSkill


class SkillLevel(TypedDict):
    """A skill and how much of it, 1…5."""

    skill_id: UUID
    level: int


class WorkTypeChanges(TypedDict, total=False):
    """What an edit may change; absent keys stay. `skills` replaces all of them."""

    name: str
    duration_minutes: int
    kit_id: UUID | None
    instructions: str | None
    skills: Sequence[SkillLevel]


@requires("skill:create")
def create_skill(
    uow: UnitOfWork, actor: Actor, skill_id: UUID | None = None, *, code: str, name: str
) -> Skill:
    """A new skill; raises IdAlreadyUsed, CodeTaken (as a broken constraint)."""
    if known := created_before(uow, Skill, skill_id, code=code, name=name):
        return known
    return uow.add(Skill(id=skill_id or uow.mint_id(), code=code, name=name))


@requires("work_type:create")
def create_work_type(
    uow: UnitOfWork,
    actor: Actor,
    work_type_id: UUID | None = None,
    *,
    code: str,
    name: str,
    duration_minutes: int,
    kit_id: UUID | None = None,
    instructions: str | None = None,
    skills: Sequence[SkillLevel] = (),
) -> WorkType:
    """A new template. Raises SkillNotFound, KitNotFound, IdAlreadyUsed, CodeTaken (as a broken
    constraint)."""
    content = {
        "code": code,
        "name": name,
        "duration_minutes": duration_minutes,
        "kit_id": kit_id,
        "instructions": instructions,
    }
    if known := created_before(uow, WorkType, work_type_id, **content):
        return known
    work_type = uow.add(WorkType(id=work_type_id or uow.mint_id(), **content))
    _require_skills(uow, work_type.id, skills)
    return work_type


@requires("work_type:edit")
def edit_work_type(
    uow: UnitOfWork, actor: Actor, work_type_id: UUID, **changes: Unpack[WorkTypeChanges]
) -> WorkType:
    """Change a template; visits that are booked already stay as they are. Raises WorkTypeNotFound,
    SkillNotFound."""
    work_type = queries.work_type_by_id(uow.session, work_type_id)
    for name, value in changes.items():
        if name != "skills":
            setattr(work_type, name, value)
    if "skills" in changes:
        _require_skills(uow, work_type_id, changes["skills"])
    return work_type


@requires("work_type:archive")
def archive_work_type(uow: UnitOfWork, actor: Actor, work_type_id: UUID) -> WorkType:
    """No new work is made from it; what was made stays. Twice is once."""
    work_type = queries.work_type_by_id(uow.session, work_type_id)
    work_type.archived_at = work_type.archived_at or uow.now
    return work_type


def _require_skills(uow: UnitOfWork, work_type_id: UUID, skills: Sequence[SkillLevel]) -> None:
    wanted: Mapping[UUID, int] = {skill["skill_id"]: skill["level"] for skill in skills}
    known = {
        row.skill_id: row
        for row in queries.skill_levels_of(uow.session, [work_type_id]).get(work_type_id, [])
    }
    for skill_id in known.keys() - wanted.keys():
        uow.delete(known[skill_id])
    for skill_id, level in wanted.items():
        queries.skill_by_id(uow.session, skill_id)
        if skill_id in known:
            known[skill_id].level = level
        else:
            uow.add(
                WorkTypeSkill(id=uow.mint_id(), work_type_id=work_type_id, skill_id=skill_id, level=level)
            )
