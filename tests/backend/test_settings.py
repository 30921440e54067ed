"""Settings come from the environment, and what would weaken the door by mistake is refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from backend.settings import Settings, SettingsError, read_settings

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_what_the_environment_says_is_what_is_used(tmp_path: Path) -> None:
    environment = {
        "DOORSTEP_DATA": str(tmp_path),
        "DOORSTEP_ACCESS_TOKEN_SECONDS": "60",
        "DOORSTEP_THROTTLE": "0",
        "DOORSTEP_TRUSTED_PROXIES": "2",
        "DOORSTEP_CLOCK_OFFSET_SECONDS": "-1.5",
    }
    settings = read_settings(environment)
    assert (settings.access_token_seconds, settings.throttle, settings.trusted_proxies) == (60, False, 2)
    assert settings.clock_offset_seconds == -1.5
    assert settings.database_url == f"sqlite:///{tmp_path / 'doorstep.sqlite'}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCESS_TOKEN_SECONDS", "901"),
        ("ACCESS_TOKEN_SECONDS", "0"),
        ("ENROLMENT_CODE_SECONDS", "601"),
        ("REFRESH_DAYS", "101"),
        ("CONFIRMATION_LINK_DAYS", "91"),
        ("TRUSTED_PROXIES", "11"),
        ("TRUSTED_PROXIES", "-1"),
        ("BODY_LIMIT_BYTES", "9" * 5_000),
        ("SERVER_THREADS", "eight"),
        ("SERVER_THREADS", "\u0662"),
        ("THROTTLE", "no"),
        ("CLOCK_OFFSET_SECONDS", "nan"),
        ("TIME_ZONE", "../etc/passwd"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"DOORSTEP_{name} must be"):
        read_settings({f"DOORSTEP_{name}": value})


def test_every_setting_is_explained_to_whoever_runs_the_server() -> None:
    told = OPERATIONS.read_text()
    variables = {"database_url": "DATABASE", "data_dir": "DATA"}
    missing = [
        f.name for f in fields(Settings) if f"DOORSTEP_{variables.get(f.name, f.name.upper())}`" not in told
    ]
    assert missing == []
