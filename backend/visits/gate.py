"""The gate that a visit passes on its way out: what should be settled before a technician drives off."""

from backend.db.unit_of_work import UnitOfWork
from backend.parts.queries import unpacked_required
from backend.visits.models import Visit
from backend.visits.rules import DispatchRefused
from schemas.errors import JsonValue
from schemas.visits import Confirmation


def refuse_unready(uow: UnitOfWork, visit: Visit) -> None:
    """Raise DispatchRefused with all that is missing: `unconfirmed`, and `unpacked` with one entry per line.

    A visit without a technician is refused with `unassigned` in the same way, but no reason overrides that.
    """
    unpacked: list[JsonValue] = [
        {
            "checklist_item_id": str(item.id),
            "name": item.name,
            "kind": item.kind.value,
            "quantity": item.quantity,
        }
        for item in unpacked_required(uow.session, visit.id)
    ]
    unconfirmed = visit.confirmation is not Confirmation.CONFIRMED
    said = []
    if visit.technician_id is None:
        said.append("it has no technician: assign one")
    if unconfirmed:
        said.append("the customer has not confirmed the arrival window: ask him")
    if unpacked:
        names = ", ".join(str(item["name"]) for item in unpacked if isinstance(item, dict))
        said.append(f"not packed yet: {names}")
    if said:
        raise DispatchRefused(
            f"The visit cannot go out: {'; '.join(said)}.",
            unassigned=visit.technician_id is None,
            unconfirmed=unconfirmed,
            unpacked=unpacked,
        )
