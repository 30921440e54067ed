"""`GET /health`: whether this process can do its work, for load balancers and supervisors."""

from __future__ import annotations

from flask import Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.access.actor import Actor
from backend.db.faults import is_damage
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.web.blueprint import Room
from backend.web.problems import TemporarilyUnavailable
from schemas.base import Line, Shape

room = Room("health", __name__, description="Whether the server can work.")


class Health(Shape):
    """That the database answers."""

    status = Line(max=20, required=True)


@room.get("/health", answer=Health, permission_free=True, own_transactions=True)
def look_after_health(factory: UnitOfWorkFactory, _: Actor) -> dict[str, str] | Response:
    """Whether the database answers; 503 when it does not."""
    try:
        with factory.begin(write=False) as uow:
            uow.session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        if is_damage(error):
            raise
        raise TemporarilyUnavailable("The database does not answer; look at its log.") from error
    return {"status": "ok"}
