"""HTTP for the desk of finance: what waits, what is disputed, and who comes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments import actions
from backend.payments.matters import Matter
from backend.payments.models import Person
from backend.payments.wiring import payments_wiring
from backend.web.blueprint import Room
from schemas.payments import DisputeBody, MatterBody, PersonBody, SettleMatter

Fields = dict[str, Any]

desk = Room("desk", __name__, description="What waits for somebody of finance, and who they are.")


@desk.get("/matters", answer=MatterBody, many=True, permission="matter:read")
def list_matters(uow: UnitOfWork, person: Actor) -> Sequence[Matter]:
    """Everything that waits for somebody of finance, with what to do next."""
    return actions.list_matters(uow, person, terms=payments_wiring().terms)


@desk.post("/matters/<uuid:subject_id>/settle", body=SettleMatter, permission="matter:settle")
def settle_matter(uow: UnitOfWork, person: Actor, fields: Fields, subject_id: UUID) -> None:
    """Say that something was dealt with that nothing else would end."""
    actions.settle_matter(uow, person, subject_id, **fields)


@desk.post("/unsent-messages/<uuid:message_id>/retry", permission="unsent_message:retry")
def retry_unsent_message(uow: UnitOfWork, person: Actor, message_id: UUID) -> None:
    """Try a message again that was given up."""
    actions.retry_unsent_message(uow, person, message_id)


@desk.get("/disputes", answer=DisputeBody, many=True, permission="dispute:read")
def list_disputes(uow: UnitOfWork, person: Actor) -> Sequence[dict[str, object]]:
    """Card payments that their holders' banks dispute, and what to do next."""
    return actions.list_disputes(uow, person)


@desk.get("/people", answer=PersonBody, many=True, permission="person:read")
def list_people(uow: UnitOfWork, person: Actor) -> Sequence[Person]:
    """Everybody of finance."""
    return actions.list_people(uow, person)


@desk.post("/people/<uuid:person_id>/disable", answer=PersonBody, permission="person:disable")
def disable_person(uow: UnitOfWork, person: Actor, person_id: UUID) -> Person:
    """Let somebody of finance in no more; whoever is signed in is out at once."""
    return actions.disable_person(uow, person, person_id)
