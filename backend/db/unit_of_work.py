"""The unit of work: one transaction, with its clock, its ids, its facts and its outside effects."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID

from sqlalchemy import Engine, Table, inspect, update
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from backend.db.base import Base, Record
from backend.db.engine import looking, reading, writing
from backend.db.look import Look, Looks, through
from backend.db.outbox_message import OutboxMessage, OutboxState, put_off_at
from backend.db.snapshot import Snapshot, snapshot_through
from backend.db.straight import Straight, straight_through
from schemas.errors import JsonValue
from sync.hook import WHOLE_RECORD, record_changes
from sync.sql import dialect_of, insert_rows, upsert
from sync.transaction import keep_in_mind

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True)
class Fact:
    """Something that happened and that other rooms act on. Subclasses: frozen dataclasses in `rules.py`."""


Handler: TypeAlias = Callable[["UnitOfWork", Any, Any], object]
"""`handler(uow, actor, fact)`: runs in the transaction that told the fact; what it raises undoes it."""


def system_clock() -> datetime:
    """The machine's time, aware and UTC."""
    return datetime.now(UTC)


class UnitOfWork:
    """One transaction. `UnitOfWorkFactory.begin` begins and ends it; nobody else commits."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        mint_id: Callable[[], UUID],
        handlers: Mapping[type[Fact], Sequence[Handler]],
    ) -> None:
        self.session = session
        self.now = now
        self._mint_id = mint_id
        self._handlers = handlers

    @property
    def look(self) -> Look:
        """For statements of this transaction that need no session."""
        connection = self.session.connection()
        return Look(through(connection), self.now, connection.dialect.name)

    def mint_id(self) -> UUID:
        """A new UUIDv7."""
        return self._mint_id()

    def add(self, row: Row) -> Row:
        """Write `row` now: foreign keys find it, and a broken constraint surfaces here (`IntegrityError`)."""
        return self.add_all([row])[0]

    def add_all(self, rows: Iterable[Row]) -> list[Row]:
        """Write rows in one flush. A `Record` without `created_at` gets `now`."""
        added = list(rows)
        for row in added:
            if isinstance(row, Record) and inspect(row).dict.get("created_at") is None:
                row.created_at = self.now
        self.session.add_all(added)
        self.session.flush()
        return added

    def add_at_once(self, model: type[Record], collection: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Write many new records of a collection in one statement, past the session: nobody holds them after.

        A row maps the columns that are not the same for every new record; all rows map the same ones.
        """
        added = [{**row, "revision": 1, "created_at": self.now} for row in rows]
        insert_rows(self.session, cast("Table", model.__table__), added)
        record_changes(
            self.session, collection, {cast("UUID", row["id"]): 1 for row in added}, (WHOLE_RECORD,)
        )

    def flush(self) -> None:
        """Send the changes made to loaded rows to the database."""
        self.session.flush()

    def delete(self, row: Base) -> None:
        """Delete `row` now."""
        self.session.delete(row)
        self.session.flush()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that may fail alone: an exception undoes what was done inside and goes on upward."""
        with self.session.begin_nested():
            yield

    def tell(self, actor: object, fact: Fact) -> None:
        """Run the handlers listed for this kind of fact, in the order of the list, in this transaction."""
        for handler in self._handlers.get(type(fact), ()):
            handler(self, actor, fact)

    def post(
        self,
        kind: str,
        payload: Mapping[str, JsonValue],
        *,
        key: str,
        not_before: datetime | None = None,
    ) -> None:
        """Ask for an outside effect after this transaction; a (kind, key) posted before stays as it is."""
        message = upsert(dialect_of(self.session), OutboxMessage).values(
            id=self.mint_id(),
            revision=1,
            created_at=self.now,
            kind=kind,
            key=key,
            payload=dict(payload),
            state=OutboxState.DUE,
            attempts=0,
            next_attempt_at=not_before or self.now,
        )
        self.session.execute(message.on_conflict_do_nothing(index_elements=["kind", "key"]))

    def hasten(self, kind: str, *, key: str | None = None) -> None:
        """Have messages that failed tried again now, not when their pause is over: what they lacked is here.

        All of that kind; or the one with that key, also when it was given up.
        """
        failed = put_off_at(self.now)
        if key is not None:
            failed = (failed | (OutboxMessage.state == OutboxState.DEAD)) & (OutboxMessage.key == key)
        again = update(OutboxMessage).where(failed, OutboxMessage.kind == kind)
        self.session.execute(again.values(state=OutboxState.DUE, next_attempt_at=self.now))


class UnitOfWorkFactory:
    """Begins units of work on one engine. `session_factory` is public for session hooks."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], datetime] = system_clock,
        mint_id: Callable[[], UUID] = uuid7,
        handlers: Mapping[type[Fact], Sequence[Handler]] | None = None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.mint_id = mint_id
        self.handlers: Mapping[type[Fact], Sequence[Handler]] = handlers or {}
        self.session_factory = sessionmaker(autoflush=False, expire_on_commit=False)
        keep_in_mind(self.session_factory)
        self._write_engine = writing(engine)
        self._read_engine = reading(engine)
        self._looks = Looks.of(looking(engine))

    def look(self) -> AbstractContextManager[Look]:
        """For single statements that read; the database refuses every write."""
        return self._looks.look(self.clock())

    def begin_straight(self) -> AbstractContextManager[Straight]:
        """One writing transaction of a few statements, without a session: hooks and facts stay out of it."""
        return straight_through(self._write_engine, self._looks, self.clock())

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """For statements that read the same state of the database, without a session."""
        return snapshot_through(self._read_engine, self._looks, self.clock())

    @contextmanager
    def begin(self, *, write: bool = True) -> Iterator[UnitOfWork]:
        """One transaction: committed when the block ends, rolled back when it raises.

        A failure of the commit itself is raised too: whoever leaves the block without an exception is stored.
        With `write=False` the unit sees one snapshot of the database, blocks nobody, and a write in it fails.
        On SQLite a writing unit holds the one write lock from its first moment on: do nothing slow in it.
        """
        session = self.session_factory(bind=self._write_engine if write else self._read_engine)
        try:
            session.connection()
            yield UnitOfWork(session, self.clock(), self.mint_id, self.handlers)
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()
