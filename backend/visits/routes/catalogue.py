"""Routes of skills and work types."""

from collections.abc import Sequence
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.visits import actions, queries
from backend.visits.models import Skill, WorkType, WorkTypeSkill
from backend.visits.routes.room import Fields, room
from schemas.visits import (
    CreateSkill,
    CreateWorkType,
    EditWorkType,
    SkillBody,
    SkillLevel,
    WorkTypeBody,
    WorkTypeQuery,
)


@room.get("/skills", page_of=SkillBody, permission="skill:read")
def list_skills(uow: UnitOfWork, _: Actor, page: PageRequest) -> Page[Skill]:
    """All skills, by code."""
    return queries.list_skills(uow.session, page)


@room.post("/skills", body=CreateSkill, answer=SkillBody, creates=True, permission="skill:create")
def create_skill(uow: UnitOfWork, actor: Actor, fields: Fields) -> Skill:
    """A new skill."""
    return actions.create_skill(uow, actor, fields.pop("id", None), **fields)


@room.get("/work-types", query=WorkTypeQuery, page_of=WorkTypeBody, permission="work_type:read")
def list_work_types(uow: UnitOfWork, _: Actor, page: PageRequest, query: Fields) -> Page[WorkType]:
    """Templates of work, by code."""
    return queries.list_work_types(uow.session, page, **query)


@room.post(
    "/work-types", body=CreateWorkType, answer=WorkTypeBody, creates=True, permission="work_type:create"
)
def create_work_type(uow: UnitOfWork, actor: Actor, fields: Fields) -> WorkType:
    """A new template of work."""
    return actions.create_work_type(uow, actor, fields.pop("id", None), **fields)


@room.get("/work-types/<uuid:work_type_id>", answer=WorkTypeBody, permission="work_type:read")
def show_work_type(uow: UnitOfWork, _: Actor, work_type_id: UUID) -> WorkType:
    """One template, archived or not."""
    return queries.work_type_by_id(uow.session, work_type_id)


@room.patch(
    "/work-types/<uuid:work_type_id>",
    body=EditWorkType,
    answer=WorkTypeBody,
    edits=True,
    permission="work_type:edit",
)
def edit_work_type(uow: UnitOfWork, actor: Actor, fields: Fields, work_type_id: UUID) -> WorkType:
    """Change a template; visits that are booked already stay as they are."""
    return actions.edit_work_type(uow, actor, work_type_id, **fields)


@room.post("/work-types/<uuid:work_type_id>/archive", answer=WorkTypeBody, permission="work_type:archive")
def archive_work_type(uow: UnitOfWork, actor: Actor, work_type_id: UUID) -> WorkType:
    """No new work is made from it."""
    return actions.archive_work_type(uow, actor, work_type_id)


@room.get("/work-types/<uuid:work_type_id>/skills", answer=SkillLevel, many=True, permission="work_type:read")
def list_skills_of_work_type(uow: UnitOfWork, _: Actor, work_type_id: UUID) -> Sequence[WorkTypeSkill]:
    """The skills that the work needs, and at which level."""
    work_type = queries.work_type_by_id(uow.session, work_type_id)
    return queries.skill_levels_of(uow.session, [work_type.id]).get(work_type.id, [])
