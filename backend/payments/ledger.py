"""Writes transactions into the ledger, each once: entries first, then the transaction that seals them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.rules.errors import SourceKeyContradicted
from backend.payments.rules.postings import Account, Posting


def post(uow: UnitOfWork, posting: Posting) -> bool:
    """Write a transaction; whether it is new: False when this (source, source_key) was posted before.

    Raises SourceKeyContradicted when it was posted with other entries: two stories about the same money.
    """
    return post_all(uow, [posting]) == 1


def post_all(uow: UnitOfWork, postings: Sequence[Posting]) -> int:
    """Write transactions; how many of them are new. Raises SourceKeyContradicted as `post`."""
    fresh = _unknown(uow, postings)
    if not fresh:
        return 0
    try:
        with uow.savepoint():
            _write(uow, fresh)
    except IntegrityError:
        if len(fresh) > 1:  # somebody else posted one of them meanwhile: find out which
            return sum(post_all(uow, [posting]) for posting in fresh)
        if _unknown(uow, fresh):  # a constraint of another kind
            raise
        return 0
    return len(fresh)


def _unknown(uow: UnitOfWork, postings: Sequence[Posting]) -> list[Posting]:
    keys: dict[str, set[str]] = {}
    for posting in postings:
        keys.setdefault(posting.source, set()).add(posting.source_key)
    known = {
        (source, key)
        for source, of_source in keys.items()
        for key in queries.transaction_keys(uow.session, source, of_source)
    }
    for posting in postings:
        if (posting.source, posting.source_key) in known:
            _check_same(uow, posting)
    return [posting for posting in postings if (posting.source, posting.source_key) not in known]


def _check_same(uow: UnitOfWork, posting: Posting) -> None:
    before = queries.posted_under(uow.session, posting.source, posting.source_key)
    if _apart_from_settling(before.entries.items()) != _apart_from_settling(posting.entries.items()):
        raise SourceKeyContradicted(
            "Look at both in the ledger before anything is corrected.",
            source=posting.source,
            source_key=posting.source_key,
        )


def _apart_from_settling(entries: Iterable[tuple[Account, int]]) -> dict[str, int]:
    """Entries by account; what settles a request and what exceeds it count as one.

    How a receipt is shared between the two depends on what was owed when it was posted; heard of again, it is
    the same receipt.
    """
    sums: dict[str, int] = {}
    for account, minor in entries:
        code = f"request:{account.subject}" if account.kind in queries.OF_REQUESTS else account.code
        sums[code] = sums.get(code, 0) + minor
    return sums


def _write(uow: UnitOfWork, postings: Sequence[Posting]) -> None:
    accounts = _accounts(uow, {account for posting in postings for account in posting.entries})
    ids = [uow.mint_id() for _ in postings]
    entries = [
        {"transaction_id": transaction_id, "account_id": accounts[account.code], "amount": minor}
        for transaction_id, posting in zip(ids, postings, strict=True)
        for account, minor in posting.entries.items()
    ]
    transactions = [
        {
            "id": transaction_id,
            "source": posting.source,
            "source_key": posting.source_key,
            "kind": posting.kind,
            "request_id": posting.request_id,
            "effective_at": posting.effective_at,
            "posted_at": uow.now,
            "reverses": posting.reverses,
            "person_id": posting.person_id,
            "note": posting.note,
        }
        for transaction_id, posting in zip(ids, postings, strict=True)
    ]
    queries.insert_transactions(uow.session, entries, transactions)


def _accounts(uow: UnitOfWork, wanted: Iterable[Account]) -> dict[str, UUID]:
    """The ids of the accounts, made where there were none."""
    by_code = {account.code: account for account in wanted}
    known = queries.account_ids(uow.session, by_code)
    missing = [account for code, account in sorted(by_code.items()) if code not in known]
    if not missing:
        return known
    rows = [
        {
            "id": uow.mint_id(),
            "code": account.code,
            "kind": account.kind,
            "currency": account.currency,
            "subject": account.subject,
            "detail": account.detail,
        }
        for account in missing
    ]
    queries.insert_accounts(uow.session, rows)
    return queries.account_ids(uow.session, by_code)
