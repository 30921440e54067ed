"""The pure decisions of the access room."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.access import passwords
from backend.access.passwords import AT_ONCE, Passwords
from backend.access.rules import (
    REFRESH_DELAY,
    REFRESH_GRACE,
    Allowance,
    PasswordTooWeak,
    RefreshDecision,
    RefreshState,
    SignInBusy,
    acceptable_password,
    common_passwords,
    decide_refresh,
    network_of,
    tokens_now,
)
from backend.access.tokens import new_code, plain_code, successor

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ALLOWANCE = Allowance(burst=5, seconds=10)


def test_the_list_of_common_passwords_is_long_enough() -> None:
    long_enough = [password for password in common_passwords() if len(password) >= 8]
    assert len(long_enough) >= 3_000


def test_every_common_password_is_refused_words_also_with_decoration() -> None:
    for password in sorted(common_passwords())[::40]:
        decorated = (f"{password}2026!", f"#1{password}") if password.isalpha() else ()
        for variant in (password, password.upper(), *decorated):
            with pytest.raises(PasswordTooWeak):
                acceptable_password(variant, email="ada@example.org", display_name="Ada")


@given(st.floats(0, 5), st.lists(st.floats(0, 1e6), max_size=10))
def test_a_bucket_never_holds_more_than_its_burst_and_time_apart_adds_up(
    tokens: float, waits: list[float]
) -> None:
    at = NOW
    for wait in waits:
        later = at + timedelta(seconds=wait)
        tokens = tokens_now(tokens, at, later, ALLOWANCE)
        at = later
        assert 0 <= tokens <= ALLOWANCE.burst


def test_a_clock_that_goes_back_gives_no_tries() -> None:
    assert tokens_now(1.0, NOW, NOW - timedelta(days=1), ALLOWANCE) == 1.0


def test_an_ipv4_address_in_ipv6_clothes_is_the_same_address() -> None:
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") != network_of("2001:db8:0:1::1")
    assert network_of(None) == network_of("unix:") == "unknown"


states = st.builds(
    RefreshState,
    is_current=st.booleans(),
    is_previous=st.booleans(),
    confirmed=st.booleans(),
    proven=st.booleans(),
    rotated_at=st.integers(0, 10**7).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    expires_at=st.integers(-(10**6), 10**7).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    ended=st.booleans(),
)


@given(states)
def test_tokens_are_given_only_for_the_newest_or_its_unused_successor(state: RefreshState) -> None:
    decision = decide_refresh(state, NOW)
    if decision in (RefreshDecision.ROTATE, RefreshDecision.REPEAT):
        assert not state.ended
        assert state.expires_at > NOW
        assert state.is_current or state.is_previous
    if decision is RefreshDecision.REPEAT:
        assert not state.confirmed or NOW - state.rotated_at <= REFRESH_GRACE
    if decision is RefreshDecision.LATE:
        assert state.proven
        assert NOW - state.rotated_at <= REFRESH_DELAY
    if not state.ended and not state.is_current and not state.is_previous:
        assert decision is RefreshDecision.REUSE


def test_successors_are_derived_from_the_key_and_the_token_and_nothing_else() -> None:
    assert successor(b"k" * 32, "token") == successor(b"k" * 32, "token")
    assert successor(b"k" * 32, "token") != successor(b"l" * 32, "token")
    assert successor(b"k" * 32, "token") != successor(b"k" * 32, "tokeN")
    assert len(successor(b"k" * 32, "token")) == 43


def test_a_code_reads_back_as_it_was_meant() -> None:
    for _ in range(100):
        code = new_code()
        assert plain_code(code.lower().replace("-", " ")) == plain_code(code) == code.replace("-", "")


def test_only_a_few_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = Passwords(time_cost=1, memory_kib=64, parallelism=1)
    monkeypatch.setattr(passwords, "LONGEST_WAIT_SECONDS", 0.01)
    inside, leave = threading.Semaphore(0), threading.Event()

    def slow(*_: object) -> bool:
        inside.release()
        leave.wait(5)
        return False

    monkeypatch.setattr(hasher, "_matches", slow)
    busy = [threading.Thread(target=hasher.verify, args=(None, "x")) for _ in range(AT_ONCE)]
    for thread in busy:
        thread.start()
        assert inside.acquire(timeout=5)
    with pytest.raises(SignInBusy):
        hasher.verify(None, "x")
    leave.set()
    for thread in busy:
        thread.join()
    assert not hasher.verify(None, "x").right


def test_a_password_is_stored_as_argon2id_with_the_parameters_of_the_settings() -> None:
    stored = Passwords(time_cost=2, memory_kib=128, parallelism=1).hash("seven green umbrellas")
    assert stored.startswith("$argon2id$v=19$m=128,t=2,p=1$")


def test_a_broken_hash_lets_nobody_in() -> None:
    hasher = Passwords(time_cost=1, memory_kib=64, parallelism=1)
    for stored in ("", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"):
        assert not hasher.verify(stored, "x").right
