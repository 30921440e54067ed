"""Service requests that tests begin with."""

from typing import Any

from backend.access.actor import Actor
from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.requests import actions
from backend.requests.models import ServiceRequest
from schemas.requests import Channel
from tests.given import customers


def a_service_request(uow: UnitOfWork, actor: Actor = SYSTEM, **over: Any) -> ServiceRequest:
    """A request by telephone, at a new site unless one is given."""
    if "customer_id" not in over:
        site = customers.a_site(uow)
        over |= {"customer_id": site.customer_id, "site_id": over.get("site_id", site.id)}
    fields = {"channel": Channel.PHONE, "said": "The boiler is cold.", "category": "Boiler", **over}
    return actions.take_service_request(uow, actor, fields.pop("id", None), **fields)
