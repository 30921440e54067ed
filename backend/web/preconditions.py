"""`ETag` on answers and `If-Match` on edits: nobody overwrites what they have not seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from uuid import UUID

from flask import Request, Response
from sqlalchemy import event
from sqlalchemy.orm import Session

from backend.db.base import Record
from backend.db.unit_of_work import UnitOfWork
from schemas.errors import DomainError, ErrorKind, StaleRevision

_ETAG = re.compile(r'"(\d{1,18})"', re.ASCII)


class RevisionRequired(DomainError):
    """An edit must say which revision it was made on."""

    title = "Say which revision you edited."
    kind = ErrorKind.REQUIRED


def read_if_match(request: Request) -> int:
    """The revision in `If-Match`; raises RevisionRequired without one and StaleRevision for `*` and lists."""
    header = request.headers.get("If-Match")
    if header is None:
        raise RevisionRequired('Send If-Match with the ETag of the record you read, such as "7".')
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise StaleRevision('Send If-Match with one ETag exactly as it came, such as "7".')
    return int(match.group(1))


def expect_revision(uow: UnitOfWork, record_id: UUID, revision: int) -> Callable[[], None]:
    """Refuse, the moment the record is loaded in this transaction, a revision other than the expected one.

    It is checked on loading and not before, so that visibility is decided first: a record that the actor may
    not see stays a 404. What changes between loading and writing is caught by the version column. Returns a
    function that raises AssertionError if the record was never loaded: a mistake of the route, found by its
    first test.
    """
    seen = False

    def look(_: Session, loaded: object) -> None:
        nonlocal seen
        if isinstance(loaded, Record) and loaded.id == record_id:
            seen = True
            if loaded.revision != revision:
                raise StaleRevision(
                    "Read the record again and repeat your change on what it says now.",
                    revision=loaded.revision,
                )

    for known in uow.session.identity_map.values():
        look(uow.session, known)
    event.listen(uow.session, "loaded_as_persistent", look)

    def assert_seen() -> None:
        if not seen:
            raise AssertionError(f"the edited record {record_id} was never loaded as a row")

    return assert_seen


def set_etag(response: Response, document: object) -> None:
    """Give the answer the ETag of the record in it, if it is one."""
    if isinstance(document, Mapping) and isinstance(revision := document.get("revision"), int):
        response.headers["ETag"] = f'"{revision}"'
