"""Phones: enrolled with a code that works once and soon, listed, and shut out at once."""

from __future__ import annotations

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.access.actor import Actor
from backend.access.doorkeeper import Doorkeeper
from backend.access.models import SignIn
from backend.access.permissions import HANDING_IN
from backend.access.queries import audit_entries
from backend.access.rules import ENROL_PER_ADDRESS, REFRESH_DELAY
from backend.access.sessions import confirm
from backend.db.paging import PageRequest
from schemas.access import Role
from schemas.errors import Unauthenticated
from tests.api import Api, Client
from tests.clock import SettableClock
from tests.databases import Database


def code_for(api: Api, user_id: UUID | None, by: Role = Role.DISPATCHER) -> TestResponse:
    return api.as_(by).post("/devices/enrolment-codes", {"user_id": str(user_id)})


def enrol(api: Api, code: str, address: str = "192.0.2.1") -> TestResponse:
    fields = {"code": code, "device_name": "Pixel of Ada", "platform": "android 15"}
    return api.anonymous.post("/devices/enrol", fields, environ_overrides={"REMOTE_ADDR": address})


def enrolled(api: Api, role: Role = Role.TECHNICIAN) -> dict[str, Any]:
    code = code_for(api, api.as_(role).user_id, by=Role.ADMINISTRATOR).json["code"]
    return dict(enrol(api, code).json)


def phone(api: Api, answer: dict[str, Any]) -> Client:
    return Client(api.app, UUID(answer["user_id"]), answer["access_token"])


def admitted(api: Api, token: str, *, allow_revoked: bool) -> Actor:
    doorkeeper = api.wiring.authenticator
    assert isinstance(doorkeeper, Doorkeeper)
    with api.factory.begin(write=False) as uow:
        return doorkeeper.authenticate(uow.look, token, allow_revoked=allow_revoked).actor


def test_a_phone_enrols_with_a_code_and_acts_as_its_user(firm: Api) -> None:
    technician = firm.as_(Role.TECHNICIAN)
    answer = enrolled(firm)
    assert answer["user_id"] == str(technician.user_id)
    assert answer["display_name"] == "First Technician"
    assert answer["expires_in"] == 900
    me = phone(firm, answer).get("/me").json
    assert me["device_id"] == answer["device_id"]
    assert me["role"] == "technician"


def test_a_code_may_be_typed_carelessly(firm: Api) -> None:
    code = code_for(firm, firm.as_(Role.TECHNICIAN).user_id).json["code"]
    careless = " ".join(code.lower().replace("-", "")).replace("0", "o").replace("1", "l")
    assert enrol(firm, careless).status_code == 201


def test_a_code_works_once(firm: Api) -> None:
    code = code_for(firm, firm.as_(Role.TECHNICIAN).user_id).json["code"]
    assert enrol(firm, code).status_code == 201
    assert enrol(firm, code).status_code == 401


def test_of_many_phones_with_one_code_at_once_one_gets_in(firm: Api) -> None:
    code = code_for(firm, firm.as_(Role.TECHNICIAN).user_id).json["code"]
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(lambda _: enrol(firm, code), range(8)))
    assert statuses == [201] + [401] * 7


def test_a_code_works_for_ten_minutes(firm: Api, clock: SettableClock) -> None:
    technician = firm.as_(Role.TECHNICIAN).user_id
    in_time, late = (code_for(firm, technician).json["code"] for _ in range(2))
    clock.advance(minutes=10, seconds=-1)
    assert enrol(firm, in_time).status_code == 201
    clock.advance(seconds=1)
    assert enrol(firm, late).status_code == 401


def test_codes_cannot_be_guessed(throttled: Api) -> None:
    statuses = [enrol(throttled, "AAAAA-BBBBB").status_code for _ in range(ENROL_PER_ADDRESS.burst + 1)]
    assert statuses == [401] * ENROL_PER_ADDRESS.burst + [429]
    code = code_for(throttled, throttled.as_(Role.TECHNICIAN).user_id).json["code"]
    assert enrol(throttled, code, address="198.51.100.7").status_code == 201


def test_codes_are_not_handed_out_without_end(throttled: Api) -> None:
    technician = throttled.as_(Role.TECHNICIAN).user_id
    statuses = {code_for(throttled, technician).status_code for _ in range(40)}
    assert statuses == {201, 429}


def test_the_code_is_not_stored(firm: Api, database: Database) -> None:
    code = code_for(firm, firm.as_(Role.TECHNICIAN).user_id).json["code"]
    with database.factory.begin(write=False) as uow:
        stored = str(uow.session.connection().exec_driver_sql("SELECT * FROM enrolment_codes").fetchall())
    assert code not in stored
    assert code.replace("-", "") not in stored


def test_a_dispatcher_cannot_become_somebody_of_the_office_by_enrolling_a_phone_for_them(
    firm: Api,
) -> None:
    for target in (Role.ADMINISTRATOR, Role.MANAGER, Role.FINANCE):
        assert code_for(firm, firm.as_(target).user_id).status_code == 403, target


def test_only_the_office_makes_codes_and_never_on_a_phone(firm: Api, database: Database) -> None:
    technician = firm.as_(Role.TECHNICIAN).user_id
    for role in (Role.TECHNICIAN, Role.FINANCE):
        assert code_for(firm, firm.as_(role).user_id, by=role).status_code == 403, role
    stolen = [enrolled(firm, role) for role in (Role.TECHNICIAN, Role.MANAGER, Role.ADMINISTRATOR)]
    for answer in stolen:
        for user_id in (answer["user_id"], str(technician)):
            assert (
                phone(firm, answer).post("/devices/enrolment-codes", {"user_id": user_id}).status_code == 403
            )
    with database.factory.begin(write=False) as uow:
        refused = audit_entries(uow.session, PageRequest(), action="access.refused").items
    assert len(refused) == 2 + 2 * len(stolen), "every try is kept"


def test_a_code_for_nobody_or_for_a_disabled_user_is_refused(firm: Api) -> None:
    assert code_for(firm, uuid4()).status_code == 404
    technician = firm.as_(Role.TECHNICIAN).user_id
    code = code_for(firm, technician).json["code"]
    firm.as_(Role.ADMINISTRATOR).post(f"/users/{technician}/disable")
    assert code_for(firm, technician).status_code == 409
    assert enrol(firm, code).status_code == 401


def test_people_see_their_own_phones_and_the_office_sees_all(firm: Api) -> None:
    mine = enrolled(firm)["device_id"]
    other = firm.as_(Role.TECHNICIAN, "other")
    code = code_for(firm, other.user_id).json["code"]
    theirs = enrol(firm, code).json["device_id"]

    def listed(client: Client) -> set[str]:
        return {device["id"] for device in client.get("/devices").json["items"]}

    assert listed(firm.as_(Role.TECHNICIAN)) == {mine}
    assert listed(other) == {theirs}
    assert listed(firm.as_(Role.FINANCE)) == set()
    assert listed(firm.as_(Role.DISPATCHER)) == {mine, theirs}


def test_a_phone_of_somebody_else_does_not_exist_for_a_technician(firm: Api) -> None:
    device = enrolled(firm)["device_id"]
    other = firm.as_(Role.TECHNICIAN, "other")
    assert other.post(f"/devices/{device}/revoke").status_code == 404
    assert firm.as_(Role.TECHNICIAN).post(f"/devices/{device}/revoke").status_code == 200


def test_a_revoked_phone_is_shut_out_at_once_and_only_its_work_is_let_in(firm: Api) -> None:
    answer = enrolled(firm)
    client = phone(firm, answer)
    assert client.get("/me").status_code == 200
    firm.as_(Role.DISPATCHER).post(f"/devices/{answer['device_id']}/revoke")
    assert client.get("/me").status_code == 401
    with pytest.raises(Unauthenticated):
        admitted(firm, answer["access_token"], allow_revoked=False)
    actor = admitted(firm, answer["access_token"], allow_revoked=True)
    assert actor.revoked
    assert actor.permissions <= HANDING_IN
    assert actor.device_id == UUID(answer["device_id"])


def test_a_revoked_phone_still_refreshes_to_hand_in_its_work_and_to_be_told_to_wipe(
    firm: Api, clock: SettableClock
) -> None:
    answer = enrolled(firm)
    firm.as_(Role.DISPATCHER).post(f"/devices/{answer['device_id']}/revoke")
    clock.advance(days=31)
    fresh = firm.anonymous.post("/sessions/refresh", {"refresh_token": answer["refresh_token"]}).json
    assert Client(firm.app, None, fresh["access_token"]).get("/me").status_code == 401
    assert admitted(firm, fresh["access_token"], allow_revoked=True).revoked


def test_a_browser_of_a_disabled_user_is_not_let_in_as_a_phone_is(firm: Api) -> None:
    technician = firm.as_(Role.TECHNICIAN)
    device = enrolled(firm)
    firm.as_(Role.ADMINISTRATOR).post(f"/users/{technician.user_id}/disable")
    assert admitted(firm, device["access_token"], allow_revoked=True).revoked
    later = firm.of(technician.user_id or UUID(int=1))
    for browser in (technician, later):
        assert browser.token is not None
        with pytest.raises(Unauthenticated):
            admitted(firm, browser.token, allow_revoked=True)


def test_the_list_says_when_a_phone_was_last_seen(firm: Api, clock: SettableClock) -> None:
    answer = enrolled(firm)
    clock.advance(hours=1)
    firm.anonymous.post("/sessions/refresh", {"refresh_token": answer["refresh_token"]})
    firm.as_(Role.DISPATCHER)
    (device,) = firm.as_(Role.DISPATCHER).get("/devices").json["items"]
    assert device["last_seen_at"] == "2026-03-02T09:00:00.000000Z"


def new_key() -> tuple[EllipticCurvePrivateKey, str]:
    """A key pair as a phone's key store makes it, and its public half as it travels."""
    private = generate_private_key(SECP256R1())
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return private, b64encode(der).decode()


def proof_by(private: EllipticCurvePrivateKey, refresh_token: str) -> str:
    signature = private.sign(b"doorstep refresh\n" + refresh_token.encode(), ECDSA(SHA256()))
    return b64encode(signature).decode()


def test_a_copied_refresh_token_is_worth_nothing_without_the_key_of_the_phone(
    firm: Api, database: Database
) -> None:
    private, public = new_key()
    code = code_for(firm, firm.as_(Role.TECHNICIAN).user_id).json["code"]
    fields = {"code": code, "device_name": "Pixel", "platform": "android 15", "public_key": public}
    token = firm.anonymous.post("/devices/enrol", fields).json["refresh_token"]

    def refresh(proof: str | None) -> TestResponse:
        form = {"refresh_token": token, **({} if proof is None else {"proof": proof})}
        return firm.anonymous.post("/sessions/refresh", form)

    thief, _ = new_key()
    for proof in (None, "AAAA", "not base64", proof_by(thief, token), proof_by(private, token + "x")):
        assert refresh(proof).status_code == 401, proof
    first = refresh(proof_by(private, token))
    assert first.status_code == 200
    assert refresh(proof_by(private, token)).json["refresh_token"] == first.json["refresh_token"]
    with database.factory.begin(write=False) as uow:
        noted = audit_entries(uow.session, PageRequest(), action="session.unproven").items
    assert len(noted) == 5


def test_a_refresh_that_a_network_held_back_does_not_end_the_session_of_the_phone_that_signed_it(
    firm: Api, database: Database, clock: SettableClock
) -> None:
    private, public = new_key()
    code = code_for(firm, firm.as_(Role.TECHNICIAN).user_id).json["code"]
    fields = {"code": code, "device_name": "Pixel", "platform": "android 15", "public_key": public}
    enrolled = firm.anonymous.post("/devices/enrol", fields).json
    token, device_id = enrolled["refresh_token"], enrolled["device_id"]

    def refresh(token: str) -> TestResponse:
        form = {"refresh_token": token, "proof": proof_by(private, token)}
        return firm.anonymous.post("/sessions/refresh", form)

    newer = refresh(token).json

    headers = {"Authorization": f"Bearer {newer['access_token']}"}

    def look() -> int:
        return firm.anonymous.get("/me", headers=headers).status_code

    with database.factory.begin() as uow:  # as anything does that the phone then sends
        (session_id,) = uow.session.scalars(select(SignIn.id).where(SignIn.device_id == UUID(device_id)))
        confirm(uow, session_id)
    clock.advance(seconds=REFRESH_DELAY.total_seconds())
    assert refresh(token).status_code == 401
    assert look() == 200
    clock.advance(seconds=1)
    assert refresh(token).status_code == 401, "after that somebody holds a copy of the phone"
    assert look() == 401


def test_a_key_that_no_phone_has_is_refused_and_the_code_stays_good(firm: Api) -> None:
    code = code_for(firm, firm.as_(Role.TECHNICIAN).user_id).json["code"]
    other_curve = generate_private_key(SECP384R1()).public_key()
    der = other_curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fields = {"code": code, "device_name": "Pixel", "platform": "android 15"}
    for public in ("x", "AAAA", b64encode(der).decode()):
        answer = firm.anonymous.post("/devices/enrol", {**fields, "public_key": public})
        assert answer.status_code == 422, public
        assert answer.json["type"] == "urn:doorstep:problem:device-key-unusable"
    assert firm.anonymous.post("/devices/enrol", fields).status_code == 201
