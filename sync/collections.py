"""What devices hold, declared as data: collections, roots and edges, and what is checked of them at start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from marshmallow import Schema
from sqlalchemy import Column, ColumnElement, PrimaryKeyConstraint, Table, UniqueConstraint, inspect
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapper

from sync.row_rules import RowRules

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)

EVERYONE = "everyone"
"""The audience kind of reference data: one feed that all devices share."""


class Kind(StrEnum):
    """How concurrent edits of a field (or a whole mutation) are merged."""

    FACT = "fact"
    PROMISE = "promise"
    STATUS = "status"
    QUANTITY = "quantity"
    ANSWER = "answer"
    SEALED = "sealed"


@dataclass(frozen=True)
class Root:
    """Rows an audience holds for their own sake.

    `audience` is the column that holds the audience member's id (None: the collection belongs to everyone).
    `window` is a pair of instants (start, end): the row is held while it overlaps local day -3 … +14 of the
    audience's time zone; rows without a start are always held. `where` may use columns of the own table only,
    because a row in another table could change without this one being looked at again.
    """

    audience: InstrumentedAttribute[object] | None
    window: tuple[InstrumentedAttribute[object], InstrumentedAttribute[object]] | None = None
    where: ColumnElement[bool] | None = None


@dataclass(frozen=True)
class Edge:
    """A reference that carries scope along, declared by the room that owns the column.

    "target": the record of `to` that the column names comes with its owner.
    "owner": rows of this table come along when the record of `to` that they name is in scope.
    """

    column: InstrumentedAttribute[object]
    to: str
    brings: Literal["target", "owner"]


@dataclass(frozen=True)
class Collection:
    """A named kind of record that devices hold: one table, one shape.

    `kinds` says per field how edits merge. `conflict_keeps` is the policy for an answer that somebody else
    changed meanwhile: both values go to the inbox, this one stands. `shape_version` grows whenever the bodies
    of unchanged rows would be written differently, so that every feed rewrites them. `rows` says what stores
    may do that push rows.
    """

    name: str
    model: type[DeclarativeBase]
    shape: type[Schema]
    audience: str
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    roots: tuple[Root, ...] = ()
    edges: tuple[Edge, ...] = ()
    shape_version: int = 1
    conflict_keeps: Literal["server", "device"] = "server"
    rows: RowRules = field(default_factory=RowRules)

    @property
    def mapper(self) -> Mapper[DeclarativeBase]:
        """The SQLAlchemy mapper of the model."""
        return inspect(self.model)

    @property
    def table(self) -> Table:
        """The one table the collection lives in."""
        table = self.mapper.local_table
        if not isinstance(table, Table):
            raise BadDeclaration(f"{self.name}: the model must map one table")
        return table


class BadDeclaration(Exception):
    """Collections or mutation types contradict each other; found when the process starts, never later."""


@dataclass(frozen=True)
class Path:
    """One step along which scope travels: a row of `source` in scope brings rows of `target`.

    `column` belongs to the source when `forward` (it names the target's id), else to the target (it names the
    source's id).
    """

    source: str
    target: str
    column: Column[object]
    forward: bool


def column_of(attribute: InstrumentedAttribute[object]) -> Column[object]:
    """The table column behind a mapped attribute."""
    column = attribute.property.columns[0]
    if not isinstance(column, Column):
        raise BadDeclaration(f"{attribute} is not a plain column")
    return column


class CollectionSet:
    """All collections of one deployment, checked against each other and put in the order scope travels."""

    def __init__(self, collections: Iterable[Collection]) -> None:
        self._by_name: dict[str, Collection] = {}
        for collection in collections:
            if collection.name in self._by_name:
                raise BadDeclaration(f"{collection.name}: declared twice")
            self._by_name[collection.name] = collection
        self.by_table: dict[Table, Collection] = {}
        for collection in self:
            _check_collection(collection)
            if collection.table in self.by_table:
                raise BadDeclaration(f"{collection.name}: its table is already another collection's")
            self.by_table[collection.table] = collection
        self.paths: tuple[Path, ...] = tuple(
            self._path(owner, edge) for owner in self for edge in owner.edges
        )
        self.order: tuple[str, ...] = self._sorted()
        self._check_reachable()

    def __iter__(self) -> Iterator[Collection]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Collection:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def audience_kinds(self) -> tuple[str, ...]:
        """Audience kinds in the order feeds are refreshed: personal ones first, everyone last."""
        kinds = {collection.audience for collection in self}
        return tuple(sorted(kinds, key=lambda kind: (kind == EVERYONE, kind)))

    def of_audience(self, kind: str) -> tuple[Collection, ...]:
        """The collections of one audience kind, parents of every edge before their children."""
        return tuple(self[name] for name in self.order if self[name].audience == kind)

    def into(self, target: str) -> tuple[Path, ...]:
        """Paths that bring rows of this collection into scope."""
        return tuple(path for path in self.paths if path.target == target)

    def owner_of(self, name: str) -> Path | None:
        """The step from a record of this collection up to the one it hangs on, if the collection has one."""
        owners = (path for path in self.into(name) if not path.forward)
        return next(owners, None)

    def shape_of(self, kind: str) -> str:
        """One word for the shapes of the bodies in such a feed; when it changes, all are rewritten."""
        return self._shapes.get(kind, "")

    def must_rewrite(self, kind: str, shape: str) -> bool:
        """Whether a feed of this shape is rewritten: the shape is not ours, and not a newer release's.

        Two releases side by side would rewrite each other's feeds at every pull. A shape is newer when it has
        each collection of ours, none in an older version.
        """
        if shape == self.shape_of(kind):
            return False
        theirs, ours = _versions(shape), _versions(self.shape_of(kind))
        return not all(theirs.get(name, 0) >= version for name, version in ours.items())

    @cached_property
    def _shapes(self) -> dict[str, str]:
        ordered = sorted(self, key=lambda c: c.name)
        return {
            kind: ",".join(f"{c.name}:{c.shape_version}" for c in ordered if c.audience == kind)
            for kind in self.audience_kinds()
        }

    def _path(self, owner: Collection, edge: Edge) -> Path:
        if edge.to not in self:
            raise BadDeclaration(f"{owner.name}: an edge leads to {edge.to!r}, which is no collection")
        column = column_of(edge.column)
        if column.table is not owner.table:
            raise BadDeclaration(f"{owner.name}: the edge column {column} belongs to another table")
        if self[edge.to].audience != owner.audience:
            raise BadDeclaration(
                f"{owner.name}: an edge may not lead from one audience kind to another ({edge.to})"
            )
        if edge.brings == "target":
            return Path(owner.name, edge.to, column, forward=True)
        if owner.audience != EVERYONE:
            _check_indexed(owner.name, column)
        return Path(edge.to, owner.name, column, forward=False)

    def _sorted(self) -> tuple[str, ...]:
        sorter: TopologicalSorter[str] = TopologicalSorter({collection.name: () for collection in self})
        for path in self.paths:
            sorter.add(path.target, path.source)
        try:
            return tuple(sorter.static_order())
        except CycleError as error:
            raise BadDeclaration(f"edges go in a circle: {' → '.join(error.args[1])}") from error

    def _check_reachable(self) -> None:
        reached = {collection.name for collection in self if collection.roots}
        for name in self.order:
            if any(path.source in reached for path in self.into(name)):
                reached.add(name)
        unreached = sorted(collection.name for collection in self if collection.name not in reached)
        if unreached:
            raise BadDeclaration(f"no root leads to {', '.join(unreached)}: no device would ever hold it")


def _check_collection(collection: Collection) -> None:
    """Raise BadDeclaration when one collection by itself cannot work."""
    table, mapper = collection.table, collection.mapper
    if not _NAME.fullmatch(collection.name):
        raise BadDeclaration(f"{collection.name!r}: a name has lower-case letters, digits and underscores")
    for needed in ("id", "revision"):
        if needed not in table.c:
            raise BadDeclaration(f"{collection.name}: its table has no column {needed!r}")
    if mapper.version_id_col is not table.c.revision:
        raise BadDeclaration(f"{collection.name}: revision must be the mapper's version_id_col")
    unknown = set(collection.kinds) - {attribute.key for attribute in mapper.column_attrs}
    if unknown:
        raise BadDeclaration(f"{collection.name}: kinds for unknown fields {sorted(unknown)}")
    for root in collection.roots:
        _check_root(collection, root)


def _versions(shape: str) -> dict[str, int]:
    """Collections and their versions in the word for a feed's shapes; nothing of a word that is none."""
    pairs = (one.rpartition(":") for one in shape.split(","))
    return {name: int(version) for name, _, version in pairs if version.isdigit()}


def _check_root(collection: Collection, root: Root) -> None:
    personal = collection.audience != EVERYONE
    if personal != (root.audience is not None):
        raise BadDeclaration(
            f"{collection.name}: a root needs an audience column exactly when it is personal"
        )
    if root.window is not None and not personal:
        raise BadDeclaration(f"{collection.name}: a window needs an audience with a local day")
    own = [column_of(attribute) for attribute in root.window or ()]
    if root.audience is not None:
        own.append(column_of(root.audience))
        _check_indexed(collection.name, own[-1])
    if any(column.table is not collection.table for column in own):
        raise BadDeclaration(f"{collection.name}: a root may use columns of its own table only")
    if root.where is not None and set(root.where._from_objects) - {collection.table}:
        raise BadDeclaration(f"{collection.name}: a root's condition may use columns of its own table only")


def _check_indexed(name: str, column: Column[object]) -> None:
    """A person's part of a table is looked for by these columns, at every refresh."""
    table = column.table
    assert isinstance(table, Table)
    keys = [
        key.columns for key in table.constraints if isinstance(key, UniqueConstraint | PrimaryKeyConstraint)
    ]
    begins = [next(iter(columns), None) for columns in (*keys, *(index.columns for index in table.indexes))]
    if not any(first is column for first in begins):
        raise BadDeclaration(f"{name}: {column} leads into scope and needs an index")
