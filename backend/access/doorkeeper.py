"""The doorkeeper: lets people and phones in, knows who holds a token, and throttles whoever keeps trying."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from backend.access import actions, queries, rules, sessions, throttle
from backend.access.actor import Actor
from backend.access.device_keys import check_key, key_name
from backend.access.models import AuditEntry, Device, DeviceKey, EnrolmentCode, User
from backend.access.passwords import Passwords
from backend.access.permissions import HANDING_IN, PERMISSIONS, SYSTEM
from backend.access.queries import Holder
from backend.access.reach import HISTORY
from backend.access.secret import derive
from backend.access.sessions import Sessions, Tokens
from backend.access.tokens import hash_of, plain_code
from backend.db.look import Look
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.settings import Settings
from backend.web.wiring import Admission
from schemas.access import Role
from schemas.errors import DomainError, JsonValue, Unauthenticated

_RANDOM_BYTES = 15
_WRONG_CREDENTIALS = "The address or the password is not right, or the user is disabled."
_WRONG_TOKEN = "Refresh the session with POST /sessions/refresh, or sign in again."  # noqa: S105  # no secret
_WRONG_CODE = "The code is not right, was used, or is older than ten minutes: ask for a new one."


@dataclass(frozen=True)
class Phone:
    """What a phone says of itself when it enrols; `public_key` as in `backend.access.device_keys`."""

    name: str
    platform: str
    public_key: str | None = None


@dataclass(frozen=True)
class Enrolled:
    """A phone that was let in, and what it needs to know about its user."""

    tokens: Tokens
    device: Device
    display_name: str
    time_zone: str


class Doorkeeper:
    """The `Authenticator` of the app, and the three ways in: password, refresh token, enrolment code.

    Each way in begins its own transactions: a password is checked while none is open, because that is slow,
    and what is refused must still be counted and logged.
    """

    def __init__(self, settings: Settings, secret: bytes) -> None:
        self.passwords = Passwords(
            time_cost=settings.argon2_time_cost,
            memory_kib=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallel,
        )
        self.sessions = Sessions(
            key=derive(secret, "refresh"),
            access_seconds=settings.access_token_seconds,
            refresh_days=settings.refresh_days,
        )
        self._throttles = settings.throttle
        self._code_lives = timedelta(seconds=settings.enrolment_code_seconds)

    # Who holds a token

    def authenticate(self, look: Look, token: str, *, allow_revoked: bool = False) -> Admission:
        """Who holds an access token; raises Unauthenticated. See `backend.web.wiring.Authenticator`."""
        holder = queries.holder_of(look, hash_of(token))
        if holder is None or not _may_enter(holder, allow_revoked):
            raise Unauthenticated(_WRONG_TOKEN)
        return admission_of(holder, look.now)

    def confirm(self, uow: UnitOfWork, actor: Actor) -> None:
        """Note that the newest refresh token of the actor's session has reached its owner."""
        if actor.session_id is not None:
            sessions.confirm(uow, actor.session_id)

    def note_refusal(
        self, uow: UnitOfWork, actor: Actor | None, action: str, detail: Mapping[str, JsonValue]
    ) -> None:
        """Leave a row in the audit log about something that was refused."""
        uow.add(
            AuditEntry(
                id=uow.mint_id(),
                at=uow.now,
                actor_id=actor.user_id if actor else None,
                role=actor.role if actor else None,
                device_id=actor.device_id if actor else None,
                action=action,
                detail=dict(detail),
            )
        )

    # Ways in

    def sign_in(self, factory: UnitOfWorkFactory, email: str, password: str, address: str | None) -> Tokens:
        """Tokens for an address and password; raises Unauthenticated or TooManyTries.

        Unknown, disabled and wrong look the same and take the same time.
        """
        email = email.lower()
        network = rules.network_of(address)
        account_key = throttle.bucket_key("sign-in", email, network)
        self._count(
            factory,
            {
                account_key: rules.SIGN_IN_PER_ACCOUNT_AND_ADDRESS,
                throttle.bucket_key("sign-in", network): rules.SIGN_IN_PER_ADDRESS,
            },
        )
        with factory.begin(write=False) as uow:
            known = queries.credentials_of(uow.session, email)
        verdict = self.passwords.verify(known.password_hash if known else None, password)
        with factory.begin() as uow:
            if known is not None and verdict.right:
                user = queries.locked_user(uow.session, known.user_id)
                if user.disabled_at is None and user.password_hash == known.password_hash:
                    if verdict.new_hash is not None:
                        user.password_hash = verdict.new_hash
                    throttle.give_back(uow, account_key)
                    tokens = self.sessions.begin(uow, user.id, None)
                    self._note_success(uow, tokens, user.role, "session.begin")
                    return tokens
            detail: dict[str, JsonValue] = {"network": network}
            if known is not None:
                detail["user"] = str(known.user_id)
            self.note_refusal(uow, None, "session.refused", detail)
        raise Unauthenticated(_WRONG_CREDENTIALS)

    def refresh(self, factory: UnitOfWorkFactory, refresh_token: str, proof: str | None = None) -> Tokens:
        """The next tokens of a session; raises Unauthenticated. An older token ends the whole session.

        `proof` is the signature that a phone which registered a key owes (`backend.access.device_keys`).
        """
        with factory.begin() as uow:
            result = self.sessions.refresh(uow, refresh_token, proof)
            if result.suspicion is not None and result.session is not None:
                session = result.session
                detail: dict[str, JsonValue] = {"session": str(session.id), "user": str(session.user_id)}
                self.note_refusal(uow, None, result.suspicion, detail)
        if result.tokens is None:
            raise Unauthenticated("This refresh token is over: sign in, or enrol the phone, again.")
        return result.tokens

    def change_password(self, factory: UnitOfWorkFactory, actor: Actor, current: str, new: str) -> None:
        """Replace one's own password, throttled too; raises CurrentPasswordWrong or PasswordTooWeak."""
        key = throttle.bucket_key("change-password", str(actor.user_id))
        self._count(factory, {key: rules.SIGN_IN_PER_ACCOUNT_AND_ADDRESS})
        with factory.begin(write=False) as uow:
            user = queries.user(uow.session, actor.user_id)
        if not self.passwords.verify(user.password_hash, current).right:
            raise rules.CurrentPasswordWrong("Type the password you sign in with now.")
        password_hash = self._hash_acceptable(user, new)
        with factory.begin() as uow:
            actions.change_password(uow, actor, password_hash=password_hash)

    def set_user_password(
        self, factory: UnitOfWorkFactory, actor: Actor, user_id: UUID, password: str
    ) -> None:
        """Give somebody else a password; raises PasswordTooWeak."""
        with factory.begin(write=False) as uow:
            user = queries.user(uow.session, user_id)
        password_hash = self._hash_acceptable(user, password)
        with factory.begin() as uow:
            actions.set_user_password(uow, actor, user_id, password_hash=password_hash)

    def create_administrator(
        self, factory: UnitOfWorkFactory, email: str, display_name: str, time_zone: str
    ) -> str | None:
        """Make an administrator, whom a new firm has to begin with; the password, to be shown this once.

        None when somebody has this address already.
        """
        password = secrets.token_urlsafe(_RANDOM_BYTES)
        password_hash = self.passwords.hash(password)
        with factory.begin() as uow:
            if queries.credentials_of(uow.session, email.lower()) is not None:
                return None
            actions.create_user(
                uow,
                SYSTEM,
                None,
                email=email,
                display_name=display_name,
                role=Role.ADMINISTRATOR,
                time_zone=time_zone,
                password_hash=password_hash,
            )
        return password

    def _hash_acceptable(self, user: User, password: str) -> str:
        checked = rules.acceptable_password(password, email=user.email, display_name=user.display_name)
        return self.passwords.hash(checked)

    def create_code(self, uow: UnitOfWork, actor: Actor, user_id: UUID) -> tuple[str, EnrolmentCode]:
        """A one-time code for somebody's phone, and its row; raises TooManyTries."""
        key = throttle.bucket_key("enrolment-code", str(actor.user_id))
        refusal = throttle.take(uow, {key: rules.CODES_PER_USER}) if self._throttles else None
        if refusal is not None:
            raise refusal
        return actions.create_enrolment_code(uow, actor, user_id, valid_for=self._code_lives)

    def enrol(self, factory: UnitOfWorkFactory, phone: Phone, *, code: str, address: str | None) -> Enrolled:
        """Let a phone in with a one-time code; raises Unauthenticated, TooManyTries or DeviceKeyUnusable."""
        if phone.public_key is not None:
            check_key(phone.public_key)
        network = rules.network_of(address)
        self._count(factory, {throttle.bucket_key("enrol", network): rules.ENROL_PER_ADDRESS})
        with factory.begin() as uow:
            enrolled = self._redeem(uow, phone, code)
            if enrolled is None:
                self.note_refusal(uow, None, "device.refused", {"network": network})
        if enrolled is None:
            raise Unauthenticated(_WRONG_CODE)
        return enrolled

    def _redeem(self, uow: UnitOfWork, phone: Phone, code: str) -> Enrolled | None:
        row = queries.locked_code(uow.session, hash_of(plain_code(code)))
        if row is None or row.used_at is not None or row.expires_at <= uow.now:
            return None
        user = queries.user(uow.session, row.user_id)
        if user.disabled_at is not None:
            return None
        device = uow.add(
            Device(
                id=uow.mint_id(),
                user_id=user.id,
                name=phone.name,
                platform=phone.platform,
                public_key=phone.public_key,
                enrolled_at=uow.now,
            )
        )
        if phone.public_key is not None:
            name = key_name(phone.public_key)
            key = DeviceKey(device_id=device.id, name=name, public_key=phone.public_key, valid_from=uow.now)
            uow.add(key)
        row.used_at, row.device_id = uow.now, device.id
        tokens = self.sessions.begin(uow, user.id, device.id)
        self._note_success(uow, tokens, user.role, "device.enrol")
        return Enrolled(tokens, device, user.display_name, user.time_zone)

    def _count(self, factory: UnitOfWorkFactory, buckets: Mapping[str, rules.Allowance]) -> None:
        if not self._throttles:
            return
        refusal: DomainError | None
        with factory.begin() as uow:
            refusal = throttle.take(uow, buckets)
        if refusal is not None:
            raise refusal

    def _note_success(self, uow: UnitOfWork, tokens: Tokens, role: Role, action: str) -> None:
        uow.add(
            AuditEntry(
                id=uow.mint_id(),
                at=uow.now,
                actor_id=tokens.user_id,
                role=role,
                device_id=tokens.device_id,
                action=action,
                subject_id=tokens.device_id or tokens.session_id,
                detail={},
            )
        )


def admission_of(holder: Holder, now: datetime) -> Admission:
    """What the holder of a token is let in as."""
    revoked = holder.out_since is not None
    actor = Actor(
        user_id=holder.user_id,
        role=holder.role,
        permissions=PERMISSIONS[holder.role] & HANDING_IN if revoked else PERMISSIONS[holder.role],
        device_id=holder.device_id,
        session_id=holder.session_id,
        time_zone=holder.time_zone,
        revoked_at=holder.out_since,
        reads_since=now - HISTORY if holder.role is Role.TECHNICIAN else None,
    )
    return Admission(actor, first_use=holder.first_use)


def _may_enter(holder: Holder, allow_revoked: bool) -> bool:
    # A revoked phone may always ask: whether its work is still taken, and that it has to forget everything,
    # it can only be told by the exchange.
    return holder.out_since is None or (allow_revoked and holder.device_id is not None)
