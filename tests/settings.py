"""The settings of tests: the application as it is served, with cheap passwords and nothing slowed down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.settings import Settings

SECRET = b"a secret of tests, and of nothing else"


def cheap_settings(database_url: str, data_dir: Path, **over: Any) -> Settings:
    """Argon2 as cheap as it goes, no throttling, mail into a folder; `over` names what is to be otherwise."""
    given: dict[str, Any] = {
        "secret": SECRET,
        "argon2_time_cost": 1,
        "argon2_memory_kib": 64,
        "argon2_parallel": 1,
        "throttle": False,
        "allow_unsafe_database": True,
    }
    return Settings(database_url=database_url, data_dir=data_dir, **(given | over))
