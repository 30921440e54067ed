"""Small words shared by the phone's parts: new ids, moments as text, short ids that people can type."""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

Body: TypeAlias = dict[str, object]
"""A JSON object."""
Clock: TypeAlias = Callable[[], datetime]
Mint: TypeAlias = Callable[[], str]
"""Makes a new id at every call."""

SHORTEST_SHORT_ID = 4  # characters

_last = [0]
_minting = threading.Lock()


class PhoneError(Exception):
    """Something the user has to know; the message says what to do next."""


def new_id() -> str:
    """A UUIDv7 (RFC 9562); later ones of one process sort after earlier ones, also within a millisecond."""
    with _minting:
        stamp = max(_last[0] + 1, time.time_ns() * 4096 // 1_000_000)  # milliseconds and a 12-bit fraction
        _last[0] = stamp
    milliseconds, fraction = divmod(stamp, 4096)
    value = (milliseconds & (2**48 - 1)) << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(UUID(int=value))


def utc_now() -> datetime:
    """The phone's clock, right or wrong."""
    return datetime.now(UTC)


def written(moment: datetime) -> str:
    """`2025-03-01T08:30:00.000000Z`: one width, so that text sorts as time does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def short(whole: str) -> str:
    """How people see an id: its end. Ids of one day begin alike."""
    return whole[-8:]


def one_that_matches(typed: str, ids: Iterable[str], noun: str) -> str:
    """The only id that begins or ends with what was typed; PhoneError when there is none or more than one."""
    wanted = typed.lower().replace("-", "")
    plain = {whole: whole.replace("-", "") for whole in ids}
    found = [whole for whole, text in plain.items() if text == wanted]
    if not found and len(wanted) >= SHORTEST_SHORT_ID:
        found = [whole for whole, text in plain.items() if text.startswith(wanted) or text.endswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise PhoneError(
            f"There is no {noun} {typed!r} on this phone. Run `sync`, or look at the list again."
        )
    raise PhoneError(f"{len(found)} {noun}s match {typed!r}. Type more of the id.")


def text_of(body: Mapping[str, object], name: str) -> str:
    """A member as text for people, "" when it is absent or null."""
    value = body.get(name)
    return "" if value is None else str(value)


def number_of(body: Mapping[str, object], name: str) -> int:
    """A member that must be a whole number; ValueError when it is not."""
    value = body.get(name)
    if not isinstance(value, int):
        raise ValueError(f"{name} is not a whole number")
    return value


def list_of(body: Mapping[str, object], name: str) -> list[Body]:
    """A member that must be a list of objects; [] when it is absent or null, ValueError for anything else."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{name} is not a list of objects")
    return value
