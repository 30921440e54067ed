"""Who of finance may come in, as people of finance see and end it; the first one is made at the machine."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.models import Person
from backend.payments.people import shut_out
from backend.payments.permissions import requires
from backend.payments.rules.errors import LastToComeIn


@requires("person:read")
def list_people(uow: UnitOfWork, person: Actor) -> Sequence[Person]:
    """Everybody of finance, those who may no longer come in as well."""
    return queries.people(uow.session)


@requires("person:disable")
def disable_person(uow: UnitOfWork, person: Actor, person_id: UUID) -> Person:
    """Let somebody of finance in no more, from this moment; again changes nothing.

    What they asked, approved and posted stays. Raises PersonNotFound, LastToComeIn.
    """
    if person_id == person.user_id:
        raise LastToComeIn("Have somebody else of finance do it, or whoever runs the payments process.")
    found = queries.person_by_id(uow.session, person_id)
    shut_out(uow, found)
    return found
