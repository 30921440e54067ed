"""Pure decisions of the access room: passwords, throttling, refreshing, who may manage whom."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from backend.access.actor import Actor
from schemas.access import Role
from schemas.errors import DomainError, ErrorKind, PermissionRefused, RecordNotFound

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1024
FAMILY_LIFETIMES = 4
"""A family of refresh tokens ends for good after this many lives of one token."""
REFRESH_GRACE = timedelta(seconds=30)
"""For a device that refreshes twice at once: the predecessor stays good this long after it was replaced."""
REFRESH_DELAY = timedelta(minutes=10)
"""So long a network may hold back a request that a phone has long repeated."""


class EmailTaken(DomainError):
    """Somebody else has this address."""

    title = "This address belongs to somebody else."
    kind = ErrorKind.CONFLICT


class UserNotFound(RecordNotFound):
    """No such user, or not for these eyes."""


class DeviceNotFound(RecordNotFound):
    """No such device, or not for these eyes."""


class PasswordTooWeak(DomainError):
    """A password that is too short, too common or about its owner."""

    title = "This password is too easy to guess."


class CurrentPasswordWrong(DomainError):
    """The password to be replaced was not given rightly."""

    title = "The current password is not right."


class LastAdministrator(DomainError):
    """Without an administrator nobody could let anybody in again."""

    title = "This is the last administrator."
    kind = ErrorKind.CONFLICT


class RoleNotYours(PermissionRefused):
    """Whoever enrols a phone for somebody could act as them; so only administrators do it for the office."""

    title = "Only an administrator enrols phones for this role."


class PhonesEnrolNoPhones(PermissionRefused):
    """A phone that is lost must not have made itself a twin that its revocation does not reach."""

    title = "A phone enrols no other phone."


class UserDisabled(DomainError):
    """The user was disabled."""

    title = "This user is disabled."
    kind = ErrorKind.CONFLICT


class TooManyTries(DomainError):
    """More tries than anybody needs who knows the password."""

    title = "Too many tries."
    kind = ErrorKind.TOO_MANY

    def __init__(self, detail: str = "", *, retry_after: int = 0) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.retry_after = retry_after
        """Seconds until the next try."""


class SignInBusy(DomainError):
    """Too many passwords are being checked at this moment."""

    title = "The server is busy."
    kind = ErrorKind.UNAVAILABLE


# Passwords


@cache
def common_passwords() -> frozenset[str]:
    """The 30,000 most used passwords of leaked lists, as zxcvbn ships them, in lower case."""
    return frozenset(FREQUENCY_LISTS["passwords"])


def acceptable_password(password: str, *, email: str, display_name: str) -> str:
    """The password as it is hashed (NFC); raises PasswordTooWeak.

    At least 8 characters, no rules of composition, up to 1,024 characters; not a common one, also not
    with digits or marks around it; not the owner's name or address.
    """
    normal = unicodedata.normalize("NFC", password)
    if len(normal) < SHORTEST_PASSWORD:
        raise PasswordTooWeak(
            f"Take at least {SHORTEST_PASSWORD} characters; a few words are easy to keep in mind."
        )
    lower = normal.lower()
    bare = lower.strip("0123456789!?.,;:-_#*+$%&/()= ")
    if lower in common_passwords() or bare in common_passwords() or len(set(lower)) < 4:
        raise PasswordTooWeak("It is on every attacker's list: take a few words that do not belong together.")
    own_words = {
        email.lower(),
        email.lower().partition("@")[0],
        display_name.lower(),
        *display_name.lower().split(),
    }
    if lower in own_words or bare in own_words:
        raise PasswordTooWeak("Do not use your own name or address.")
    return normal


# Throttling


@dataclass(frozen=True)
class Allowance:
    """A token bucket: `burst` tries at once, and one more every `seconds`."""

    burst: int
    seconds: float


SIGN_IN_PER_ACCOUNT_AND_ADDRESS = Allowance(burst=8, seconds=60)
SIGN_IN_PER_ADDRESS = Allowance(burst=100, seconds=6)
ENROL_PER_ADDRESS = Allowance(burst=20, seconds=30)
CODES_PER_USER = Allowance(burst=30, seconds=20)


def tokens_now(tokens: float, updated_at: datetime, now: datetime, allowance: Allowance) -> float:
    """What is in a bucket now; a clock that went back adds nothing."""
    elapsed = max(0.0, (now - updated_at).total_seconds())
    return min(float(allowance.burst), tokens + elapsed / allowance.seconds)


def network_of(address: str | None) -> str:
    """Whom an address stands for: itself, or its /64 in IPv6, where everybody has that many of them."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


# Refreshing


class RefreshDecision(StrEnum):
    """What a refresh token that belongs to a session is answered with."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    """The answer was lost: the same successor again."""
    REUSE = "reuse"
    """Somebody holds a copy: the whole family ends."""
    LATE = "late"
    """A request that was on its way for long: the phone that signed it has newer tokens by now."""
    OVER = "over"


@dataclass(frozen=True)
class RefreshState:
    """What a session says about a refresh token that was presented."""

    is_current: bool
    is_previous: bool
    confirmed: bool
    proven: bool
    """Whether the phone's own signature came with it."""
    rotated_at: datetime
    expires_at: datetime
    ended: bool


def decide_refresh(state: RefreshState, now: datetime) -> RefreshDecision:
    """An older generation than the predecessor is always a reuse, also when the family is over anyway."""
    if state.ended:
        return RefreshDecision.OVER
    if not state.is_current and not state.is_previous:
        return RefreshDecision.REUSE
    if now >= state.expires_at:
        return RefreshDecision.OVER
    if state.is_current:
        return RefreshDecision.ROTATE
    if not state.confirmed or now - state.rotated_at <= REFRESH_GRACE:
        return RefreshDecision.REPEAT
    if state.proven and now - state.rotated_at <= REFRESH_DELAY:
        return RefreshDecision.LATE
    return RefreshDecision.REUSE


# Who manages whom


def may_enrol_for(actor: Actor, user_id: UUID, role: Role) -> bool:
    """A code makes its holder act as the user: the office enrols technicians and itself."""
    if actor.role in (Role.ADMINISTRATOR, Role.SYSTEM) or actor.user_id == user_id:
        return True
    return role is Role.TECHNICIAN and sees_every_device(actor)


def sees_every_device(actor: Actor) -> bool:
    """Technicians and finance see their own devices only."""
    return actor.role in (Role.DISPATCHER, Role.MANAGER, Role.ADMINISTRATOR, Role.SYSTEM)
