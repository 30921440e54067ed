"""Argon2id with bounded memory: few at a time, the same work for everybody who asks."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.access.rules import SignInBusy

AT_ONCE = 2
LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Verdict:
    """Whether the password is right, and its new hash when the stored one was made with other parameters."""

    right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and verifies the passwords of one process, at most AT_ONCE at any moment."""

    def __init__(self, *, time_cost: int, memory_kib: int, parallelism: int) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        """The argon2id hash to store."""
        with self._place():
            return self._hasher.hash(_normal(password))

    def verify(self, stored: str | None, password: str) -> Verdict:
        """Compare; without a stored hash the same work is done for nothing, so that time tells nothing."""
        with self._place():
            right = self._matches(stored or self._nobodys_hash, password) and stored is not None
            if right and stored is not None and self._hasher.check_needs_rehash(stored):
                return Verdict(True, self._hasher.hash(_normal(password)))
        return Verdict(right)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _normal(password))
        except (VerificationError, InvalidHashError):
            return False

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=LONGEST_WAIT_SECONDS):
            raise SignInBusy("Try again in a moment.")
        try:
            yield
        finally:
            self._places.release()


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)
