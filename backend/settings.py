"""All configuration of a Doorstep process: typed, read from the environment in this one place."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DEFAULT_DATA = Path("var/doorstep")
DEFAULT_DATABASE_NAME = "doorstep.sqlite"


class SettingsError(ValueError):
    """A setting cannot be used; the message names it and says what would be accepted."""


@dataclass(frozen=True)
class Settings:
    """What a process needs to know before it starts.

    Sizes are bytes, durations seconds unless the name says otherwise. `secret` is None when it is to be read
    from (or, on the first start, made in) the file `secret` of the data directory. `clock_offset_seconds`
    moves the server's clock (decision 5) and is 0 outside demos and tests. `trusted_proxies` is how many
    proxies of ours stand before the server, each adding to `X-Forwarded-For` whom it heard from.
    `s3_bucket` puts files into a bucket in place of the data directory; `scanner` looks at them for viruses.
    `firm_address` and `firm_contact` stand in the letterhead of reports. `timestamp_url` is a timestamp
    authority (RFC 3161), none when empty; `timestamp_roots` a PEM file with the certificates that its answers
    rest on. `seal_pin` opens the token of a seal key in hardware.
    """

    database_url: str
    data_dir: Path
    public_url: str = "http://127.0.0.1:8000"
    secret: bytes | None = None
    time_zone: str = "UTC"
    mail_url: str = "folder:"
    mail_sender: str = "Doorstep <no-reply@doorstep.invalid>"
    firm_name: str = "Doorstep"
    bills_url: str | None = None
    firm_address: str = ""
    firm_contact: str = ""
    timestamp_url: str = ""
    timestamp_roots: str = ""
    seal_pin: str = field(default="", repr=False)
    access_token_seconds: int = 900
    refresh_days: int = 100
    enrolment_code_seconds: int = 600
    confirmation_link_days: int = 30
    body_limit_bytes: int = 1 << 20
    sync_body_limit_bytes: int = 16 << 20
    media_limit_bytes: int = 8 << 20
    s3_bucket: str = ""
    s3_endpoint: str = ""
    s3_public_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: str = field(default="", repr=False)
    scanner: str = ""
    argon2_time_cost: int = 2
    argon2_memory_kib: int = 19_456
    argon2_parallel: int = 2
    throttle: bool = True
    callback_days: int = 3
    allow_unsafe_database: bool = False
    database_pool: int = 16
    server_threads: int = 8
    trusted_proxies: int = 0
    clock_offset_seconds: float = 0.0

    @property
    def mail_folder(self) -> Path:
        """Where mail is laid down as `.eml` files while no mail server is configured."""
        return self.data_dir / "mail"

    @property
    def seal_folder(self) -> Path:
        """The company's seal keys, and the anchors of the chain."""
        return self.data_dir / "seal"

    @property
    def media_folder(self) -> Path:
        """The root of the disk object store."""
        return self.data_dir / "media"


def read_settings(
    environment: Mapping[str, str] | None = None,
    *,
    database: str | None = None,
    data: str | Path | None = None,
) -> Settings:
    """Settings from `DOORSTEP_*` variables; `database` and `data` (command line) win over them.

    Raises SettingsError for a value that cannot be used.
    """
    env = os.environ if environment is None else environment
    data_dir = Path(data or env.get("DOORSTEP_DATA") or DEFAULT_DATA).resolve()
    given: dict[str, Any] = {name: env[_variable(name)] for name in _TEXTS if env.get(_variable(name))}
    readers: tuple[tuple[Callable[[str, str], object], Iterable[str]], ...] = (
        (_whole, _BOUNDS),
        (_flag, _FLAGS),
        (_number, _NUMBERS),
    )
    for read, names in readers:
        given |= {name: read(name, env[_variable(name)]) for name in names if env.get(_variable(name))}
    if secret := env.get("DOORSTEP_SECRET"):
        given["secret"] = secret.encode()
    default_url = f"sqlite:///{data_dir / DEFAULT_DATABASE_NAME}"
    settings = Settings(
        database_url=database or env.get("DOORSTEP_DATABASE") or default_url, data_dir=data_dir, **given
    )
    _check_zone(settings.time_zone)
    return settings


_TEXTS = (
    "public_url",
    "time_zone",
    "mail_url",
    "mail_sender",
    "firm_name",
    "bills_url",
    "s3_bucket",
    "s3_endpoint",
    "s3_public_endpoint",
    "s3_region",
    "s3_access_key",
    "s3_secret_key",
    "scanner",
    "firm_address",
    "firm_contact",
    "timestamp_url",
    "timestamp_roots",
    "seal_pin",
)
_FLAGS = ("throttle", "allow_unsafe_database")
_NUMBERS = ("clock_offset_seconds",)
_MANY, _LARGE = 10_000, 1 << 31
_BOUNDS: Mapping[str, tuple[int, int]] = {
    # A stolen token or code is worth something for this long: nobody makes it longer by mistake.
    "access_token_seconds": (1, 900),
    "refresh_days": (1, 100),
    "enrolment_code_seconds": (1, 600),
    "confirmation_link_days": (1, 90),
    "trusted_proxies": (0, 10),
    "body_limit_bytes": (1, _LARGE),
    "sync_body_limit_bytes": (1, _LARGE),
    "media_limit_bytes": (1, _LARGE),
    "argon2_time_cost": (1, 100),
    "argon2_memory_kib": (8, _LARGE),
    "argon2_parallel": (1, 256),
    "callback_days": (1, 365),
    "database_pool": (1, _MANY),
    "server_threads": (1, _MANY),
}
"""The least and the most that each whole number may be."""


def _variable(name: str) -> str:
    return f"DOORSTEP_{name.upper()}"


def _whole(name: str, value: str) -> int:
    least, most = _BOUNDS[name]
    if not (value.isascii() and value.isdigit() and least <= int(value[:20]) <= most):
        raise SettingsError(
            f"{_variable(name)} must be a whole number from {least} to {most}, not {value!r}."
        )
    return int(value)


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(f"{_variable(name)} must be a number of seconds, not {value!r}.")
    return number


def _flag(name: str, value: str) -> bool:
    if value not in {"0", "1"}:
        raise SettingsError(f"{_variable(name)} must be 0 or 1, not {value!r}.")
    return value == "1"


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(
            f"DOORSTEP_TIME_ZONE must be an IANA zone such as Europe/Berlin, not {name!r}."
        ) from error
