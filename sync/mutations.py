"""What devices may do: the table of mutation types that the host fills in, and what becomes of a mutation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from marshmallow import Schema

from sync.collections import BadDeclaration, CollectionSet, Kind


class Outcome(StrEnum):
    """What became of a mutation. Every one counts as received."""

    APPLIED = "applied"
    MERGED = "merged"
    OVERRIDDEN = "overridden"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True)
class MutationType:
    """One thing a user can do offline.

    `name` is "visit.arrive"; `shape` loads `fields`; the engine calls
    `use_case(uow, actor, record_id, occurred_at=…, **fields)`, the function that the HTTP route calls too.
    `kind` decides what happens before the call: for ANSWER and PROMISE each field is merged by its kind in
    the collection, all others go to the use case untouched. `schemas` lists the versions of `fields` still
    understood. `from_revoked` is for evidence: it is taken from a revoked device too, and shown to people,
    because what it announces could not follow otherwise.

    `together(uow, actor, items)`, for facts: writes many new ones at once, or raises and writes none. An item
    is a mapping with `id`, `occurred_at` and the fields.
    """

    name: str
    collection: str
    shape: type[Schema]
    use_case: Callable[..., object]
    kind: Kind
    schemas: frozenset[int] = frozenset({1})
    from_revoked: bool = False
    together: Callable[..., object] | None = None


class MutationTable:
    """All mutation types of one deployment, by name, checked against the collections at start."""

    def __init__(self, types: Iterable[MutationType], collections: CollectionSet) -> None:
        self._by_name: dict[str, MutationType] = {}
        for mutation_type in types:
            if mutation_type.name in self._by_name:
                raise BadDeclaration(f"mutation type {mutation_type.name} is declared twice")
            if mutation_type.collection not in collections:
                raise BadDeclaration(f"{mutation_type.name}: {mutation_type.collection!r} is no collection")
            self._by_name[mutation_type.name] = mutation_type

    def get(self, name: str) -> MutationType | None:
        """The type of that name, None when this server does not know it."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[MutationType]:
        return iter(self._by_name.values())
