"""Technicians and their shifts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actions import create_user
from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.creation import created_before
from backend.db.types import Coordinates
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import queries
from backend.dispatch.models import Shift, Technician, TechnicianSkill
from backend.dispatch.rules import check_shift, home_of, territory_of
from backend.visits.queries import skill_by_id
from schemas.access import Role
from schemas.dispatch import ShiftKind


class Corner(TypedDict):
    """A corner of a territory, in degrees."""

    latitude: float
    longitude: float


class SkillLevel(TypedDict):
    """A skill and how much of it, 1…5."""

    skill_id: UUID
    level: int


class TechnicianChanges(TypedDict, total=False):
    """What an edit may change; absent keys stay. The coordinates of the home base come together."""

    phone: str | None
    home_latitude: float | None
    home_longitude: float | None
    territory: Sequence[Corner] | None
    active: bool
    skills: Sequence[SkillLevel]


@requires("technician:create")
def create_technician(
    uow: UnitOfWork,
    actor: Actor,
    technician_id: UUID | None = None,
    *,
    email: str,
    display_name: str,
    time_zone: str,
    phone: str | None = None,
    home_latitude: float | None = None,
    home_longitude: float | None = None,
    territory: Sequence[Corner] | None = None,
    skills: Sequence[SkillLevel] = (),
    password_hash: str | None = None,
) -> Technician:
    """A technician and the user of the same id; coordinates in degrees (WGS 84).

    Raises IdAlreadyUsed, HalfAHome, TerritoryInvalid, SkillNotFound.
    """
    content = {
        "display_name": display_name,
        "time_zone": time_zone,
        "phone": phone,
        "home": home_of(home_latitude, home_longitude),
        "territory": _area(territory),
    }
    if known := created_before(uow, Technician, technician_id, **content):
        return known
    user = create_user(
        uow,
        actor,
        technician_id,
        email=email,
        display_name=display_name,
        role=Role.TECHNICIAN,
        time_zone=time_zone,
        password_hash=password_hash,
    )
    technician = uow.add(Technician(id=user.id, active=True, **content))
    _teach(uow, technician.id, skills)
    return technician


@requires("technician:edit")
def edit_technician(
    uow: UnitOfWork, actor: Actor, technician_id: UUID, **changes: Unpack[TechnicianChanges]
) -> Technician:
    """Change a technician; visits he has already stay his.

    Raises TechnicianNotFound, HalfAHome, TerritoryInvalid, SkillNotFound.
    """
    technician = queries.technician_for(uow.session, actor, technician_id)
    if "phone" in changes:
        technician.phone = changes["phone"]
    if "active" in changes:
        technician.active = changes["active"]
    if "home_latitude" in changes or "home_longitude" in changes:
        technician.home = home_of(changes.get("home_latitude"), changes.get("home_longitude"))
    if "territory" in changes:
        technician.territory = _area(changes["territory"])
    if "skills" in changes:
        _teach(uow, technician_id, changes["skills"])
    return technician


def _area(corners: Sequence[Corner] | None) -> tuple[Coordinates, ...] | None:
    if corners is None:
        return None
    return territory_of([Coordinates(corner["latitude"], corner["longitude"]) for corner in corners])


def _teach(uow: UnitOfWork, technician_id: UUID, skills: Sequence[SkillLevel]) -> None:
    wanted: Mapping[UUID, int] = {skill["skill_id"]: skill["level"] for skill in skills}
    known = {row.skill_id: row for row in queries.skills_of(uow.session, technician_id)}
    for skill_id in known.keys() - wanted.keys():
        uow.delete(known[skill_id])
    for skill_id, level in wanted.items():
        skill_by_id(uow.session, skill_id)
        if skill_id in known:
            known[skill_id].level = level
        else:
            uow.add(
                TechnicianSkill(id=uow.mint_id(), technician_id=technician_id, skill_id=skill_id, level=level)
            )


@requires("shift:create")
def create_shift(
    uow: UnitOfWork,
    actor: Actor,
    shift_id: UUID | None = None,
    *,
    technician_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    kind: ShiftKind = ShiftKind.WORK,
) -> Shift:
    """When a technician works, or is away. Raises TechnicianNotFound, ShiftInvalid, IdAlreadyUsed."""
    check_shift(starts_at, ends_at, kind)
    technician = queries.technician_for(uow.session, actor, technician_id)
    content = {"technician_id": technician.id, "starts_at": starts_at, "ends_at": ends_at, "kind": kind}
    if known := created_before(uow, Shift, shift_id, **content):
        return known
    return uow.add(Shift(id=shift_id or uow.mint_id(), **content))


@requires("shift:remove")
def remove_shift(uow: UnitOfWork, actor: Actor, shift_id: UUID) -> None:
    """The shift or leave is off; visits planned in it stay where they are. Raises ShiftNotFound."""
    uow.delete(queries.shift_for(uow.session, actor, shift_id))
