"""Remembers who had a case in hand, so that somebody else can call the customer back."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError

from backend.db.integrity import constraint_name
from backend.db.unit_of_work import UnitOfWork
from backend.requests import queries
from backend.requests.models import CaseTouch
from schemas.requests import Touch
from sync.transaction import find, keep


def touch_case(uow: UnitOfWork, case_id: UUID, user_id: UUID, how: Touch) -> None:
    """Note that the user had the case in hand in this part of it; noted once, however often it is said.

    `case_id`: as `CaseTouch` has it.
    """
    place = ("case touched", case_id, user_id, how)
    if find(uow.session, place):
        return
    if queries.has_touched(uow.session, case_id, user_id, how):
        keep(uow.session, place, True)
        return
    try:
        with uow.savepoint():
            uow.add(CaseTouch(id=uow.mint_id(), case_id=case_id, user_id=user_id, how=how))
    except IntegrityError as error:
        if constraint_name(error) != "uq_case_touches_once":
            raise
    keep(uow.session, place, True)
