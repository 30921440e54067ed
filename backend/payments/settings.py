"""The configuration of the payments process: its own variables, its own secrets, read in this one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import phonenumbers
from stdnum import iban

from backend.settings import DEFAULT_DATA, DEFAULT_DATABASE_NAME, Settings, SettingsError

FOLDER = "payments"
DATABASE_NAME = "payments.sqlite"
PREFIX = "DOORSTEP_PAYMENTS_"


@dataclass(frozen=True)
class PaymentsSettings:
    """What the payments process needs to know before it starts.

    `database_url` is the ledger's, `field_database_url` the field's: on PostgreSQL the same database, on
    SQLite two files. Sums are minor units. `refund_alone_minor` is what one person of finance may
    refund of one request without a second one, write off of it, or call a fee that the bank gave back, in the
    minor unit of any currency. `usual_tax_basis_points` is the tax
    contained in prices: 1900 is 19 %. `country` (ISO 3166) is where telephone numbers
    without a prefix are. `clock_offset_seconds` moves the clock, for demos and tests only.
    """

    database_url: str
    field_database_url: str
    data_dir: Path
    public_url: str = "http://127.0.0.1:8001"
    secret: bytes | None = field(default=None, repr=False)
    mail_url: str = "folder:"
    mail_sender: str = "Doorstep <no-reply@doorstep.invalid>"
    sms_url: str | None = None
    sms_sender: str = ""
    sms_key: str | None = field(default=None, repr=False)
    country: str | None = None
    firm_name: str = "Doorstep"
    iban: str | None = None
    bic: str | None = None
    days_to_pay: int = 14
    usual_tax_basis_points: int = 0
    refund_alone_minor: int = 10_000
    stub_provider: bool = False
    stripe_key: str | None = field(default=None, repr=False)
    stripe_webhook_secret: str | None = field(default=None, repr=False)
    session_minutes: int = 30
    throttle: bool = True
    allow_unsafe_database: bool = False
    server_threads: int = 4
    trusted_proxies: int = 0
    clock_offset_seconds: int = 0
    argon2_time_cost: int = 2
    argon2_memory_kib: int = 19_456
    argon2_parallel: int = 2

    @property
    def mail_folder(self) -> Path:
        """Where mail is laid down while no mail server is configured: never in the field's folder."""
        return self.data_dir / "mail"

    @property
    def sms_folder(self) -> Path:
        """Where texts are laid down when the setting says `folder:`."""
        return self.data_dir / "sms"

    @property
    def receipt_folder(self) -> Path:
        """Where receipts are kept: never in the field's folder."""
        return self.data_dir / "receipts"

    def clock(self) -> datetime:
        """What time it is, moved as the settings say."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_seconds)

    @property
    def web(self) -> Settings:
        """What the floor that all routes share asks of a process."""
        return Settings(
            database_url="",
            data_dir=self.data_dir,
            public_url=self.public_url,
            firm_name=self.firm_name,
            throttle=self.throttle,
            body_limit_bytes=256 << 10,
            media_limit_bytes=64 << 20,
            server_threads=self.server_threads,
            trusted_proxies=self.trusted_proxies,
        )


_TEXTS = (
    *("public_url", "mail_url", "mail_sender", "firm_name", "bic"),
    *("sms_url", "sms_sender", "sms_key"),
    *("stripe_key", "stripe_webhook_secret"),
)
_FLAGS = ("stub_provider", "throttle", "allow_unsafe_database")
_BOUNDS: Mapping[str, tuple[int, int]] = {
    "days_to_pay": (0, 365),
    "usual_tax_basis_points": (0, 10_000),
    "refund_alone_minor": (0, 1 << 40),
    "session_minutes": (1, 720),
    "server_threads": (1, 256),
    "trusted_proxies": (0, 10),
    "clock_offset_seconds": (-(1 << 40), 1 << 40),
    "argon2_time_cost": (1, 100),
    "argon2_memory_kib": (8, 1 << 31),
    "argon2_parallel": (1, 256),
}


def read_payments_settings(
    environment: Mapping[str, str] | None = None,
    *,
    database: str | None = None,
    field_database: str | None = None,
    data: str | Path | None = None,
) -> PaymentsSettings:
    """Settings from `DOORSTEP_PAYMENTS_*` variables; the other arguments (command line) win over them.

    Where the field's database is, is all it reads of the field's own variables. Raises SettingsError.
    """
    env = os.environ if environment is None else environment
    field_data = Path(env.get("DOORSTEP_DATA") or DEFAULT_DATA).resolve()
    data_dir = Path(data or env.get(f"{PREFIX}DATA") or field_data / FOLDER).resolve()
    field_url = (
        field_database
        or env.get(f"{PREFIX}FIELD_DATABASE")
        or env.get("DOORSTEP_DATABASE")
        or f"sqlite:///{field_data / DEFAULT_DATABASE_NAME}"
    )
    url = database or env.get(f"{PREFIX}DATABASE")
    if url is None and not field_url.startswith("sqlite"):
        raise SettingsError(
            f"{PREFIX}DATABASE must name the database with the role doorstep_payments: "
            "the field's own login has no rights there."
        )
    url = url or f"sqlite:///{data_dir / DATABASE_NAME}"
    if not url.startswith("sqlite") and not (field_database or env.get(f"{PREFIX}FIELD_DATABASE")):
        field_url = url
    given = _given(env)
    return PaymentsSettings(database_url=url, field_database_url=field_url, data_dir=data_dir, **given)


def _given(env: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name in _TEXTS if (value := env.get(_variable(name)))}
    given |= {name: _flag(name, value) for name in _FLAGS if (value := env.get(_variable(name)))}
    given |= {name: _whole(name, value) for name in _BOUNDS if (value := env.get(_variable(name)))}
    if secret := env.get(f"{PREFIX}SECRET"):
        given["secret"] = secret.encode()
    if account := env.get(f"{PREFIX}IBAN"):
        given["iban"] = _iban(account)
    if country := env.get(f"{PREFIX}COUNTRY"):
        given["country"] = _country(country)
    if bool(given.get("stripe_key")) != bool(given.get("stripe_webhook_secret")):
        raise SettingsError(f"{PREFIX}STRIPE_KEY and {PREFIX}STRIPE_WEBHOOK_SECRET go together.")
    if given.get("stub_provider") and "_live_" in given.get("stripe_key", ""):
        raise SettingsError(
            f"{PREFIX}STUB_PROVIDER is for trying things, and {PREFIX}STRIPE_KEY is a live one: "
            "with both, a bill could be called paid without money. Take one of them away."
        )
    return given


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _flag(name: str, value: str) -> bool:
    if value not in {"0", "1"}:
        raise SettingsError(f"{_variable(name)} must be 0 or 1, not {value!r}.")
    return value == "1"


def _whole(name: str, value: str) -> int:
    least, most = _BOUNDS[name]
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and least <= int(value[:20]) <= most):
        raise SettingsError(
            f"{_variable(name)} must be a whole number from {least} to {most}, not {value!r}."
        )
    return int(value)


def _country(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise SettingsError(f"{PREFIX}COUNTRY must be a country of ISO 3166 such as DE, not {value!r}.")
    return value


def _iban(value: str) -> str:
    plain: str = iban.compact(value)
    if not iban.is_valid(plain):
        raise SettingsError(f"{PREFIX}IBAN must be an IBAN with right check digits.")
    return plain
