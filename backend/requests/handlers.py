"""What requests do when a room above tells a fact; `app` lists these beside the facts."""

from backend.access.actor import Actor
from backend.customers.rules import SiteLocated
from backend.db.unit_of_work import UnitOfWork
from backend.requests.queries import unlocated_at


def clear_needs_location(uow: UnitOfWork, _: Actor, fact: SiteLocated) -> None:
    """The site has a place now, so its requests no longer need one."""
    for request in unlocated_at(uow.session, fact.site_id):
        request.needs_location = False
    uow.flush()
