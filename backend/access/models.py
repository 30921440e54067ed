"""Tables of people, devices, sessions and the audit log; of secrets they hold only hashes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from backend.access.actor import SYSTEM_USER_ID
from backend.access.rules import EmailTaken
from backend.db.base import Base, Record
from backend.db.ddl import append_only, extra_ddl
from backend.db.integrity import constraint_fact
from backend.db.types import JsonDocument
from schemas.access import Role
from schemas.errors import JsonValue


class User(Record):
    """Somebody of the firm. `email` is in lower case; without `password_hash` nobody signs in as them."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    role: Mapped[Role]
    time_zone: Mapped[str]
    password_hash: Mapped[str | None]
    disabled_at: Mapped[datetime | None]


class Device(Record):
    """A phone that was enrolled for one user; with a `public_key`, it refreshes only by signing."""

    __tablename__ = "devices"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str]
    platform: Mapped[str]
    public_key: Mapped[str | None]
    enrolled_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]


class DeviceKey(Base):
    """A key of a phone and how long it was its key; `name` is its thumbprint (`device_keys.key_name`)."""

    __tablename__ = "device_keys"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[str]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]


class EnrolmentCode(Record):
    """A one-time code for enrolling a phone, as its hash."""

    __tablename__ = "enrolment_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    code_hash: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[UUID]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("devices.id"))


class SignIn(Record):
    """A family of refresh tokens that descend from one sign-in or enrolment; table `sessions`.

    `current_hash` and `previous_hash` are the newest refresh token and its predecessor; `confirmed` turns
    true once anything issued with the newest was used, and from then on the predecessor is a reuse.
    """

    __tablename__ = "sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("devices.id"), index=True)
    generation: Mapped[int]
    current_hash: Mapped[str] = mapped_column(unique=True)
    previous_hash: Mapped[str | None] = mapped_column(unique=True)
    confirmed: Mapped[bool]
    refresh_expires_at: Mapped[datetime]
    rotated_at: Mapped[datetime]
    family_expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]


class AccessToken(Base):
    """A short-lived bearer token, as its SHA-256."""

    __tablename__ = "access_tokens"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), index=True)
    generation: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SpentRefreshToken(Base):
    """A refresh token two or more generations old: seeing it again means that somebody holds a copy."""

    __tablename__ = "spent_refresh_tokens"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Base):
    """One thing somebody did or was refused: names of changed fields, never their values."""

    __tablename__ = "audit_log"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[UUID | None] = mapped_column(index=True)
    role: Mapped[Role | None]
    device_id: Mapped[UUID | None]
    action: Mapped[str]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    detail: Mapped[dict[str, JsonValue]] = mapped_column(JsonDocument)


class ThrottleBucket(Base):
    """How many tries a key (hash of purpose and who) had left at `updated_at`; shared by all processes."""

    __tablename__ = "throttle_buckets"

    key: Mapped[str] = mapped_column(primary_key=True)
    tokens: Mapped[float]
    updated_at: Mapped[datetime] = mapped_column(index=True)


append_only(Base.metadata, "audit_log")
constraint_fact("uq_users_email", EmailTaken, "Take another address, or edit the user who has this one.")

# The server itself acts too (imports, workers): its user is there with the tables, and nobody signs in as it.
_SYSTEM_USER = (
    "INSERT INTO users (id, revision, created_at, email, display_name, role, time_zone) "
    "VALUES ('{id}', 1, '2000-01-01T00:00:00.000000Z', "
    "'system@doorstep.invalid', 'Doorstep', 'system', 'UTC')"
)
extra_ddl(Base.metadata, "sqlite", [_SYSTEM_USER.format(id=SYSTEM_USER_ID.hex)])
extra_ddl(Base.metadata, "postgresql", [_SYSTEM_USER.format(id=SYSTEM_USER_ID)])
