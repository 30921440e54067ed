"""`Idempotency-Key` on creating requests: the same key and content get the same answer for ninety days."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

import orjson
from flask import Request, Response
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.web.models import IdempotencyKey
from schemas.errors import DomainError, ErrorKind

KEPT = timedelta(days=90)
_KEY = re.compile(r"[\x21-\x7e]{8,200}")
_KEPT_HEADERS = ("Location", "ETag", "Content-Type")


class InvalidIdempotencyKey(DomainError):
    """The key is not 8 to 200 visible ASCII characters."""

    title = "The idempotency key is not valid."
    kind = ErrorKind.INVALID


class IdempotencyKeyReused(DomainError):
    """The key came before with another request."""

    title = "This idempotency key belongs to another request."
    kind = ErrorKind.INVALID


def read_key(request: Request) -> str | None:
    """The key of the request, if it has one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey("Send 8 to 200 visible ASCII characters, a fresh UUID for instance.")
    return key


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same one."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def claim(uow: UnitOfWork, actor: Actor, key: str, fingerprint: str) -> Response | None:
    """Take the key for this transaction; the kept answer when the request came before.

    A twin that is being answered at this moment holds the row: this waits for it, then gives its answer.
    Raises IdempotencyKeyReused when the key came with another request.
    """
    if (answer := _kept_answer(uow, actor, key, fingerprint)) is not None:
        return answer
    row = {
        "user_id": actor.user_id,
        "key": key,
        "fingerprint": fingerprint,
        "kept_until": uow.now + KEPT,
        "status": 0,
        "body": b"",
        "headers": "{}",
    }
    try:
        with uow.savepoint():
            uow.session.execute(insert(IdempotencyKey).values(row))
    except IntegrityError:
        return _kept_answer(uow, actor, key, fingerprint)
    return None


def keep(uow: UnitOfWork, actor: Actor, key: str, response: Response) -> None:
    """Keep the answer, in the transaction whose effect it states."""
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    uow.session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.user_id == actor.user_id, IdempotencyKey.key == key)
        .values(status=response.status_code, body=response.get_data(), headers=orjson.dumps(headers).decode())
    )


def forget_old_keys(uow: UnitOfWork) -> None:
    """Drop the answers that nobody may ask for any more; a worker calls this now and then."""
    uow.session.execute(delete(IdempotencyKey).where(IdempotencyKey.kept_until < uow.now))


def _kept_answer(uow: UnitOfWork, actor: Actor, key: str, fingerprint: str) -> Response | None:
    row = uow.session.execute(
        select(
            IdempotencyKey.fingerprint,
            IdempotencyKey.status,
            IdempotencyKey.body,
            IdempotencyKey.headers,
            IdempotencyKey.kept_until,
        ).where(IdempotencyKey.user_id == actor.user_id, IdempotencyKey.key == key)
    ).one_or_none()
    if row is None:
        return None
    if row.kept_until < uow.now:
        uow.session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.user_id == actor.user_id, IdempotencyKey.key == key)
        )
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused("Use a fresh key for a request with other content.")
    response = Response(row.body, status=row.status, headers=orjson.loads(row.headers))
    response.headers["Idempotency-Replayed"] = "true"
    return response
