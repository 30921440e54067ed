"""What the engine needs from the application it runs in, as protocols: a unit of work, and who is asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Executable, Select
from sqlalchemy.orm import Session

from schemas.errors import DomainError
from sync.collections import EVERYONE
from sync.sql import Parameters


@dataclass(frozen=True)
class Audience:
    """Who shares one view: `Audience("technician", id)` or `Audience("everyone")`."""

    kind: str
    member: UUID | None = None

    @cached_property
    def key(self) -> str:
        """The feed's name, "technician:<uuid>" or "everyone"."""
        return self.kind if self.member is None else f"{self.kind}:{self.member}"

    @classmethod
    def parse(cls, key: str) -> Audience:
        """The audience of a feed's name."""
        kind, _, member = key.partition(":")
        return cls(kind, UUID(member) if member else None)


EVERYBODY = Audience(EVERYONE)


@dataclass(frozen=True)
class Caller:
    """Who is asking in this request.

    `actor` is handed to use cases untouched. `audiences` in the order their feeds are refreshed and sent:
    personal ones first, then everyone. `time_zone` is the IANA zone whose calendar days make the window.
    """

    device_id: UUID
    user_id: UUID
    actor: object
    audiences: tuple[Audience, ...]
    time_zone: str
    revoked_at: datetime | None = None

    @property
    def inbox_owner(self) -> UUID:
        """Whose devices see the inbox entries of this caller's mutations."""
        return next((a.member for a in self.audiences if a.member is not None), self.user_id)


class Look(Protocol):
    """For single statements that read, each a snapshot by itself."""

    @property
    def all(self) -> Callable[[Select[*tuple[Any, ...]], Mapping[str, Any]], Sequence[Sequence[Any]]]:
        """`all(statement, parameters)`: the rows of one statement, as the driver gives them."""
        ...

    @property
    def now(self) -> datetime:
        """Aware UTC, the same for all of them."""
        ...

    @property
    def dialect(self) -> str:
        """ "sqlite" or "postgresql"."""
        ...


class Snapshot(Look, Protocol):
    """A look whose statements all see the same state of the database, until its block ends."""

    @property
    def ahead(
        self,
    ) -> Callable[[Select[*tuple[Any, ...]], Mapping[str, Any]], Callable[[], Sequence[Sequence[Any]]]]:
        """`all`, for rows that are wanted a little later: what is returned gives them, or raises what failed.

        The database may work on it meanwhile. Nothing else is to be asked before the rows were taken.
        """
        ...


class Straight(Protocol):
    """One writing transaction of a few statements that were built once: no session stands around it."""

    @property
    def dialect(self) -> str:
        """ "sqlite" or "postgresql"."""
        ...

    @property
    def now(self) -> datetime:
        """Aware UTC, fixed when the transaction began."""
        ...

    @property
    def run(self) -> Callable[[Executable, Parameters], Sequence[Sequence[Any]]]:
        """`run(statement, parameters)`: its rows, each value as the type of its column says.

        A list of parameters runs it once for each. What only writes gives no rows.
        """
        ...

    @property
    def later(self) -> Callable[[Executable, Parameters], Callable[[], Sequence[Sequence[Any]]]]:
        """The same for what nobody waits for yet: what is returned gives the rows when it is called.

        Statements run in the order in which they were given; those that wait travel with the next one whose
        rows are wanted, or with the end of the transaction. That is also where their errors are raised.
        """
        ...


class UnitOfWork(Protocol):
    """One transaction of the host."""

    @property
    def session(self) -> Session:
        """The session, autoflush off, that every statement of the transaction goes through."""
        ...

    @property
    def now(self) -> datetime:
        """Aware UTC, fixed when the transaction began."""
        ...

    @property
    def look(self) -> Look:
        """For statements of this transaction that need no session."""
        ...

    def mint_id(self) -> UUID:
        """A new UUIDv7."""
        ...

    def flush(self) -> None:
        """Send the changes made to loaded rows to the database."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """A nested transaction, rolled back when the block raises."""
        ...


class Host(Protocol):
    """The application around the engine."""

    @property
    def cursor_secret(self) -> bytes:
        """At least 32 random bytes, the same in every process, that sign cursors."""
        ...

    def begin(self, *, write: bool = True) -> AbstractContextManager[UnitOfWork]:
        """One transaction: committed on success, rolled back on an exception.

        A writing one is READ COMMITTED on PostgreSQL and IMMEDIATE on SQLite; a reading one is one snapshot.
        """
        ...

    def begin_straight(self) -> AbstractContextManager[Straight]:
        """One transaction for statements that need no session: READ COMMITTED, or IMMEDIATE on SQLite.

        Each statement sees what was committed before it began. What it writes is seen by no hook.
        """
        ...

    def caller_of(self, session: Session, device_id: UUID, user_id: UUID) -> Caller | None:
        """The caller that this device would be now, for work of its user's that waits here; None: nobody."""
        ...

    def look(self) -> AbstractContextManager[Look]:
        """For single statements that read; cheaper than `begin(write=False)`."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """For statements that read the same state and need no session; cheaper than `begin(write=False)`."""
        ...

    def domain_error(self, error: Exception) -> DomainError | None:
        """The fact behind an integrity, staleness or validation error, None when it is a bug."""
        ...

    def is_transient(self, error: BaseException) -> bool:
        """Whether the same transaction may succeed when repeated: deadlock, serialization failure, busy."""
        ...

    def is_database_trouble(self, error: BaseException) -> bool:
        """Whether the database cannot be reached or cannot write at all."""
        ...

    def status_of(self, error: DomainError) -> int:
        """The HTTP status that the host gives to this error; it goes into the problem of an outcome."""
        ...

    def alarm(self, code: str, detail: str) -> None:
        """Tell the people who run the server. Must not raise."""
        ...
