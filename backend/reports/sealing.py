"""Issuing: what the outbox asks for after a report is complete. Seal, timestamp, anchor, the customer's copy.

No transaction is open while the press works. What it made is stored first and counts only with its link in
the chain, which is added under the lock of the chain's head; if the head moved meanwhile, it presses again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.outbox.rules import PermanentFailure
from backend.outbox.transports import Outgoing, Transport
from backend.reports.anchors import ANCHORS
from backend.reports.gathering import Gathered, Letterhead, gather_addendum, gather_report
from backend.reports.letters import copy_letter
from backend.reports.models import DocumentTimestamp, SealAnchor, SealedDocument, ServiceReport
from backend.reports.queries import (
    SEAL_MESSAGE,
    addendum_by_id,
    any_row,
    document_numbered,
    document_of,
    head_of_chain,
    last_anchored,
    stamp_of,
)
from backend.reports.rules import Link, ReportVerb, chain_hash, next_status
from backend.reports.seal.keys import SealFolder
from backend.reports.seal.pressing import PressFailed, Pressing
from backend.settings import Settings
from media.objects import CHUNK, DeclaredObject, ObjectStore
from schemas.base import write_instant
from schemas.reports import ReportStatus, SealState
from schemas.seals import DocumentKind, TimestampState

TIMESTAMP, ANCHOR = "timestamp", "anchor"
"""The kinds of outbox messages, beside the seal's own, that are carried out here."""
_TRIES = 5


class RecordDiffers(PermanentFailure):
    """What stands here is not what the customer was shown: nobody tries again before a person has looked."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(
            f"What stands here is not what was signed. {' '.join(faults)} "
            "Find out who changed it, put it right, then: doorstep outbox retry"
        )


class ChainMoved(Exception):
    """Somebody else sealed a document while this one was pressed."""


@dataclass(frozen=True)
class Sealer:
    """Seals what is due. `folder` holds the keys and the file of anchors."""

    factory: UnitOfWorkFactory
    store: ObjectStore
    pressing: Pressing
    letterhead: Letterhead
    folder: Path

    def transports(self) -> Mapping[str, Transport]:
        """What to call for which kind of message."""
        return {SEAL_MESSAGE: self.seal, TIMESTAMP: self.timestamp, ANCHOR: self.anchor}

    def seal(self, message: Outgoing) -> None:
        """Seal the report or addendum that the message names; once, however often it is asked for.

        Raises RecordDiffers when what stands here is not what the phone signed.
        """
        payload = message.payload
        kind = DocumentKind.ADDENDUM if "addendum_id" in payload else DocumentKind.REPORT
        subject_id = UUID(payload.get("addendum_id") or payload["report_id"])
        SealFolder(self.folder).current()  # without a key not even the press is started
        for _ in range(_TRIES):
            with self.factory.begin(write=False) as uow:
                if document_of(uow.session, kind, subject_id) is not None:
                    return None
                gathered = self._gather(uow, kind, subject_id)
            if gathered.differs:
                raise RecordDiffers(gathered.differs)
            try:
                return self._press(gathered)
            except ChainMoved:
                continue
        raise PressFailed("Others were faster each time; it is tried again.")

    def timestamp(self, message: Outgoing) -> None:
        """Ask again for the timestamp that a document was sealed without."""
        number = int(message.payload["number"])
        with self.factory.begin(write=False) as uow:
            sha256 = document_numbered(uow.session, number).sha256
            if stamp_of(uow.session, number) is not None:
                return
        stamped = self.pressing({"do": "timestamp", "sha256": sha256})
        with self.factory.begin() as uow:
            head_of_chain(uow.session, lock=True)
            if stamp_of(uow.session, number) is None:
                at = datetime.fromisoformat(stamped["at"])
                uow.add(DocumentTimestamp(number=number, token=stamped["token"], timestamped_at=at))

    def anchor(self, _message: Outgoing) -> None:
        """Sign the head of the chain and write it to the object store, and into the file beside the keys."""
        with self.factory.begin(write=False) as uow:
            head = head_of_chain(uow.session)
            anchored = last_anchored(uow.session)
            statement = {
                "form": "doorstep-anchor/1",
                "number": head.number,
                "chain_sha256": head.chain_sha256,
                "at": write_instant(uow.now),
            }
        if head.number <= anchored:
            return
        signed = self.pressing({"do": "anchor", "statement": statement})
        text = json.dumps(signed, sort_keys=True)
        key = self._put(text.encode(), "application/json")
        _append(self.folder / ANCHORS, text)
        with self.factory.begin() as uow:
            now_last = head_of_chain(uow.session, lock=True).number
            if head.number <= last_anchored(uow.session):
                return
            uow.add(
                SealAnchor(
                    number=head.number,
                    chain_sha256=head.chain_sha256,
                    object_key=key,
                    anchored_at=uow.now,
                )
            )
            uow.flush()
            if now_last > head.number:
                _ask_for_anchor(uow)

    def _gather(self, uow: UnitOfWork, kind: DocumentKind, subject_id: UUID) -> Gathered:
        if kind is DocumentKind.REPORT:
            return gather_report(uow, subject_id, self.letterhead)
        return gather_addendum(uow, addendum_by_id(uow.session, subject_id), self.letterhead)

    def _press(self, gathered: Gathered) -> None:
        with TemporaryDirectory(prefix="doorstep-press-") as folder:
            out = Path(folder, "sealed.pdf")
            files = {
                name: str(self._copy(key, Path(folder, str(number))))
                for number, (name, key) in enumerate(gathered.objects.items())
            }
            job = {"do": "seal", "content": gathered.content, "files": files}
            pressed = self.pressing({**job, "attached": dict(gathered.attached), "out": str(out)})
            pdf = out.read_bytes()
        key = self._put(pdf, "application/pdf")
        with self.factory.begin() as uow:
            _add_link(uow, gathered, pressed, key, pdf)

    def _copy(self, key: str, path: Path) -> Path:
        with self.store.open(key) as source, path.open("wb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
        return path

    def _put(self, content: bytes, content_type: str) -> str:
        declared = DeclaredObject(hashlib.sha256(content).hexdigest(), len(content), content_type)
        return self.store.put_stream(declared, [content]).key


def letterhead_of(settings: Settings) -> Letterhead:
    """The firm's letterhead, as it is set."""
    return Letterhead(
        firm={
            "name": settings.firm_name,
            "address": settings.firm_address,
            "contact": settings.firm_contact,
        },
        verify_url=f"{settings.public_url.rstrip('/')}/verify",
        guarded=bool(settings.scanner),
    )


def _add_link(uow: UnitOfWork, gathered: Gathered, pressed: Mapping[str, Any], key: str, pdf: bytes) -> None:
    content = gathered.content
    head = head_of_chain(uow.session, lock=True)
    if (head.number + 1, head.chain_sha256) != (content["chain"]["number"], content["chain"]["previous"]):
        raise ChainMoved
    kind, subject_id = DocumentKind(content["kind"]), UUID(content["subject_id"])
    report_id = UUID(content["report_id"])
    link = Link(head.number + 1, kind.value, subject_id, report_id, pressed["sha256"], head.chain_sha256)
    stamped = pressed["timestamped_at"]
    state = TimestampState.NONE
    if pressed["asked"]:
        state = TimestampState.PENDING if stamped is None else TimestampState.GIVEN
    document = uow.add(
        SealedDocument(
            number=link.number,
            kind=kind,
            subject_id=subject_id,
            report_id=report_id,
            sha256=link.sha256,
            size=pressed["size"],
            object_key=key,
            fingerprint=pressed["fingerprint"],
            content_sha256=pressed["content_sha256"],
            follows_sha256=content["chain"]["follows"],
            previous_chain_sha256=head.chain_sha256,
            chain_sha256=chain_hash(link),
            key_name=pressed["key"],
            sealed_at=datetime.fromisoformat(content["sealed_at"]),
            timestamp=state,
            timestamped_at=None if stamped is None else datetime.fromisoformat(stamped),
        )
    )
    head.number, head.chain_sha256 = document.number, document.chain_sha256
    _issue(uow, document)
    _ask_for_what_follows(uow, document, gathered, pdf)
    uow.flush()


def _issue(uow: UnitOfWork, document: SealedDocument) -> None:
    if document.kind is DocumentKind.ADDENDUM:
        addendum_by_id(uow.session, document.subject_id).sealed_at = document.sealed_at
        return
    report = any_row(uow.session, ServiceReport, document.subject_id)
    if report.status is not ReportStatus.ISSUED:
        report.status = next_status(report.status, ReportVerb.ISSUE)
        report.issued_at = document.sealed_at
    report.seal_state = SealState.SEALED


def _ask_for_what_follows(uow: UnitOfWork, document: SealedDocument, gathered: Gathered, pdf: bytes) -> None:
    if document.timestamp is TimestampState.PENDING:
        uow.post(TIMESTAMP, {"number": document.number}, key=str(document.number))
    _ask_for_anchor(uow)
    if gathered.email is not None:
        letter = copy_letter(gathered.content, document.sha256, base64.b64encode(pdf).decode())
        uow.post("mail", {"to": gathered.email, **letter}, key=f"sealed-document-{document.number}")


def _ask_for_anchor(uow: UnitOfWork) -> None:
    """Have the head anchored at the next full hour; whoever calls holds its lock.

    The key names the last anchor as well: a document that waited for the lock across the full hour would
    otherwise ask for an anchor that is made already, and the next document may come in a week.
    """
    hour = uow.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    key = f"{last_anchored(uow.session)}/{write_instant(hour)}"
    uow.post(ANCHOR, {}, key=key, not_before=hour)


def _append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
