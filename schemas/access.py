"""What travels about people, devices and sessions."""

from __future__ import annotations

from enum import StrEnum

from marshmallow import fields, validate

from schemas.base import (
    Count,
    Email,
    Enumeration,
    Flag,
    Id,
    Instant,
    Line,
    PageQuery,
    RecordShape,
    Secret,
    Shape,
    TimeZone,
)

_LONGEST_TOKEN, _LONGEST_PASSWORD = 200, 1024


class Role(StrEnum):
    """Who somebody is in the firm. `customer` comes by a link, `system` is the server: neither signs in."""

    TECHNICIAN = "technician"
    DISPATCHER = "dispatcher"
    FINANCE = "finance"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"
    CUSTOMER = "customer"
    SYSTEM = "system"


STAFF_ROLES = (Role.TECHNICIAN, Role.DISPATCHER, Role.FINANCE, Role.MANAGER, Role.ADMINISTRATOR)
_is_staff = validate.OneOf(STAFF_ROLES, error="Must be a role that can sign in.")


class UserBody(RecordShape):
    """Somebody of the firm."""

    email = Email()
    display_name = Line(max=200)
    role = Enumeration(Role)
    time_zone = TimeZone()
    disabled_at = Instant(allow_none=True)


class CreateUser(Shape):
    """A new user, who can sign in once a password is set or a phone enrolled."""

    id = Id()
    email = Email(required=True)
    display_name = Line(max=200, required=True)
    role = Enumeration(Role, required=True, validate=_is_staff)
    time_zone = TimeZone()


class EditUser(Shape):
    """What to change about a user."""

    email = Email()
    display_name = Line(max=200)
    role = Enumeration(Role, validate=_is_staff)
    time_zone = TimeZone()


class UserQuery(PageQuery):
    """Which users to list."""

    role = Enumeration(Role)
    disabled = Flag()


class SetUserPassword(Shape):
    """A password an administrator sets for somebody."""

    password = Secret(max=_LONGEST_PASSWORD, required=True)


class ChangePassword(Shape):
    """A new password of one's own, and the one it replaces."""

    current_password = Secret(max=_LONGEST_PASSWORD, required=True)
    new_password = Secret(max=_LONGEST_PASSWORD, required=True)


class Me(Shape):
    """Who the token stands for, and what they may do."""

    user_id = Id(required=True)
    email = Email(required=True)
    display_name = Line(max=200, required=True)
    role = Enumeration(Role, required=True)
    time_zone = TimeZone(required=True)
    device_id = Id(allow_none=True, required=True)
    permissions = fields.List(Line(max=100), required=True)


class SignInForm(Shape):
    """Address and password."""

    email = Line(max=254, required=True)
    password = Secret(max=_LONGEST_PASSWORD, required=True)


class RefreshForm(Shape):
    """The newest refresh token of a session."""

    refresh_token = Secret(max=_LONGEST_TOKEN, required=True)
    proof = Secret(max=_LONGEST_TOKEN)


class TokenAnswer(Shape):
    """Tokens of a session: the access token lives `expires_in` seconds, the refresh token is used once."""

    token_type = fields.Constant("Bearer")
    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    expires_in = Count(required=True)


class CreateEnrolmentCode(Shape):
    """For whom a phone is to be enrolled."""

    user_id = Id(required=True)


class EnrolmentCodeAnswer(Shape):
    """A one-time code, shown this once."""

    code = fields.String(required=True)
    user_id = Id(required=True)
    expires_at = Instant(required=True)


class EnrolDevice(Shape):
    """A phone and the code its user was given."""

    code = Secret(max=40, required=True)
    device_name = Line(max=100, required=True)
    platform = Line(max=100, required=True)
    public_key = Line(max=400)


class EnrolledAnswer(Shape):
    """A phone that was let in."""

    device_id = Id(required=True)
    user_id = Id(required=True)
    display_name = Line(max=200, required=True)
    time_zone = TimeZone(required=True)
    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    expires_in = Count(required=True)


class DeviceBody(RecordShape):
    """A phone of somebody."""

    user_id = Id()
    name = Line(max=100)
    platform = Line(max=100)
    enrolled_at = Instant()
    last_seen_at = Instant(allow_none=True)
    revoked_at = Instant(allow_none=True)


class DeviceQuery(PageQuery):
    """Whose devices to list."""

    user_id = Id()


class AuditEntryBody(Shape):
    """One thing somebody did or was refused."""

    id = Id()
    at = Instant()
    actor_id = Id(allow_none=True)
    role = Enumeration(Role, allow_none=True)
    device_id = Id(allow_none=True)
    action = Line(max=100)
    subject_id = Id(allow_none=True)
    detail = fields.Dict(keys=fields.String())


class AuditQuery(PageQuery):
    """Which entries of the audit log to list."""

    actor_id = Id()
    subject_id = Id()
    action = Line(max=100)
