"""Sessions and their tokens: begun by a sign-in or an enrolment, carried on by refreshing, ended for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, update

from backend.access import queries
from backend.access.device_keys import is_signed
from backend.access.models import AccessToken, Device, SignIn, SpentRefreshToken
from backend.access.rules import FAMILY_LIFETIMES, RefreshDecision, RefreshState, decide_refresh
from backend.access.tokens import hash_of, new_token, successor
from backend.db.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Tokens:
    """What a session is carried on with; `expires_in` seconds is how long the access token lives."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    session_id: UUID
    user_id: UUID
    device_id: UUID | None


@dataclass(frozen=True)
class RefreshResult:
    """What refreshing came to: tokens, or a refusal and what is to be noted about which session."""

    tokens: Tokens | None
    suspicion: str | None = None
    session: SignIn | None = None


class Sessions:
    """Begins and carries on sessions; `key` derives successors of refresh tokens."""

    def __init__(self, *, key: bytes, access_seconds: int, refresh_days: int) -> None:
        self._key = key
        self._access = timedelta(seconds=access_seconds)
        self._refresh = timedelta(days=refresh_days)

    def begin(self, uow: UnitOfWork, user_id: UUID, device_id: UUID | None) -> Tokens:
        """A new session with its first pair of tokens."""
        refresh_token = new_token()
        row = uow.add(
            SignIn(
                id=uow.mint_id(),
                user_id=user_id,
                device_id=device_id,
                generation=1,
                current_hash=hash_of(refresh_token),
                confirmed=False,
                rotated_at=uow.now,
                refresh_expires_at=uow.now + self._refresh,
                family_expires_at=uow.now + FAMILY_LIFETIMES * self._refresh,
            )
        )
        return self._issue(uow, row, refresh_token)

    def refresh(self, uow: UnitOfWork, refresh_token: str, proof: str | None) -> RefreshResult:
        """The next pair of tokens; the same refresh token again for a device whose answer was lost.

        Ends the whole family when an older token shows up; a token without the signature that its device owes
        is taken for nothing. Never raises for a bad token, so that the caller can commit before it refuses.
        """
        presented = hash_of(refresh_token)
        row = queries.locked_sign_in(uow.session, presented)
        if row is None:
            return RefreshResult(None)
        device = uow.session.get_one(Device, row.device_id) if row.device_id is not None else None
        key = device.public_key if device is not None else None
        if key is not None and not is_signed(key, refresh_token, proof):
            return RefreshResult(None, "session.unproven", row)
        decision = decide_refresh(_state_of(row, presented, proven=key is not None), uow.now)
        if decision in (RefreshDecision.OVER, RefreshDecision.LATE):
            return RefreshResult(None)
        if decision is RefreshDecision.REUSE:
            end(uow, row, "reuse of an older refresh token")
            return RefreshResult(None, "session.reuse", row)
        following = successor(self._key, refresh_token)
        if decision is RefreshDecision.ROTATE:
            self._rotate(uow, row, following)
        if device is not None:
            device.last_seen_at = uow.now
            uow.flush()
        return RefreshResult(self._issue(uow, row, following))

    def _rotate(self, uow: UnitOfWork, row: SignIn, following: str) -> None:
        if row.previous_hash is not None:
            uow.add(
                SpentRefreshToken(
                    token_hash=row.previous_hash, session_id=row.id, expires_at=row.family_expires_at
                )
            )
        row.previous_hash = row.current_hash
        row.current_hash = hash_of(following)
        row.generation += 1
        row.confirmed = False
        row.rotated_at = uow.now
        row.refresh_expires_at = uow.now + self._refresh
        uow.flush()

    def _issue(self, uow: UnitOfWork, row: SignIn, refresh_token: str) -> Tokens:
        uow.session.execute(
            delete(AccessToken).where(AccessToken.session_id == row.id, AccessToken.expires_at <= uow.now)
        )
        access_token = new_token()
        uow.add(
            AccessToken(
                token_hash=hash_of(access_token),
                session_id=row.id,
                generation=row.generation,
                expires_at=uow.now + self._access,
            )
        )
        seconds = int(self._access.total_seconds())
        return Tokens(access_token, refresh_token, seconds, row.id, row.user_id, row.device_id)


def confirm(uow: UnitOfWork, session_id: UUID) -> None:
    """Note that the newest tokens of a session have arrived: from now on their predecessor is a reuse."""
    uow.session.execute(update(SignIn).where(SignIn.id == session_id).values(confirmed=True))


def end(uow: UnitOfWork, row: SignIn, because: str) -> None:
    """End a session and its access tokens."""
    row.ended_at = uow.now
    row.ended_because = because
    uow.flush()
    uow.session.execute(delete(AccessToken).where(AccessToken.session_id == row.id))


def forget_old_tokens(uow: UnitOfWork) -> None:
    """Drop tokens that nobody can use any more; a worker calls this now and then."""
    uow.session.execute(delete(AccessToken).where(AccessToken.expires_at <= uow.now))
    uow.session.execute(delete(SpentRefreshToken).where(SpentRefreshToken.expires_at <= uow.now))


def _state_of(row: SignIn, presented: str, *, proven: bool) -> RefreshState:
    return RefreshState(
        is_current=row.current_hash == presented,
        is_previous=row.previous_hash == presented,
        confirmed=row.confirmed,
        proven=proven,
        rotated_at=row.rotated_at,
        expires_at=min(row.refresh_expires_at, row.family_expires_at),
        ended=row.ended_at is not None,
    )
