"""The scope as SQL, built once from the declarations: closure, its difference to a feed, reverse lookup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    false,
    func,
    literal,
    not_,
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
Among: TypeAlias = "Callable[[ColumnElement[Any], Statement], ColumnElement[bool]]"


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
    def differences(self) -> dict[tuple[str, str], Statement]:
        """Per dialect and audience kind: rows of `Difference`.

        Parameters: the closure's, `audience` and `rewrite`.
        """
        return {
            (dialect, kind): self._difference(self._closure(kind, _among(dialect, kind)), dialect)
            for dialect in ("sqlite", "postgresql")
            for kind in self.collections.audience_kinds()
        }

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

    def _closure(self, kind: str, among: Among = ColumnElement.in_) -> Statement:
        inside: dict[str, CTE] = {}
        for collection in self.collections.of_audience(kind):
            inside[collection.name] = self._inside(collection, inside, among)
        parts = [
            select(literal(name, Text).label("collection"), cte.c.id, cte.c.revision)
            for name, cte in inside.items()
        ]
        scope = union_all(*parts).cte("in_scope")
        return select(scope.c.collection, scope.c.id, scope.c.revision)

    def _inside(self, collection: Collection, inside: dict[str, CTE], among: Among) -> CTE:
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
                among(table.c.id, select(source.c[path.column.name]))
                if path.forward
                else among(path.column, select(source.c.id))
            )
            arms.append(select(*columns).where(reached))
        rows = union(*arms) if len(arms) > 1 else arms[0]
        return rows.cte(f"in_{collection.name}")

    def _difference(self, closure: Statement, dialect: str) -> Statement:
        scope, row = closure.subquery("scope"), FEED_ROWS.c
        feed = (
            select(
                row.collection,
                row.record_id,
                row.revision,
                row.hash,
                row.published,
                row.removed_at.is_(None).label("held"),
            )
            .where(row.audience == bindparam("audience", type_=Text))
            .subquery("feed")
        )
        both = _full_join(scope, feed) if dialect == "postgresql" else _two_left_joins(scope, feed)
        entered = and_(both.c.scope_revision.is_not(None), not_(both.c.held))
        left = and_(both.c.scope_revision.is_(None), both.c.held)
        differs = or_(both.c.revision != both.c.scope_revision, bindparam("rewrite", type_=Boolean))
        changed = and_(both.c.scope_revision.is_not(None), both.c.held, differs)
        columns = (
            both.c.collection,
            both.c.record_id,
            both.c.scope_revision,
            both.c.held,
            both.c.hash,
            both.c.published,
        )
        return select(*columns).where(or_(entered, left, changed))

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


def _among(dialect: str, kind: str) -> Among:
    """How to look for the rows that others lead to.

    What a person holds of a table is little and found by its index: on PostgreSQL all ids at once, as an
    array, in one scan that depends on nothing the planner believes. What everyone holds are whole tables.
    """
    return _in_array if dialect == "postgresql" and kind != EVERYONE else ColumnElement.in_


def _in_array(column: ColumnElement[Any], ids: Statement) -> ColumnElement[bool]:
    return column == any_(func.array(ids.scalar_subquery()))


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


def _full_join(scope: Subquery, feed: Subquery) -> Subquery:
    """Every record of scope or feed, once.

    PostgreSQL never plans a full join as nested loops. A left join it may: its statistics of a feed that was
    just filled are those of an empty one, and loops over 10,000 records take minutes.
    """
    return (
        select(
            func.coalesce(scope.c.collection, feed.c.collection).label("collection"),
            func.coalesce(scope.c.id, feed.c.record_id, type_=Uuid).label("record_id"),
            scope.c.revision.label("scope_revision"),
            func.coalesce(feed.c.held, false()).label("held"),
            feed.c.revision,
            feed.c.hash,
            feed.c.published,
        )
        .select_from(scope.outerjoin(feed, _same(scope, feed), full=True))
        .subquery("joined")
    )


def _two_left_joins(scope: Subquery, feed: Subquery) -> Subquery:
    """The same for SQLite, which makes an index of its own for left joins and none for full ones."""
    of_scope = select(
        scope.c.collection,
        scope.c.id.label("record_id"),
        scope.c.revision.label("scope_revision"),
        func.coalesce(feed.c.held, false()).label("held"),
        feed.c.revision,
        feed.c.hash,
        feed.c.published,
    ).select_from(scope.outerjoin(feed, _same(scope, feed)))
    only_in_feed = (
        select(
            feed.c.collection,
            feed.c.record_id,
            null(),
            feed.c.held,
            feed.c.revision,
            feed.c.hash,
            feed.c.published,
        )
        .select_from(feed.outerjoin(scope, _same(scope, feed)))
        .where(scope.c.id.is_(None))
    )
    return union_all(of_scope, only_in_feed).subquery("joined")


def _same(scope: Subquery, feed: Subquery) -> ColumnElement[bool]:
    return and_(feed.c.collection == scope.c.collection, feed.c.record_id == scope.c.id)
