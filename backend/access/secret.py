"""The server's secret: DOORSTEP_SECRET, or a file that only its owner reads, made on the first start."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

FILE_NAME = "secret"
SHORTEST = 32
_FEWEST_DIFFERENT_BYTES = 8
_KNOWN_WORDS = (b"changeme", b"change-me", b"change me", b"default", b"password", b"example", b"secretsecret")


class WeakSecret(ValueError):
    """The secret could be guessed, or others on this machine can read it; the message says what to do."""


def server_secret(given: bytes | None, data_dir: Path) -> bytes:
    """The secret of this server: `given`, else the file in `data_dir`, else a new file there.

    Raises WeakSecret. Processes that start at the same moment end up with the same one.
    """
    if given is not None:
        return _strong(given, "DOORSTEP_SECRET")
    path = data_dir / FILE_NAME
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise WeakSecret(f"Others may read {path}: run chmod 600 on it, and replace it if they did.")
    return _strong(path.read_bytes().strip(), str(path))


def derive(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose; keys of different purposes tell nothing about each other."""
    return hmac.new(secret, b"doorstep/" + purpose.encode(), hashlib.sha256).digest()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_urlsafe(48).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _strong(secret: bytes, where: str) -> bytes:
    advice = 'Use: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
    if len(secret) < SHORTEST:
        raise WeakSecret(f"{where} has fewer than {SHORTEST} bytes. {advice}")
    if len(set(secret)) < _FEWEST_DIFFERENT_BYTES:
        raise WeakSecret(f"{where} repeats too few characters. {advice}")
    if any(word in secret.lower() for word in _KNOWN_WORDS):
        raise WeakSecret(f"{where} looks like a placeholder. {advice}")
    return secret
