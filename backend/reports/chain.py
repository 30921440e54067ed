"""Whether the chain of sealed documents is whole: link by link, against its anchors, against the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.reports.anchors import Anchored, AnchorsFound, NamedAnchor, gather_anchors
from backend.reports.models import SealedDocument
from backend.reports.queries import anchors, chain_from, head_of_chain
from backend.reports.rules import BEGINNING, Link, broken_links
from media.errors import StorageUnavailable, UploadMissing
from media.objects import CHUNK, ObjectStore

_PAGE = 500

Progress = Callable[[int, int], None]
"""Told how many documents of how many were read."""


@dataclass
class ChainFound:
    """What was looked at; `faults` is empty when all of it holds, else each says what to do."""

    documents: int = 0
    anchors: int = 0
    bytes_read: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Written:
    """The chain as the data base has it: its links with their hashes, and its head."""

    links: Sequence[tuple[Link, str]]
    keys: Sequence[str]
    head: tuple[int, str]


def check_chain(
    factory: UnitOfWorkFactory,
    store: ObjectStore,
    folder: Path,
    *,
    search: bool = False,
    progress: Progress = lambda _done, _of: None,
) -> ChainFound:
    """Read the whole chain, every anchor and every issued file, and name all that does not hold.

    `folder` is that of the seal's keys. `search` looks through the whole store for anchors that nobody names
    any more. No transaction is open while files are read.
    """
    # First: an anchor may be written at any time, and names a document that was there before it.
    anchored = _gather(factory, store, folder, search=search)
    with factory.begin(write=False) as uow:
        written = _read(uow)
    found = ChainFound(documents=len(written.links), anchors=len(anchored.said))
    found.faults += (*_link_faults(written), *anchored.faults, *_anchor_faults(written, anchored.said))
    for at, ((link, _), key) in enumerate(zip(written.links, written.keys, strict=True)):
        progress(at, found.documents)
        found.faults += _file_faults(store, link, key, found)
    progress(found.documents, found.documents)
    return found


def _gather(factory: UnitOfWorkFactory, store: ObjectStore, folder: Path, *, search: bool) -> AnchorsFound:
    with factory.begin(write=False) as uow:
        named = [NamedAnchor(Anchored(a.number, a.chain_sha256), a.object_key) for a in anchors(uow.session)]
    try:
        return gather_anchors(named, store, folder, search=search)
    except StorageUnavailable as refused:
        why = f"The anchors in the store were not read: {refused.detail} Check again when the store answers."
        return AnchorsFound(frozenset(), [why])


def _read(uow: UnitOfWork) -> _Written:
    links, keys = [], []
    for page in _pages(uow):
        for row in page:
            links.append((_link(row), row.chain_sha256))
            keys.append(row.object_key)
        uow.session.expunge_all()  # a long chain must not lie in memory whole
    head = head_of_chain(uow.session)
    return _Written(links, keys, (head.number, head.chain_sha256))


def _pages(uow: UnitOfWork) -> Iterator[list[SealedDocument]]:
    number = 0
    while page := list(chain_from(uow.session, number, _PAGE)):
        yield page
        number = page[-1].number + 1


def _link(row: SealedDocument) -> Link:
    return Link(
        row.number, row.kind.value, row.subject_id, row.report_id, row.sha256, row.previous_chain_sha256
    )


def _link_faults(written: _Written) -> Iterator[str]:
    for broken in broken_links(written.links):
        if broken.is_gone:
            yield (
                f"Document {broken.number} is gone from the chain: its row was deleted. "
                "Restore the row from a backup; its file and every later one name its hash."
            )
        else:
            yield (
                f"The chain does not hold at document {broken.number}: its row was changed. "
                "Compare it with a backup, and the file with the customer's copy."
            )
    last = (written.links[-1][0].number, written.links[-1][1]) if written.links else (0, BEGINNING)
    if written.head != last:
        yield (
            f"The chain ends at document {last[0]}, and its head names {written.head[0]}: rows were "
            "deleted, or the head was changed. Restore the data base from a backup that has them."
        )


def _anchor_faults(written: _Written, anchored: Iterable[Anchored]) -> Iterator[str]:
    chains = {link.number: chain for link, chain in written.links}
    for said in sorted(anchored, key=lambda said: (said.number, said.chain_sha256)):
        if said.number not in chains:
            yield (
                f"Document {said.number} was anchored and is gone: the end of the chain was cut off. "
                "Restore the data base from a backup that has it."
            )
        elif chains[said.number] != said.chain_sha256:
            yield (
                f"Document {said.number} was anchored with another chain behind it: the chain was written "
                "anew. Compare both with a backup and with a customer's copy."
            )


def _file_faults(store: ObjectStore, link: Link, key: str, found: ChainFound) -> Iterator[str]:
    which = f"The file of document {link.number} ({key})"
    restore = "Restore it from a backup of the store, or from the customer's copy: doorstep verify FILE"
    try:
        digest = hashlib.sha256()
        with store.open(key) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                found.bytes_read += len(chunk)
    except UploadMissing:
        yield f"{which} is not in the store. {restore}"
    except (StorageUnavailable, OSError) as refused:
        said = refused.detail if isinstance(refused, StorageUnavailable) else str(refused)
        yield f"{which} was not read: {said} Check again when the store answers."
    except ValueError:
        yield f"{which} has a name that no file of ours has: its row was changed. Restore it from a backup."
    else:
        if digest.hexdigest() != link.sha256:
            yield f"{which} is not what was sealed: it was changed. {restore}"
