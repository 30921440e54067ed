"""What holds for kits, checklists and van stock: ticks, dispatch lines, signed deltas."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from backend.db.unit_of_work import Fact
from schemas.errors import DomainError, ErrorKind, RecordNotFound
from schemas.parts import MovementReason, PartKind, UsageDirection


class PartNotFound(RecordNotFound):
    """There is no such part."""

    title = "There is no such part."


class KitNotFound(RecordNotFound):
    """There is no such kit."""

    title = "There is no such kit."


class ChecklistItemNotFound(RecordNotFound):
    """There is no such checklist line, or it is not for these eyes."""

    title = "There is no such checklist line."


class PartUsageNotFound(RecordNotFound):
    """There is no such part usage, or it is not for these eyes."""

    title = "There is no such part usage."


class StockMovementNotFound(RecordNotFound):
    """There is no such stock movement, or it is not for these eyes."""

    title = "There is no such stock movement."


class SkuTaken(DomainError):
    """Another part already has this stock number."""

    title = "The stock number is taken."
    kind = ErrorKind.CONFLICT


class KitNameTaken(DomainError):
    """Another kit already has this name."""

    title = "The name of the kit is taken."
    kind = ErrorKind.CONFLICT


class PartRepeated(DomainError):
    """A kit or a checklist names a part twice."""

    title = "The part is listed already."
    kind = ErrorKind.CONFLICT


class PriceWithoutCurrency(DomainError):
    """A price needs its currency, and a currency its price."""

    title = "Price and currency belong together."
    kind = ErrorKind.INVALID


class VerifiedButNotPacked(DomainError):
    """What is not packed cannot have been seen in the van."""

    title = "A line cannot be verified without being packed."
    kind = ErrorKind.INVALID


class ChecklistNoLongerYours(DomainError):
    """The visit was given to somebody else, who has another van."""

    title = "The visit is no longer yours."
    kind = ErrorKind.REVOKED


class LineOfAnotherPart(DomainError):
    """The named checklist line is of another visit or another part."""

    title = "The checklist line does not fit."
    kind = ErrorKind.INVALID


class MovementContradicted(DomainError):
    """The sign of a movement contradicts its reason, or only part usages may have that reason."""

    title = "The amount does not fit the reason."
    kind = ErrorKind.INVALID


class ForeignVan(DomainError):
    """A technician moves the stock of his own van only."""

    title = "This is the van of somebody else."
    kind = ErrorKind.FORBIDDEN


@dataclass(frozen=True)
class PartsHandled(Fact):
    """Somebody packed, ticked, counted or used something for a visit."""

    visit_id: UUID


class ChecklistLine(Protocol):
    """What the rules read of a checklist line."""

    @property
    def kind(self) -> PartKind: ...

    @property
    def quantity(self) -> int: ...

    @property
    def required(self) -> bool: ...

    @property
    def packed(self) -> bool: ...

    @property
    def quantity_used(self) -> int: ...

    @property
    def quantity_returned(self) -> int: ...


L = TypeVar("L", bound=ChecklistLine)


def ticked(
    packed: bool, verified: bool, *, new_packed: bool | None, new_verified: bool | None
) -> tuple[bool, bool]:
    """`packed` and `verified` after a tick; None leaves a value as it is.

    What is seen in the van is packed, and what is unpacked is no longer in the van. Raises
    VerifiedButNotPacked when a tick says both that it is in the van and that it is not packed.
    """
    if new_verified and new_packed is False:
        raise VerifiedButNotPacked("Send packed as true, or leave it out.")
    if new_verified is not None:
        packed, verified = packed or new_verified, new_verified
    if new_packed is not None:
        packed, verified = new_packed, verified and new_packed
    return packed, verified


def missing_for_dispatch(lines: Iterable[L]) -> list[L]:
    """The required lines that are not packed: while there is one, the visit is not dispatched."""
    return [line for line in lines if line.required and not line.packed]


def stock_delta(direction: UsageDirection, kind: PartKind, quantity: int) -> int:
    """What a part usage does to the van's stock: a tool that was used is still in the van."""
    if direction is UsageDirection.USED and kind is PartKind.TOOL:
        return 0
    return -quantity


REASON_OF_USAGE = {UsageDirection.USED: MovementReason.USE, UsageDirection.RETURNED: MovementReason.RETURN}
"""The reason of the movement that a part usage makes."""


def check_movement(reason: MovementReason, quantity_delta: int) -> None:
    """Raise MovementContradicted unless loads add and returns subtract; a count may do either."""
    if reason is MovementReason.USE:
        raise MovementContradicted("Record a part usage at the visit instead; it moves the stock itself.")
    if quantity_delta == 0:
        raise MovementContradicted("Send an amount other than 0.")
    if (reason is MovementReason.LOAD and quantity_delta < 0) or (
        reason is MovementReason.RETURN and quantity_delta > 0
    ):
        raise MovementContradicted("A load adds to the van, a return takes from it.")


def check_price(price_minor: int | None, currency: str | None) -> None:
    """Raise PriceWithoutCurrency unless both are there or neither."""
    if (price_minor is None) != (currency is None):
        raise PriceWithoutCurrency("Send both price_minor and currency, or null for both.")
