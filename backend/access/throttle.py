"""Counts tries in the database, so that all processes share the count and a restart does not forget it."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from backend.access.models import ThrottleBucket
from backend.access.rules import Allowance, SignInBusy, TooManyTries, tokens_now
from backend.db.unit_of_work import UnitOfWork

_FORGOTTEN_AFTER = timedelta(days=1)
_TRIES = 4


def bucket_key(purpose: str, *who: str) -> str:
    """The key of a bucket: a hash, so that the table says nothing about who tried what."""
    return hashlib.sha256("\0".join((purpose, *who)).encode("utf-8", "surrogatepass")).hexdigest()


def take(uow: UnitOfWork, buckets: Mapping[str, Allowance]) -> TooManyTries | None:
    """Take one token from each bucket; the refusal (to be raised after the commit) when one of them is empty.

    Nothing is taken from the others then. Buckets are locked in the order of their keys.
    """
    rows = [(_locked(uow, key, allowance), allowance) for key, allowance in sorted(buckets.items())]
    longest_wait = 0.0
    for row, allowance in rows:
        row.tokens = tokens_now(row.tokens, row.updated_at, uow.now, allowance)
        row.updated_at = uow.now
        if row.tokens < 1:
            longest_wait = max(longest_wait, (1 - row.tokens) * allowance.seconds)
    if not longest_wait:
        for row, _ in rows:
            row.tokens -= 1
    uow.flush()
    if longest_wait:
        seconds = math.ceil(longest_wait)
        return TooManyTries(f"Wait {seconds} seconds before you try again.", retry_after=seconds)
    return None


def give_back(uow: UnitOfWork, key: str) -> None:
    """Forget the tries of somebody who turned out to know the password."""
    uow.session.execute(delete(ThrottleBucket).where(ThrottleBucket.key == key))


def forget_old_buckets(uow: UnitOfWork) -> None:
    """Drop the buckets that have long been full again; a worker calls this now and then."""
    uow.session.execute(delete(ThrottleBucket).where(ThrottleBucket.updated_at < uow.now - _FORGOTTEN_AFTER))


def _locked(uow: UnitOfWork, key: str, allowance: Allowance) -> ThrottleBucket:
    query = select(ThrottleBucket).where(ThrottleBucket.key == key).with_for_update()
    fresh = {"key": key, "tokens": float(allowance.burst), "updated_at": uow.now}
    for _ in range(_TRIES):
        row = uow.session.scalar(query)
        if row is not None:
            return row
        # Another process may make (or forget) it between our two statements: then look again.
        with contextlib.suppress(IntegrityError), uow.savepoint():
            uow.session.execute(insert(ThrottleBucket).values(fresh))
    raise SignInBusy("Try again in a moment.")
