"""The scope as SQL, built once from the declarations: closure, its difference to a feed, reverse lookup."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from sync.collections import EVERYONE, Collection, CollectionSet, Root, column_of
from sync.models import FEED_ROWS
from sync.sql import IDS_AT_ONCE, batches

Statement: TypeAlias = "Select[Any]"


@dataclass(frozen=True)
class Difference:
    """Where scope and feed disagree about one record.

    `scope_revision` is None when the record left the scope, `held` is False when the feed does not show it
    now. `published` is the feed row's history as stored, None when the feed never had the record.
    """

    collection: str
    record_id: UUID
    scope_revision: int | None
    held: bool
    held_hash: int
    published: str | None


class Scope:
    """All scope statements of one set of collections. Immutable; SQLAlchemy caches their SQL by identity."""

    def __init__(self, collections: CollectionSet) -> None:
        self.collections = collections

    @cached_property
    def closures(self) -> dict[str, Statement]:
        """Per audience kind: `(collection, id, revision)` of everything in scope.

        Parameters: `member` (personal kinds), `window_start`, `window_end`.
        """
        return {kind: self._closure(kind) for kind in self.collections.audience_kinds()}

    @cached_property
    def differences(self) -> dict[str, Statement]:
        """Per audience kind: rows of `Difference`; the closure's parameters, and `audience`, `rewrite`."""
        return {kind: self._difference(closure) for kind, closure in self.closures.items()}

    @cached_property
    def _lookups(self) -> dict[str, Statement]:
        return {c.name: self._reverse(c) for c in self.collections if c.audience != EVERYONE}

    def members_that_could_see(self, session: Session, collection: str, ids: list[UUID]) -> set[UUID]:
        """Members of the collection's audience kind whose scope could reach one of these records now.

        Windows and conditions are left out: too many is harmless, too few is not.
        """
        found: set[UUID] = set()
        for batch in batches(ids, IDS_AT_ONCE):
            found.update(session.connection().execute(self._lookups[collection], {"ids": batch}).scalars())
        return found

    def _closure(self, kind: str) -> Statement:
        inside: dict[str, CTE] = {}
        for collection in self.collections.of_audience(kind):
            inside[collection.name] = self._inside(collection, inside)
        parts = [
            select(literal(name, Text).label("collection"), cte.c.id, cte.c.revision)
            for name, cte in inside.items()
        ]
        scope = union_all(*parts).cte("in_scope")
        return select(scope.c.collection, scope.c.id, scope.c.revision)

    def _inside(self, collection: Collection, inside: dict[str, CTE]) -> CTE:
        """The rows of one collection that are in scope, with the columns that lead on from them."""
        table = collection.table
        onward = {
            path.column.name: path.column
            for path in self.collections.paths
            if path.forward and path.source == collection.name
        }
        columns = [table.c.id, table.c.revision, *onward.values()]
        arms = [select(*columns).where(_condition(root)) for root in collection.roots]
        for path in self.collections.into(collection.name):
            source = inside[path.source]
            reached = (
                table.c.id.in_(select(source.c[path.column.name]))
                if path.forward
                else path.column.in_(select(source.c.id))
            )
            arms.append(select(*columns).where(reached))
        rows = union(*arms) if len(arms) > 1 else arms[0]
        return rows.cte(f"in_{collection.name}")

    def _difference(self, closure: Statement) -> Statement:
        scope, row = closure.subquery("scope"), FEED_ROWS
        of_feed = row.c.audience == bindparam("audience", type_=Text)
        same = and_(row.c.collection == scope.c.collection, row.c.record_id == scope.c.id)
        stale = or_(
            row.c.record_id.is_(None),
            row.c.removed_at.is_not(None),
            row.c.revision != scope.c.revision,
            bindparam("rewrite", type_=Boolean),
        )
        held = and_(row.c.record_id.is_not(None), row.c.removed_at.is_(None))
        to_put = (
            select(
                scope.c.collection,
                scope.c.id,
                scope.c.revision,
                held.label("held"),
                row.c.hash,
                row.c.published,
            )
            .select_from(scope.outerjoin(row, and_(of_feed, same)))
            .where(stale)
        )
        to_remove = (
            select(row.c.collection, row.c.record_id, null(), true(), row.c.hash, row.c.published)
            .select_from(row.outerjoin(scope, same))
            .where(of_feed, row.c.removed_at.is_(None), scope.c.id.is_(None))
        )
        both = union_all(to_put, to_remove).subquery("difference")
        return select(*both.c)

    def _reverse(self, start: Collection) -> Statement:
        """From changed records up to the members at the roots, against the direction of scope."""
        arms: dict[str, list[Statement]] = {
            start.name: [
                select(start.table.c.id).where(
                    start.table.c.id.in_(bindparam("ids", expanding=True, type_=Uuid))
                )
            ]
        }
        members: list[Statement] = []
        for name in reversed(self.collections.order):
            if name not in arms:
                continue
            table = self.collections[name].table
            rows = union(*arms[name]) if len(arms[name]) > 1 else arms[name][0]
            above = rows.cte(f"above_{name}")
            columns = [root.audience for root in self.collections[name].roots if root.audience is not None]
            at_root = table.c.id.in_(select(above.c.id))
            members += [select(column_of(column)).where(at_root) for column in columns]
            for path in self.collections.into(name):
                source = self.collections[path.source].table
                step = (
                    select(source.c.id).where(path.column.in_(select(above.c.id)))
                    if path.forward
                    else select(path.column.label("id")).where(table.c.id.in_(select(above.c.id)))
                )
                arms.setdefault(path.source, []).append(step)
        found = union(*members).subquery("members") if len(members) > 1 else members[0].subquery("members")
        return select(found.c[0]).distinct().where(found.c[0].is_not(None))


def _condition(root: Root) -> ColumnElement[bool]:
    """The rows of one root; without `window` columns a row is held for ever."""
    conditions: list[ColumnElement[bool]] = []
    if root.audience is not None:
        conditions.append(column_of(root.audience) == bindparam("member", type_=Uuid))
    if root.window is not None:
        start, end = (column_of(attribute) for attribute in root.window)
        overlaps = and_(
            start < bindparam("window_end", type_=start.type),
            func.coalesce(end, start) >= bindparam("window_start", type_=start.type),
        )
        conditions.append(or_(start.is_(None), overlaps))
    if root.where is not None:
        conditions.append(root.where)
    return and_(true(), *conditions)
