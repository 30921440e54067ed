"""What people do with users, devices and sessions."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from backend.access import queries, rules, sessions
from backend.access.actor import Actor
from backend.access.models import Device, EnrolmentCode, SignIn, User
from backend.access.permissions import requires
from backend.access.tokens import hash_of, new_code, plain_code
from backend.db.unit_of_work import UnitOfWork
from schemas.access import Role
from schemas.errors import IdAlreadyUsed

_FIRST_ZONE = "UTC"


@requires("user:create")
def create_user(
    uow: UnitOfWork,
    actor: Actor,  # every action has one
    user_id: UUID | None,
    *,
    email: str,
    display_name: str,
    role: Role,
    time_zone: str = _FIRST_ZONE,
    password_hash: str | None = None,
) -> User:
    """Make a user; the same id with the same content returns the one made before."""
    known = uow.session.get(User, user_id) if user_id is not None else None
    if known is not None:
        given = (email.lower(), display_name, role, time_zone)
        if (known.email, known.display_name, known.role, known.time_zone) != given:
            raise IdAlreadyUsed("Take a fresh id, or leave it out.")
        return known
    return uow.add(
        User(
            id=user_id or uow.mint_id(),
            email=email.lower(),
            display_name=display_name,
            role=role,
            time_zone=time_zone,
            password_hash=password_hash,
        )
    )


@requires("user:edit")
def edit_user(
    uow: UnitOfWork,
    actor: Actor,
    user_id: UUID,
    *,
    email: str | None = None,
    display_name: str | None = None,
    role: Role | None = None,
    time_zone: str | None = None,
) -> User:
    """Change who somebody is; a new role counts from their next request on, and revokes their phones."""
    user = queries.locked_user(uow.session, user_id)
    if role is not None and role is not user.role:
        _keep_an_administrator(uow, user)
        # What the phone still holds must find its way in, and a phone never grows into more rights.
        for device in queries.locked_devices_in_use(uow.session, user_id):
            device.revoked_at = uow.now
    user.email = user.email if email is None else email.lower()
    user.display_name = user.display_name if display_name is None else display_name
    user.role = user.role if role is None else role
    user.time_zone = user.time_zone if time_zone is None else time_zone
    return user


@requires("user:disable")
def disable_user(uow: UnitOfWork, actor: Actor, user_id: UUID) -> User:
    """Shut somebody out at once. What their phones still hold can be handed in for thirty days."""
    user = queries.locked_user(uow.session, user_id)
    if user.disabled_at is None:
        _keep_an_administrator(uow, user)
        user.disabled_at = uow.now
    _end_sign_ins(uow, user_id, "the user was disabled", of_devices=False)
    return user


@requires("user:enable")
def enable_user(uow: UnitOfWork, actor: Actor, user_id: UUID) -> User:
    """Let somebody in again, who signs in or enrols anew."""
    user = queries.locked_user(uow.session, user_id)
    if user.disabled_at is not None:
        _end_sign_ins(uow, user_id, "the user was enabled again", of_devices=True)
        user.disabled_at = None
    return user


@requires("user_password:set")
def set_user_password(uow: UnitOfWork, actor: Actor, user_id: UUID, *, password_hash: str) -> User:
    """Give somebody a new password and end the sessions begun with the old one."""
    user = queries.locked_user(uow.session, user_id)
    user.password_hash = password_hash
    _end_sign_ins(uow, user_id, "the password was changed", of_devices=False)
    return user


@requires("password:change")
def change_password(uow: UnitOfWork, actor: Actor, *, password_hash: str) -> User:
    """Give oneself a new password (the old one was checked) and end all other browser sessions."""
    user = queries.locked_user(uow.session, actor.user_id)
    user.password_hash = password_hash
    _end_sign_ins(uow, user.id, "the password was changed", of_devices=False, but=actor.session_id)
    return user


@requires("sessions:end")
def end_sessions(uow: UnitOfWork, actor: Actor, user_id: UUID) -> None:
    """End every session of somebody, phones too: they sign in and enrol anew."""
    queries.locked_user(uow.session, user_id)
    _end_sign_ins(uow, user_id, "ended by an administrator", of_devices=True)


@requires("session:end")
def end_session(uow: UnitOfWork, actor: Actor) -> None:
    """Sign out: end the session this request came with."""
    row = uow.session.get(SignIn, actor.session_id) if actor.session_id is not None else None
    if row is not None:
        sessions.end(uow, row, "signed out")


@requires("enrolment_code:create")
def create_enrolment_code(
    uow: UnitOfWork, actor: Actor, user_id: UUID, *, valid_for: timedelta
) -> tuple[str, EnrolmentCode]:
    """A one-time code with which somebody's phone is enrolled, and its row; the code itself is not stored.

    Made in a browser of the office only (decision 32).
    """
    if actor.device_id is not None:
        raise rules.PhonesEnrolNoPhones("Make the code in a browser, signed in with your password.")
    user = queries.user(uow.session, user_id)
    if not rules.may_enrol_for(actor, user.id, user.role):
        raise rules.RoleNotYours("Ask an administrator.")
    if user.disabled_at is not None:
        raise rules.UserDisabled("Enable the user first.")
    code = new_code()
    row = uow.add(
        EnrolmentCode(
            id=uow.mint_id(),
            user_id=user_id,
            code_hash=hash_of(plain_code(code)),
            created_by=actor.user_id,
            expires_at=uow.now + valid_for,
        )
    )
    return code, row


@requires("device:revoke")
def revoke_device(uow: UnitOfWork, actor: Actor, device_id: UUID) -> Device:
    """Shut a phone out at once. What it still holds can be handed in for thirty days."""
    device = queries.locked_device(uow.session, actor, device_id)
    if device.revoked_at is None:
        device.revoked_at = uow.now
    return device


def _keep_an_administrator(uow: UnitOfWork, user: User) -> None:
    if user.role is Role.ADMINISTRATOR and queries.is_only_administrator(uow.session, user.id):
        raise rules.LastAdministrator("Make somebody else an administrator first.")


def _end_sign_ins(
    uow: UnitOfWork, user_id: UUID, because: str, *, of_devices: bool, but: UUID | None = None
) -> None:
    for row in queries.open_sign_ins(uow.session, user_id, of_devices=of_devices):
        if row.id != but:
            sessions.end(uow, row, because)
