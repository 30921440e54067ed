"""Signing in: the same answer for everybody who may not, and no way to guess or to lock others out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from backend.access.doorkeeper import Doorkeeper
from backend.access.models import AuditEntry
from backend.access.queries import audit_entries, credentials_of
from backend.access.rules import SIGN_IN_PER_ACCOUNT_AND_ADDRESS, SIGN_IN_PER_ADDRESS
from backend.db.paging import PageRequest
from backend.settings import Settings
from schemas.access import Role
from tests.api import PASSWORD, Api
from tests.backend.floor import make_floor
from tests.clock import SettableClock
from tests.databases import Database
from tests.settings import cheap_settings

EMAIL = "technician-first@example.org"


def sign_in(
    api: Api, password: str = PASSWORD, *, email: str = EMAIL, address: str = "192.0.2.1"
) -> TestResponse:
    return api.anonymous.post(
        "/sessions", {"email": email, "password": password}, environ_overrides={"REMOTE_ADDR": address}
    )


def audit_of(database: Database, action: str) -> list[AuditEntry]:
    with database.factory.begin(write=False) as uow:
        return list(audit_entries(uow.session, PageRequest(limit=100), action=action).items)


def test_whoever_knows_the_password_gets_tokens_that_work(firm: Api) -> None:
    firm.as_(Role.TECHNICIAN)
    answer = sign_in(firm, email=EMAIL.upper())
    assert answer.status_code == 200
    assert answer.json["expires_in"] == 900
    assert answer.headers["Cache-Control"] == "no-store"
    token = answer.json["access_token"]
    me = firm.anonymous.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json["email"] == EMAIL
    assert me.json["role"] == "technician"


def test_unknown_wrong_and_disabled_get_the_same_answer(firm: Api) -> None:
    technician = firm.as_(Role.TECHNICIAN)
    firm.as_(Role.ADMINISTRATOR).post(f"/users/{technician.user_id}/disable")
    firm.as_(Role.DISPATCHER)
    answers = [
        sign_in(firm, email="nobody@example.org"),
        sign_in(firm, email="dispatcher-first@example.org", password="not it at all"),
        sign_in(firm),
        sign_in(firm, email="system@doorstep.invalid"),
    ]
    for answer in answers:
        document = dict(answer.json)
        document.pop("instance")
        assert document == {
            "type": "urn:doorstep:problem:unauthenticated",
            "title": "Sign in first.",
            "status": 401,
            "detail": "The address or the password is not right, or the user is disabled.",
        }


def test_unknown_and_wrong_take_the_same_time(
    database: Database, settings: Settings, clock: SettableClock
) -> None:
    dearer = replace(settings, argon2_memory_kib=8192, argon2_time_cost=2)
    api = Api(make_floor(database.factory, dearer, clock))
    api.as_(Role.TECHNICIAN)

    def seconds(email: str) -> float:
        """Of this thread's processor: what else the machine is doing does not count."""
        began = time.thread_time()
        assert sign_in(api, "certainly not this", email=email).status_code == 401
        return time.thread_time() - began

    known, unknown = [], []
    for _ in range(30):
        known.append(seconds(EMAIL))
        unknown.append(seconds("nobody@example.org"))
        # The least of many is what the code costs; a cold cache is the machine's.
        if len(known) >= 5 and min(unknown) == pytest.approx(min(known), rel=0.1):
            return
    pytest.fail(f"known {min(known):.4f} s, unknown {min(unknown):.4f} s")


def test_a_password_hash_made_with_other_parameters_is_replaced_on_the_next_sign_in(
    database: Database, settings: Settings, clock: SettableClock
) -> None:
    Api(make_floor(database.factory, settings, clock)).as_(Role.TECHNICIAN)
    with database.factory.begin(write=False) as uow:
        before = credentials_of(uow.session, EMAIL)
    stronger = Api(make_floor(database.factory, replace(settings, argon2_time_cost=2), clock))
    assert sign_in(stronger).status_code == 200
    with database.factory.begin(write=False) as uow:
        after = credentials_of(uow.session, EMAIL)
    assert before is not None
    assert after is not None
    assert before.password_hash is not None
    assert after.password_hash is not None
    assert ",t=1," in before.password_hash
    assert ",t=2," in after.password_hash
    assert sign_in(stronger).status_code == 200
    with database.factory.begin(write=False) as uow:
        assert credentials_of(uow.session, EMAIL) == after


def test_guessing_is_slowed_down_and_the_password_then_works_again_later(
    throttled: Api, clock: SettableClock
) -> None:
    throttled.as_(Role.TECHNICIAN)
    for _ in range(SIGN_IN_PER_ACCOUNT_AND_ADDRESS.burst):
        assert sign_in(throttled, "a guess").status_code == 401
    refused = sign_in(throttled, "a guess")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == str(refused.json["retry_after"])
    assert sign_in(throttled).status_code == 429, "also the right password: else a 429 would tell"
    clock.advance(seconds=refused.json["retry_after"])
    assert sign_in(throttled).status_code == 200


def test_the_count_of_tries_is_shared_by_processes_and_survives_a_restart(
    database: Database, settings: Settings, clock: SettableClock
) -> None:
    throttling = replace(settings, throttle=True)
    apis = [Api(make_floor(database.factory, throttling, clock)) for _ in range(2)]
    apis[0].as_(Role.TECHNICIAN)
    for turn in range(SIGN_IN_PER_ACCOUNT_AND_ADDRESS.burst):
        assert sign_in(apis[turn % 2], "a guess").status_code == 401
    restarted = Api(make_floor(database.factory, throttling, clock))
    assert sign_in(restarted, "a guess").status_code == 429


def test_nobody_can_lock_a_victim_out_from_elsewhere(throttled: Api) -> None:
    throttled.as_(Role.TECHNICIAN)
    for _ in range(SIGN_IN_PER_ACCOUNT_AND_ADDRESS.burst + 5):
        sign_in(throttled, "a guess", address="203.0.113.66")
    assert sign_in(throttled, address="203.0.113.66").status_code == 429
    assert sign_in(throttled, address="192.0.2.1").status_code == 200


@pytest.mark.parametrize("proxies", [0, 1])
def test_behind_a_proxy_everybody_has_the_address_that_the_proxy_saw(
    proxies: int, sqlite_database: Database, tmp_path: Path, clock: SettableClock
) -> None:
    settings = cheap_settings(sqlite_database.url, tmp_path, throttle=True, trusted_proxies=proxies)
    firm = Api(make_floor(sqlite_database.factory, settings, clock))
    firm.as_(Role.TECHNICIAN)

    def status(password: str, forwarded_for: str) -> int:
        headers = {"X-Forwarded-For": forwarded_for}
        form = {"email": EMAIL, "password": password}
        return firm.anonymous.post("/sessions", form, headers=headers).status_code

    # What stands left of the last address came from the caller, who may write what he likes.
    tries = [status("wrong", f"198.51.100.{n}, 203.0.113.66") for n in range(9)]
    assert tries == [401] * 8 + [429]
    victim = status(PASSWORD, "192.0.2.7")
    assert victim == (200 if proxies else 429), "without a proxy, what a header says is nobody's address"


def test_an_address_that_tries_many_accounts_is_slowed_down(throttled: Api) -> None:
    statuses = [
        sign_in(throttled, "a guess", email=f"somebody{number}@example.org").status_code
        for number in range(SIGN_IN_PER_ADDRESS.burst + 1)
    ]
    assert statuses == [401] * SIGN_IN_PER_ADDRESS.burst + [429]


def test_an_ipv6_network_counts_as_one_address(throttled: Api) -> None:
    throttled.as_(Role.TECHNICIAN)
    for host in range(SIGN_IN_PER_ACCOUNT_AND_ADDRESS.burst):
        sign_in(throttled, "a guess", address=f"2001:db8:1:2::{host:x}")
    assert sign_in(throttled, address="2001:db8:1:2:ffff::1").status_code == 429
    assert sign_in(throttled, address="2001:db8:1:3::1").status_code == 200


def test_failures_are_in_the_audit_log_without_address_or_password(firm: Api, database: Database) -> None:
    technician = firm.as_(Role.TECHNICIAN)
    sign_in(firm, "hunter2 hunter2")
    sign_in(firm, email="nobody@example.org")
    entries = audit_of(database, "session.refused")
    assert len(entries) == 2
    assert {entry.detail.get("user") for entry in entries} == {str(technician.user_id), None}
    assert "hunter2" not in str([entry.detail for entry in entries])
    assert "example.org" not in str([entry.detail for entry in entries])


def test_a_sign_in_is_in_the_audit_log(firm: Api, database: Database) -> None:
    technician = firm.as_(Role.TECHNICIAN)
    assert [entry.actor_id for entry in audit_of(database, "session.begin")] == [technician.user_id]


def test_a_form_that_is_not_one_is_refused(firm: Api) -> None:
    forms: list[dict[str, object]] = [
        {},
        {"email": EMAIL},
        {"email": EMAIL, "password": ""},
        {"email": EMAIL, "password": "x" * 1025},
        {"email": EMAIL, "password": 12345678},
        {"email": ["a"], "password": PASSWORD},
        {"email": EMAIL, "password": PASSWORD, "role": "administrator"},
    ]
    for form in forms:
        assert firm.anonymous.post("/sessions", form).status_code == 422, form


def test_signing_out_ends_the_session_at_once(firm: Api) -> None:
    client = firm.as_(Role.FINANCE)
    assert client.delete("/sessions/current").status_code == 204
    assert client.get("/me").status_code == 401


def test_secrets_never_stand_in_a_representation(firm: Api) -> None:
    doorkeeper = firm.wiring.authenticator
    assert isinstance(doorkeeper, Doorkeeper)
    firm.as_(Role.FINANCE)
    tokens = doorkeeper.sign_in(firm.factory, "finance-first@example.org", PASSWORD, None)
    assert tokens.access_token not in repr(tokens)
    assert tokens.refresh_token not in repr(tokens)
