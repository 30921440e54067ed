"""Tells a refresh on PostgreSQL whether an expand came in between: only then must it look a second time.

Every expand leaves a new version of the state's row, and holds a lock from before it takes changes until that
version is committed. A refresh that finds the version it began with, and can keep expands off until it has
committed, knows: what was expanded was committed before it read its scope; what is expanded from now on is
expanded by somebody who sees its rows.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Boolean, Text, bindparam, cast, func, literal_column, select, update
from sqlalchemy.orm import Session

from sync.host import Straight
from sync.models import STATE

_LOCK = 0x73796E63
"""Of advisory locks, ours in this database."""

VERSION = (
    select(cast(literal_column(f"{STATE.name}.xmin"), Text)).where(STATE.c.id == 1).scalar_subquery()
).label("version")
"""Which expand was the latest to commit: the transaction that wrote the state's row."""
KEEP_OFF = func.pg_try_advisory_xact_lock_shared(_LOCK, type_=Boolean)
"""Whether no expand runs, or waits to; then none does until the transaction of this expression has ended."""

_ALONE = select(func.pg_advisory_xact_lock(_LOCK))
_NEW_VERSION = update(STATE).where(STATE.c.id == 1).values(epoch=STATE.c.epoch)
_IS_LATEST = select(bindparam("seen", type_=Text) == VERSION)


def begin_expand(session: Session) -> None:
    """Wait until nobody else expands and no refresh commits; until this transaction ends, none does."""
    session.connection().execute(_ALONE)
    session.connection().execute(_NEW_VERSION)


def nobody_came(straight: Straight, version: str | None) -> Callable[[], bool]:
    """Whether `version` is still the latest; worth something where KEEP_OFF said yes a statement before."""
    asked = straight.later(_IS_LATEST, {"seen": version})
    return lambda: bool(asked()[0][0])
