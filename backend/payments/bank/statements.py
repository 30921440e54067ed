"""Imports statements: each file, statement and entry once, whatever overlaps; all of a file or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import IO
from uuid import UUID

from backend.db.unit_of_work import UnitOfWork
from backend.payments import ledger, queries
from backend.payments.badges import ask_for_badge
from backend.payments.bank.camt import Line, Statement, read_statements
from backend.payments.deposits import hold, use_deposits
from backend.payments.models import BankFile, BankStatement, PaymentRequest
from backend.payments.receiving import receipts, take_back
from backend.payments.rules import postings
from backend.payments.rules.errors import StatementUnreadable
from backend.payments.rules.matching import Asked, Judgement, Seen, Verdict, judge, possible_references
from backend.payments.rules.postings import (
    Account,
    AccountKind,
    Posting,
    Receipt,
    TakenBack,
    TransactionKind,
)
from backend.payments.rules.refunding import was_taken_away
from schemas.payments import RequestKind

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Imported:
    """What an import did: how many booked entries the file holds, how many were new, what became of them."""

    file_id: UUID
    statements: int = 0
    entries: int = 0
    new: int = 0
    matched: int = 0
    returned: int = 0
    proposed: int = 0
    unmatched: int = 0


@dataclass(frozen=True)
class _New:
    """An entry that was not there before, and what was decided about it."""

    id: UUID
    line: Line
    seen: Seen
    judgement: Judgement


def import_statements(
    uow: UnitOfWork, source: IO[bytes], *, name: str, person_id: UUID | None, own_iban: str | None = None
) -> Imported:
    """Import a camt.053 file from a seekable stream. The same file again changes nothing.

    `own_iban`: statements of any other account are refused. Raises StatementUnreadable; then nothing is kept.
    """
    sha256 = _hash(source)
    known = queries.bank_file_by_hash(uow.session, sha256)
    if known is not None:
        return Imported(known.id)
    statements = list(read_statements(source))
    if not statements:
        raise StatementUnreadable("The file holds no statement.")
    strangers = {statement.iban for statement in statements} - {own_iban}
    if own_iban is not None and strangers:
        raise StatementUnreadable("The file is about an account that is not the firm's.")
    file = uow.add(
        BankFile(id=uow.mint_id(), sha256=sha256, name=name[:200], imported_at=uow.now, person_id=person_id)
    )
    done = Imported(file.id)
    for statement in statements:
        done = _add(done, _import_one(uow, file.id, statement))
    return done


def _hash(source: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
    source.seek(0)
    return digest.hexdigest()


def _add(one: Imported, other: Imported) -> Imported:
    return Imported(
        one.file_id,
        *(
            getattr(one, each) + getattr(other, each)
            for each in ("statements", "entries", "new", "matched", "returned", "proposed", "unmatched")
        ),
    )


def _import_one(uow: UnitOfWork, file_id: UUID, statement: Statement) -> Imported:
    kept = uow.add(
        BankStatement(
            id=uow.mint_id(),
            file_id=file_id,
            iban=statement.iban,
            statement_id=statement.statement_id,
            sequence=statement.sequence,
            currency=statement.currency,
            opening_minor=statement.opening_minor,
            closing_minor=statement.closing_minor,
            ends_on=statement.ends_on,
        )
    )
    days = [line.booked_on for line in statement.lines]
    known = queries.known_bank_keys(uow.session, statement.iban, min(days), max(days)) if days else set()
    fresh = [line for line in statement.lines if line.key not in known]
    news = _judged(uow, fresh)
    if news:
        queries.insert_bank_entries(uow.session, [_row(kept.id, statement.iban, new) for new in news])
        _post(uow, statement.iban, news)
    verdicts = [new.judgement.verdict for new in news]
    return Imported(
        file_id,
        statements=1,
        entries=len(statement.lines),
        new=len(news),
        matched=verdicts.count(Verdict.MATCHED),
        returned=verdicts.count(Verdict.RETURNED),
        proposed=verdicts.count(Verdict.PROPOSED),
        unmatched=verdicts.count(Verdict.UNKNOWN),
    )


def _judged(uow: UnitOfWork, lines: Sequence[Line]) -> list[_New]:
    seen = [
        Seen(line.amount_minor, line.currency, line.reference, line.remittance, line.returned)
        for line in lines
    ]
    mentioned = {reference for each in seen for reference in possible_references(each)}
    requests = queries.requests_by_reference(uow.session, mentioned)
    asked = {reference: Asked(request.id, request.currency) for reference, request in requests.items()}
    return [
        _New(uow.mint_id(), line, each, judge(each, asked)) for line, each in zip(lines, seen, strict=True)
    ]


def _row(statement_id: UUID, iban: str, new: _New) -> dict[str, object]:
    line = new.line
    is_proposal = new.judgement.verdict is Verdict.PROPOSED
    return {
        "id": new.id,
        "statement_id": statement_id,
        "iban": iban,
        "key": line.key,
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "booked_on": line.booked_on,
        "reference": line.reference,
        "remittance": line.remittance,
        "counterparty": line.counterparty,
        "counterparty_iban": line.counterparty_iban,
        "end_to_end_id": line.end_to_end_id,
        "returned": line.returned,
        "proposed_request_id": new.judgement.request_id if is_proposal else None,
        "proposed_why": new.judgement.why,
    }


def _post(uow: UnitOfWork, iban: str, news: Sequence[_New]) -> None:
    matched = [new for new in news if new.judgement.verdict is Verdict.MATCHED]
    returned = [new for new in news if new.judgement.verdict is Verdict.RETURNED]
    waiting = [new for new in news if new.judgement.verdict in (Verdict.PROPOSED, Verdict.UNKNOWN)]
    hold(uow, {_request(new) for new in (*matched, *returned)})
    coming = [(_request(new), _receipt(iban, new)) for new in matched]
    every: list[Posting] = receipts(uow, coming)
    every += [_waiting(iban, new) for new in waiting]
    ledger.post_all(uow, every)
    touched = _requests(uow, {_request(new) for new in matched})
    for request in touched:
        ask_for_badge(uow, request.work_order_id, f"bank:{news[0].id}")
    for work_order_id in {each.work_order_id for each in touched if each.kind is RequestKind.DEPOSIT}:
        use_deposits(uow, work_order_id, f"bank:{news[0].id}")
    for new in returned:
        if was_taken_away(queries.payments_of(uow.session, _request(new)), -new.line.amount_minor):
            ledger.post(uow, _waiting(iban, new))  # beside its transfer, which waits as well
        else:
            take_back(uow, _request(new), _return(iban, new))


def _waiting(iban: str, new: _New) -> Posting:
    line = new.line
    return postings.suspended(_bank(iban, line), new.id, line.amount_minor, f"{iban}:{line.key}", _at(line))


def _requests(uow: UnitOfWork, request_ids: set[UUID]) -> list[PaymentRequest]:
    return [queries.request_by_id(uow.session, request_id) for request_id in sorted(request_ids)]


def _request(new: _New) -> UUID:
    assert new.judgement.request_id is not None
    return new.judgement.request_id


def _bank(iban: str, line: Line) -> Account:
    return Account(AccountKind.BANK, line.currency, detail=iban)


def _at(line: Line) -> datetime:
    return datetime.combine(line.booked_on, time(), UTC)


def _receipt(iban: str, new: _New) -> Receipt:
    line = new.line
    return Receipt(
        _bank(iban, line),
        line.amount_minor,
        "bank",
        f"{iban}:{line.key}",
        TransactionKind.TRANSFER_MATCHED,
        _at(line),
    )


def _return(iban: str, new: _New) -> TakenBack:
    line = new.line
    return TakenBack(
        _bank(iban, line),
        -line.amount_minor,
        "bank",
        f"{iban}:{line.key}",
        TransactionKind.RETURNED,
        _at(line),
    )
