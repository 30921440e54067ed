"""The server's secret: made once, read by its owner only, and never a weak one."""

from __future__ import annotations

import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.access.secret import WeakSecret, derive, server_secret


def test_the_first_start_makes_a_secret_that_only_its_owner_reads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    secret = server_secret(None, data)
    assert len(secret) >= 48
    assert stat.S_IMODE((data / "secret").stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == ["secret"]
    assert server_secret(None, data) == secret, "and every later start uses the same"
    assert server_secret(None, tmp_path / "other") != secret


def test_processes_that_start_at_once_use_the_same_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: server_secret(None, tmp_path), range(16)))
    assert len(set(made)) == 1


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    server_secret(None, tmp_path)
    (tmp_path / "secret").chmod(0o640)
    with pytest.raises(WeakSecret, match="chmod 600"):
        server_secret(None, tmp_path)


@pytest.mark.parametrize(
    "weak",
    [
        b"",
        b"secret",
        b"x" * 64,
        b"abababab" * 8,
        b"changeme-changeme-changeme-0123456789",
        b"my default key that nobody will ever guess",
        b"Zp2-nQ7rV_wK4xT9sLm3Eg",  # 22 characters: random, and too short
    ],
)
def test_a_weak_or_default_secret_is_refused(tmp_path: Path, weak: bytes) -> None:
    with pytest.raises(WeakSecret, match="DOORSTEP_SECRET"):
        server_secret(weak, tmp_path)
    assert not (tmp_path / "secret").exists()


def test_an_emptied_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o600)
    with pytest.raises(WeakSecret):
        server_secret(None, tmp_path)


def test_keys_of_different_purposes_differ() -> None:
    secret = secrets.token_bytes(32)
    assert len({derive(secret, purpose) for purpose in ("refresh", "cursor", "upload")}) == 3
    assert derive(secret, "refresh") == derive(secret, "refresh")
