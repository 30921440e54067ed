"""All SQL of the access room that reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.access.actor import Actor
from backend.access.models import (
    AccessToken,
    AuditEntry,
    Device,
    DeviceKey,
    EnrolmentCode,
    SignIn,
    SpentRefreshToken,
    User,
)
from backend.access.rules import DeviceNotFound, UserNotFound, sees_every_device
from backend.db.look import Look
from backend.db.paging import Page, PageRequest, fetch_page
from schemas.access import Role


@dataclass(frozen=True)
class Credentials:
    """What signing in needs to know about a user."""

    user_id: UUID
    password_hash: str | None


@dataclass(frozen=True)
class Holder:
    """Who holds an access token; `first_use` until the newest refresh token has shown to have arrived."""

    user_id: UUID
    role: Role
    session_id: UUID
    device_id: UUID | None
    first_use: bool
    time_zone: str
    disabled_at: datetime | None
    revoked_at: datetime | None

    @property
    def out_since(self) -> datetime | None:
        """Since when the device is revoked or the user disabled, whichever came first."""
        moments = [moment for moment in (self.disabled_at, self.revoked_at) if moment is not None]
        return min(moments) if moments else None


def users(
    session: Session, page: PageRequest, *, role: Role | None = None, disabled: bool | None = None
) -> Page[User]:
    """Users in the order in which they were made."""
    statement = select(User)
    if role is not None:
        statement = statement.where(User.role == role)
    if disabled is not None:
        statement = statement.where(User.disabled_at.is_not(None) if disabled else User.disabled_at.is_(None))
    return fetch_page(session, statement, page, key=User.id)


def is_enabled(user_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """For the SQL of rooms below: whether the user a column names may still come in."""
    return select(User.id).where(User.id == user_id, User.disabled_at.is_(None)).exists()


def user(session: Session, user_id: UUID) -> User:
    """One user; raises UserNotFound."""
    found = session.get(User, user_id)
    if found is None:
        raise UserNotFound
    return found


def user_names(session: Session, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """What these users are called."""
    rows = session.execute(select(User.id, User.display_name).where(User.id.in_(user_ids)))
    return {row.id: row.display_name for row in rows}


def locked_user(session: Session, user_id: UUID) -> User:
    """One user, locked until the transaction ends; raises UserNotFound."""
    found = session.scalar(select(User).where(User.id == user_id).with_for_update())
    if found is None:
        raise UserNotFound
    return found


def credentials_of(session: Session, email: str) -> Credentials | None:
    """The user with this address (in lower case), if there is one."""
    row = session.execute(select(User.id, User.password_hash).where(User.email == email)).one_or_none()
    return None if row is None else Credentials(row.id, row.password_hash)


def is_only_administrator(session: Session, user_id: UUID) -> bool:
    """Whether no other administrator could still sign in."""
    others = select(func.count()).where(
        User.role == Role.ADMINISTRATOR, User.disabled_at.is_(None), User.id != user_id
    )
    return session.scalar(others) == 0


def devices_visible_to(actor: Actor) -> Select[Device]:
    """The devices an actor may see: all for the office, their own for everybody else."""
    statement = select(Device)
    return statement if sees_every_device(actor) else statement.where(Device.user_id == actor.user_id)


def devices(
    session: Session, actor: Actor, page: PageRequest, *, user_id: UUID | None = None
) -> Page[Device]:
    """Devices in the order in which they were enrolled."""
    statement = devices_visible_to(actor)
    if user_id is not None:
        statement = statement.where(Device.user_id == user_id)
    return fetch_page(session, statement, page, key=Device.id)


def locked_device(session: Session, actor: Actor, device_id: UUID) -> Device:
    """One device that the actor may see, locked; raises DeviceNotFound."""
    found = session.scalar(devices_visible_to(actor).where(Device.id == device_id).with_for_update())
    if found is None:
        raise DeviceNotFound
    return found


def locked_devices_in_use(session: Session, user_id: UUID) -> list[Device]:
    """The phones of a user that are not revoked, locked."""
    statement = select(Device).where(Device.user_id == user_id, Device.revoked_at.is_(None))
    return list(session.scalars(statement.order_by(Device.id).with_for_update()))


def locked_code(session: Session, code_hash: str) -> EnrolmentCode | None:
    """The enrolment code with this hash, locked."""
    return session.scalar(select(EnrolmentCode).where(EnrolmentCode.code_hash == code_hash).with_for_update())


def locked_sign_in(session: Session, refresh_hash: str) -> SignIn | None:
    """The session to which a refresh token belongs or once belonged, locked."""
    spent = select(SpentRefreshToken.session_id).where(SpentRefreshToken.token_hash == refresh_hash)
    return session.scalar(
        select(SignIn)
        .where(
            or_(
                SignIn.current_hash == refresh_hash,
                SignIn.previous_hash == refresh_hash,
                SignIn.id.in_(spent),
            )
        )
        .with_for_update()
    )


HOLDER = (
    select(
        User.id,
        User.role,
        SignIn.id.label("session_id"),
        SignIn.device_id,
        and_(AccessToken.generation == SignIn.generation, SignIn.confirmed.is_(False)).label("first_use"),
        User.time_zone,
        User.disabled_at,
        Device.revoked_at,
    )
    .join(SignIn, SignIn.id == AccessToken.session_id)
    .join(User, User.id == SignIn.user_id)
    .outerjoin(Device, Device.id == SignIn.device_id)
    .where(
        AccessToken.token_hash == bindparam("token_hash"),
        AccessToken.expires_at > bindparam("now"),
        SignIn.ended_at.is_(None),
    )
)
"""Who holds the access token with the hash `token_hash`, if it has not expired: the columns of a Holder."""
HOLDER_WIDTH = len(HOLDER.selected_columns)


def holder_of(look: Look, token_hash: str) -> Holder | None:
    """Who holds an access token that has not expired, in one statement: every request asks."""
    rows = look.all(HOLDER, {"token_hash": token_hash, "now": look.now})
    return holder_in(rows[0]) if rows else None


def holder_in(row: Sequence[Any]) -> Holder:
    """The holder in a row of HOLDER."""
    user_id, role, *rest = row
    return Holder(user_id, Role(role), *rest)


def zone_and_revocation(session: Session, device_id: UUID) -> tuple[str, datetime | None]:
    """The time zone of a device's user, and since when the device is revoked or its user disabled."""
    zone, *moments = session.execute(
        select(User.time_zone, User.disabled_at, Device.revoked_at)
        .join(Device, Device.user_id == User.id)
        .where(Device.id == device_id)
    ).one()
    return zone, min((moment for moment in moments if moment is not None), default=None)


@dataclass(frozen=True)
class KnownKey:
    """A key that a phone has or had: whose it was, and until when (None: it still is).

    A revoked phone and a disabled user end a key too.
    """

    public_key: str
    user_id: UUID
    valid_from: datetime
    valid_until: datetime | None


def key_of_device(session: Session, device_id: UUID, name: str) -> KnownKey | None:
    """The phone's key of that name (`device_keys.key_name`), valid or not."""
    row = session.execute(
        select(
            DeviceKey.public_key,
            DeviceKey.valid_from,
            DeviceKey.valid_until,
            Device.user_id,
            Device.revoked_at,
            User.disabled_at,
        )
        .join(Device, Device.id == DeviceKey.device_id)
        .join(User, User.id == Device.user_id)
        .where(DeviceKey.device_id == device_id, DeviceKey.name == name)
    ).one_or_none()
    if row is None:
        return None
    ends = [moment for moment in (row.valid_until, row.revoked_at, row.disabled_at) if moment is not None]
    return KnownKey(row.public_key, row.user_id, row.valid_from, min(ends, default=None))


def has_key(session: Session, device_id: UUID) -> bool:
    """Whether that device signs what it closes."""
    return bool(session.scalar(select(Device.public_key.is_not(None)).where(Device.id == device_id)))


def audited_actions_of_devices(
    session: Session, device_ids: Collection[UUID]
) -> Counter[tuple[str, UUID | None]]:
    """How often each action was done to each record from these devices, by the audit log."""
    statement = (
        select(AuditEntry.action, AuditEntry.subject_id, func.count())
        .where(AuditEntry.device_id.in_(device_ids))
        .group_by(AuditEntry.action, AuditEntry.subject_id)
    )
    return Counter({(action, subject): count for action, subject, count in session.execute(statement)})


def open_sign_ins(session: Session, user_id: UUID, *, of_devices: bool) -> list[SignIn]:
    """The sessions of a user that have not ended; those of devices only when asked for."""
    statement = select(SignIn).where(SignIn.user_id == user_id, SignIn.ended_at.is_(None))
    if not of_devices:
        statement = statement.where(SignIn.device_id.is_(None))
    return list(session.scalars(statement.order_by(SignIn.id).with_for_update()))


def audit_entries(
    session: Session,
    page: PageRequest,
    *,
    actor_id: UUID | None = None,
    subject_id: UUID | None = None,
    action: str | None = None,
) -> Page[AuditEntry]:
    """The audit log, newest first."""
    statement = select(AuditEntry)
    if actor_id is not None:
        statement = statement.where(AuditEntry.actor_id == actor_id)
    if subject_id is not None:
        statement = statement.where(AuditEntry.subject_id == subject_id)
    if action is not None:
        statement = statement.where(AuditEntry.action == action)
    return fetch_page(session, statement, page, key=AuditEntry.at, descending=True)
