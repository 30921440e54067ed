"""Parts, tools and kits that tests begin with."""

from typing import Any

from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.parts import actions
from backend.parts.models import Part
from backend.parts.queries import KitWithLines
from schemas.parts import PartKind


def a_part(uow: UnitOfWork, **over: Any) -> Part:
    """A part with a price."""
    fields = {
        "sku": f"SKU-{uow.mint_id()}",
        "name": "Gasket 40 mm",
        "kind": PartKind.PART,
        "price_minor": 1250,
        "currency": "EUR",
        **over,
    }
    return actions.create_part(uow, SYSTEM, fields.pop("id", None), **fields)


def a_tool(uow: UnitOfWork, **over: Any) -> Part:
    """A tool, which has no price."""
    fields = {"name": "Pipe wrench", "kind": PartKind.TOOL, "price_minor": None, "currency": None, **over}
    return a_part(uow, **fields)


def a_kit(uow: UnitOfWork, *, parts: tuple[Part, ...] = (), **over: Any) -> KitWithLines:
    """A kit with two of each part, all required; of one part and one tool when none are given."""
    parts = parts or (a_part(uow), a_tool(uow))
    lines = [{"part_id": part.id, "quantity": 2, "required": True} for part in parts]
    fields = {"name": f"Kit {uow.mint_id()}", "lines": lines, **over}
    return actions.create_kit(uow, SYSTEM, fields.pop("id", None), **fields)
