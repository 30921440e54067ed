"""What the sync engine needs of this application: transactions, the meaning of errors, and alarms."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import structlog

from backend.db.faults import is_connection_trouble, is_transient
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.web.problems import domain_error_of, status_of
from schemas.errors import DomainError

log = structlog.get_logger("doorstep.sync")


@dataclass(frozen=True)
class SyncHost:
    """The `sync.host.Host` of Doorstep."""

    factory: UnitOfWorkFactory
    cursor_secret: bytes

    def begin(self, *, write: bool = True) -> AbstractContextManager[UnitOfWork]:
        """One transaction."""
        return self.factory.begin(write=write)

    def domain_error(self, error: Exception) -> DomainError | None:
        """The fact behind an error, None when it is a bug."""
        return domain_error_of(error)

    def is_transient(self, error: BaseException) -> bool:
        """Whether the same transaction may succeed when repeated."""
        return is_transient(error)

    def is_database_trouble(self, error: BaseException) -> bool:
        """Whether the database cannot be reached or cannot write at all."""
        return is_connection_trouble(error)

    def status_of(self, error: DomainError) -> int:
        """The HTTP status of the problem in an outcome."""
        return status_of(error)

    def alarm(self, code: str, detail: str) -> None:
        """An error in the log, by its code: what whoever runs the server is to be woken for."""
        log.error("sync alarm", code=code, detail=detail)
