"""HTTP doors of the access room."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from backend.access import actions, queries
from backend.access.actor import Actor
from backend.access.doorkeeper import Doorkeeper, Enrolled, Phone
from backend.access.models import AuditEntry, Device, User
from backend.access.sessions import Tokens
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.web.blueprint import Room
from backend.web.wiring import current_wiring
from schemas import access as shapes

room = Room("access", __name__, description="People, their sessions and phones, and the log of who did what.")


def _doorkeeper() -> Doorkeeper:
    doorkeeper = current_wiring().authenticator
    if not isinstance(doorkeeper, Doorkeeper):
        raise TypeError("the access room needs its own doorkeeper as the app's authenticator")
    return doorkeeper


# Sessions


@room.post(
    "/sessions",
    body=shapes.SignInForm,
    answer=shapes.TokenAnswer,
    permission_free=True,
    own_transactions=True,
)
def sign_in(factory: UnitOfWorkFactory, _: Actor, fields: dict[str, Any]) -> Tokens:
    """Sign in with address and password."""
    return _doorkeeper().sign_in(factory, fields["email"], fields["password"], request.remote_addr)


@room.post(
    "/sessions/refresh",
    body=shapes.RefreshForm,
    answer=shapes.TokenAnswer,
    permission_free=True,
    own_transactions=True,
)
def refresh_session(factory: UnitOfWorkFactory, _: Actor, fields: dict[str, Any]) -> Tokens:
    """Get the next tokens of a session.

    A repeat with the same token gives the same successor until that was used; an older one ends the session.
    """
    return _doorkeeper().refresh(factory, **fields)


@room.delete("/sessions/current", permission="session:end")
def end_session(uow: UnitOfWork, actor: Actor) -> None:
    """Sign out."""
    actions.end_session(uow, actor)


@room.get("/me", answer=shapes.Me, permission="session:end")
def show_me(uow: UnitOfWork, actor: Actor) -> dict[str, object]:
    """Show who the token stands for and what they may do."""
    user = queries.user(uow.session, actor.user_id)
    return {
        "user_id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "role": user.role,
        "time_zone": user.time_zone,
        "device_id": actor.device_id,
        "permissions": sorted(actor.permissions),
    }


@room.post(
    "/me/change-password", body=shapes.ChangePassword, permission="password:change", own_transactions=True
)
def change_password(factory: UnitOfWorkFactory, actor: Actor, fields: dict[str, Any]) -> None:
    """Change one's own password; all other browser sessions end."""
    _doorkeeper().change_password(factory, actor, fields["current_password"], fields["new_password"])


# Devices


@room.post(
    "/devices/enrolment-codes",
    body=shapes.CreateEnrolmentCode,
    answer=shapes.EnrolmentCodeAnswer,
    status=201,
    permission="enrolment_code:create",
)
def create_enrolment_code(uow: UnitOfWork, actor: Actor, fields: dict[str, Any]) -> dict[str, object]:
    """Make a one-time code for enrolling somebody's phone."""
    code, row = _doorkeeper().create_code(uow, actor, fields["user_id"])
    return {"code": code, "user_id": row.user_id, "expires_at": row.expires_at}


@room.post(
    "/devices/enrol",
    body=shapes.EnrolDevice,
    answer=shapes.EnrolledAnswer,
    status=201,
    permission_free=True,
    own_transactions=True,
)
def enrol_device(factory: UnitOfWorkFactory, _: Actor, fields: dict[str, Any]) -> dict[str, object]:
    """Enrol a phone with a one-time code.

    A phone that sends the `public_key` of a key pair in its key store (ECDSA P-256, DER, base64) binds its
    session to it: every refresh then carries a `proof`, the base64 signature (SHA-256) over the words
    `doorstep refresh`, a line feed and the refresh token. A copied token is worth nothing without the phone.
    """
    phone = Phone(fields["device_name"], fields["platform"], fields.get("public_key"))
    return _enrolled(_doorkeeper().enrol(factory, phone, code=fields["code"], address=request.remote_addr))


@room.get("/devices", page_of=shapes.DeviceBody, query=shapes.DeviceQuery, permission="device:read")
def list_devices(uow: UnitOfWork, actor: Actor, page: PageRequest, fields: dict[str, Any]) -> Page[Device]:
    """List phones: one's own, or for the office everybody's."""
    return queries.devices(uow.session, actor, page, **fields)


@room.post("/devices/<uuid:device_id>/revoke", answer=shapes.DeviceBody, permission="device:revoke")
def revoke_device(uow: UnitOfWork, actor: Actor, device_id: UUID) -> Device:
    """Shut a phone out; what it still holds can be handed in for thirty days."""
    return actions.revoke_device(uow, actor, device_id)


# Users


@room.get("/users", page_of=shapes.UserBody, query=shapes.UserQuery, permission="user:read")
def list_users(uow: UnitOfWork, _: Actor, page: PageRequest, fields: dict[str, Any]) -> Page[User]:
    """List the people of the firm."""
    return queries.users(uow.session, page, **fields)


@room.get("/users/<uuid:user_id>", answer=shapes.UserBody, permission="user:read")
def show_user(uow: UnitOfWork, _: Actor, user_id: UUID) -> User:
    """Show one of the people of the firm."""
    return queries.user(uow.session, user_id)


@room.post("/users", body=shapes.CreateUser, answer=shapes.UserBody, creates=True, permission="user:create")
def create_user(uow: UnitOfWork, actor: Actor, fields: dict[str, Any]) -> User:
    """Make a user."""
    return actions.create_user(uow, actor, fields.pop("id", None), **fields)


@room.patch(
    "/users/<uuid:user_id>", body=shapes.EditUser, answer=shapes.UserBody, edits=True, permission="user:edit"
)
def edit_user(uow: UnitOfWork, actor: Actor, fields: dict[str, Any], user_id: UUID) -> User:
    """Change who somebody is."""
    return actions.edit_user(uow, actor, user_id, **fields)


@room.post("/users/<uuid:user_id>/disable", answer=shapes.UserBody, permission="user:disable")
def disable_user(uow: UnitOfWork, actor: Actor, user_id: UUID) -> User:
    """Shut somebody out at once."""
    return actions.disable_user(uow, actor, user_id)


@room.post("/users/<uuid:user_id>/enable", answer=shapes.UserBody, permission="user:enable")
def enable_user(uow: UnitOfWork, actor: Actor, user_id: UUID) -> User:
    """Let somebody in again."""
    return actions.enable_user(uow, actor, user_id)


@room.post("/users/<uuid:user_id>/end-sessions", permission="sessions:end")
def end_sessions(uow: UnitOfWork, actor: Actor, user_id: UUID) -> None:
    """End every session of somebody."""
    actions.end_sessions(uow, actor, user_id)


@room.post(
    "/users/<uuid:user_id>/set-password",
    body=shapes.SetUserPassword,
    permission="user_password:set",
    own_transactions=True,
)
def set_user_password(
    factory: UnitOfWorkFactory, actor: Actor, fields: dict[str, Any], user_id: UUID
) -> None:
    """Set somebody's password."""
    _doorkeeper().set_user_password(factory, actor, user_id, fields["password"])


# Audit log


@room.get("/audit-log", page_of=shapes.AuditEntryBody, query=shapes.AuditQuery, permission="audit_log:read")
def list_audit_entries(
    uow: UnitOfWork, _: Actor, page: PageRequest, fields: dict[str, Any]
) -> Page[AuditEntry]:
    """List what was done and refused, newest first."""
    return queries.audit_entries(uow.session, page, **fields)


def _enrolled(enrolled: Enrolled) -> dict[str, object]:
    return {
        "device_id": enrolled.device.id,
        "user_id": enrolled.tokens.user_id,
        "display_name": enrolled.display_name,
        "time_zone": enrolled.time_zone,
        "access_token": enrolled.tokens.access_token,
        "refresh_token": enrolled.tokens.refresh_token,
        "expires_in": enrolled.tokens.expires_in,
    }
