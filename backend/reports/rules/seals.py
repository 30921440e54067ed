"""What the company's seal means: the hash of a link, the state of a document, and what is refused. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.errors import DomainError, ErrorKind, RecordNotFound
from schemas.seals import DocumentKind, Standing, TimestampState

BEGINNING = "0" * 64
"""What the first document names as the one before it."""


class DocumentNotFound(RecordNotFound):
    """No sealed document of that hash, number or report."""

    title = "There is no such sealed document."


class AddendumNotFound(RecordNotFound):
    """No such addendum."""

    title = "There is no such addendum."


class ReportNotIssued(DomainError):
    """An addendum, or the sealed document, is wanted of a report that has no seal yet."""

    title = "The report is not issued yet."
    kind = ErrorKind.UNMET


@dataclass(frozen=True)
class Sealing:
    """What may be told of a sealed document: nothing of what it says."""

    kind: DocumentKind
    sha256: str
    fingerprint: str
    size: int
    number: int
    sealed_at: datetime
    standing: Standing
    timestamp: TimestampState
    timestamped_at: datetime | None


@dataclass(frozen=True)
class Link:
    """What a link of the chain binds together."""

    number: int
    kind: str
    subject_id: UUID
    report_id: UUID
    sha256: str
    previous_chain_sha256: str


def chain_hash(link: Link) -> str:
    """The hash over a link and the chain before it; nothing in it tells about a person."""
    parts = (
        link.previous_chain_sha256,
        str(link.number),
        link.kind,
        str(link.subject_id),
        str(link.report_id),
        link.sha256,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Broken:
    """A place where the chain does not hold: the link of that number was changed, or `is_gone`."""

    number: int
    is_gone: bool = False


def broken_links(links: Iterable[tuple[Link, str]]) -> Iterator[Broken]:
    """Every place, in order, at which the chain does not hold (each link with its stored hash).

    What stands after such a place is held against what is stored there, so that one damage is told once.
    """
    number, chain = 0, BEGINNING
    for link, stored in links:
        yield from (Broken(each, is_gone=True) for each in range(number + 1, link.number))
        follows = link.number != number + 1 or link.previous_chain_sha256 == chain
        if not follows or chain_hash(link) != stored:
            yield Broken(link.number)
        number, chain = link.number, stored
