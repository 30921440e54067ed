"""Who of finance may come in: own people, own passwords, own sessions; nobody of the field is known here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from backend.access.actor import Actor
from backend.access.passwords import Passwords
from backend.access.tokens import hash_of, new_token
from backend.db.look import Look
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.payments import queries
from backend.payments.models import LedgerAudit, Person, PersonSession
from backend.payments.permissions import PERMISSIONS
from backend.payments.settings import PaymentsSettings
from backend.web.wiring import Admission
from schemas.access import Role
from schemas.errors import JsonValue, Unauthenticated

_RANDOM_BYTES = 15
_TRIES, _TRY_SPAN = 10, timedelta(minutes=15)


@dataclass(frozen=True)
class SignedIn:
    """A token, and until when it opens the door."""

    access_token: str
    expires_at: datetime


def shut_out(uow: UnitOfWork, person: Person) -> None:
    """Let somebody in no more: neither by password nor by a session that is open. Again changes nothing."""
    if person.disabled_at is None:
        person.disabled_at = uow.now
    queries.end_sessions(uow.session, person.id)
    uow.flush()


class FinanceDoor:
    """The `Authenticator` of the payments process."""

    def __init__(self, settings: PaymentsSettings) -> None:
        self._passwords = Passwords(
            time_cost=settings.argon2_time_cost,
            memory_kib=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallel,
        )
        self._lives = timedelta(minutes=settings.session_minutes)

    def authenticate(self, look: Look, token: str, *, allow_revoked: bool = False) -> Admission:
        """Who holds a token; raises Unauthenticated."""
        del allow_revoked  # there are no devices here
        rows = look.all(queries.HOLDER, {"token": hash_of(token), "now": look.now})
        if not rows:
            raise Unauthenticated("Sign in with POST /sessions of the payments process.")
        return Admission(Actor(user_id=rows[0][0], role=Role.FINANCE, permissions=PERMISSIONS))

    def confirm(self, uow: UnitOfWork, actor: Actor) -> None:
        """Sessions are not refreshed here."""

    def note_refusal(
        self, uow: UnitOfWork, actor: Actor | None, action: str, detail: Mapping[str, JsonValue]
    ) -> None:
        """Leave a row in the audit log about something that was refused."""
        person_id = actor.user_id if actor else None
        uow.add(
            LedgerAudit(id=uow.mint_id(), at=uow.now, person_id=person_id, action=action, detail=dict(detail))
        )

    def sign_in(self, factory: UnitOfWorkFactory, email: str, password: str) -> SignedIn:
        """A token for an address and password; raises Unauthenticated, the same for whatever is wrong."""
        with factory.begin(write=False) as uow:
            person = queries.person_by_email(uow.session, email)
            refused = queries.refused_sign_ins(uow.session, person.id, uow.now - _TRY_SPAN) if person else 0
        # The same work is done whether or not there is such a person, or they tried too often.
        verdict = self._passwords.verify(person.password_hash if person else None, password)
        if person is None or not verdict.right or refused >= _TRIES:
            with factory.begin() as uow:
                uow.add(
                    LedgerAudit(
                        id=uow.mint_id(),
                        at=uow.now,
                        person_id=None,
                        action="session.refused",
                        subject_id=person.id if person else None,
                        detail={},
                    )
                )
            raise Unauthenticated("The address or the password is not right, or it was tried too often.")
        return self._begin(factory, person.id)

    def _begin(self, factory: UnitOfWorkFactory, person_id: UUID) -> SignedIn:
        token = new_token()
        with factory.begin() as uow:
            queries.forget_sessions(uow.session, uow.now)
            if queries.person_by_id(uow.session, person_id).disabled_at is not None:  # meanwhile
                raise Unauthenticated("The address or the password is not right, or it was tried too often.")
            session = uow.add(
                PersonSession(
                    id=uow.mint_id(),
                    token_sha256=hash_of(token),
                    person_id=person_id,
                    expires_at=uow.now + self._lives,
                )
            )
        return SignedIn(token, session.expires_at)

    def disable_person(self, factory: UnitOfWorkFactory, email: str) -> bool:
        """Shut somebody out from the machine itself; whether anybody came in by this address."""
        with factory.begin() as uow:
            person = queries.person_by_email(uow.session, email)
            if person is None:
                return False
            shut_out(uow, person)
            uow.add(
                LedgerAudit(
                    id=uow.mint_id(),
                    at=uow.now,
                    person_id=None,
                    action="person.disable",
                    subject_id=person.id,
                    detail={"at": "the machine"},
                )
            )
        return True

    def create_person(self, factory: UnitOfWorkFactory, email: str, display_name: str) -> str | None:
        """Somebody of finance; the password, to be shown this once. None when the address is taken."""
        password = secrets.token_urlsafe(_RANDOM_BYTES)
        password_hash = self._passwords.hash(password)
        with factory.begin() as uow:
            if queries.is_known_address(uow.session, email):
                return None
            uow.add(
                Person(
                    id=uow.mint_id(),
                    email=email,
                    display_name=display_name,
                    password_hash=password_hash,
                    created_at=uow.now,
                )
            )
        return password
