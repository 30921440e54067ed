"""What a store that pushes rows, and no mutations, may do: declared per collection beside everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.errors import JsonValue


@dataclass(frozen=True)
class RowRules:
    """Which mutations the rows of a collection stand for. What is not declared is the server's.

    `creates`: the type of mutation that a new row stands for, by the value of its field `by` (without `by`
    there is one type, under ""). `record` is the field of the row that names the mutation's record; when that
    is not the row itself, the row's id travels in the mutation's field `row_id`. `edits`: the types that
    changed fields stand for; each takes those of its shape, and the required ones with them. `deletes`: the
    type that a deletion stands for.
    """

    creates: Mapping[str, str] = field(default_factory=dict)
    by: str | None = None
    record: str = "id"
    row_id: str | None = None
    edits: tuple[str, ...] = ()
    deletes: str | None = None

    def creates_for(self, row: Mapping[str, JsonValue]) -> str | None:
        """The type that this new row stands for, None when devices make no such rows."""
        value = row.get(self.by) if self.by is not None else ""
        return self.creates.get(value) if isinstance(value, str) else None

    def types(self) -> set[str]:
        """All types named here."""
        return {*self.creates.values(), *self.edits, *([self.deletes] if self.deletes else ())}


def one_creation(type_: str) -> dict[str, str]:
    """`creates` of a collection whose new rows all stand for the same type."""
    return {"": type_}
