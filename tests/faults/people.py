"""Faults around people: two who edit one thing, lost sign-ins, phones taken away."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import httpx

from mobile_client_stub import journal
from mobile_client_stub.device_key import proof_of
from mobile_client_stub.phone import Phone
from tests.faults.case import case
from tests.faults.proxy import LOST_REPLY, NONE
from tests.faults.world import MovedClock, World, attempt, write_notes
from tests.journeys.office import Office


def _office(world: World, role: str = "dispatcher") -> Office:
    person = next(one for one in world.firm.office if one.role == role)
    return Office(world.server.url, person.email, person.password)


@case(
    "F9",
    "Phone and office edit one field",
    seen="the office's value stands; the phone's is in the field inbox",
)
def two_editors(world: World) -> None:
    """A phone that was without a network for eight hours unticks what the office ticked meanwhile."""
    phone = world.phone(clock=MovedClock(timedelta(hours=-8)))
    item = sorted(phone.view("checklist_items"))[0]
    phone.tick(item, packed=False)
    mutation = journal.everything(phone.store.connection)[-1].mutation_id
    office = _office(world)
    for packed in (False, True):
        office.post(f"/checklist-items/{item}/tick", packed=packed)
    assert attempt(phone) is None
    (told,) = (entry for entry in phone.inbox() if entry["mutation_id"] == mutation)
    assert "packed" in str(told["fields"])
    assert phone.view("checklist_items")[item]["packed"] is True
    office.close()


@case("F26", "The answer to a refresh lost", seen="nothing: the same token brings the same successor")
def lost_refresh(world: World) -> None:
    """The access token is over, and the answer with the new one gets lost twice."""
    phone = world.phone()
    write_notes(phone, 3)
    before = phone.account.refresh_token
    assert before is not None
    successor = _successor_of(world, phone, before)
    with phone.store.transaction() as connection:
        connection.execute("UPDATE account SET access_token = ?", ("A" * 43,))
    world.proxy.suffer(NONE, LOST_REPLY, LOST_REPLY)
    assert attempt(phone) is None
    assert world.proxy.struck["lost reply"] >= 2
    assert phone.account.refresh_token == successor != before


def _successor_of(world: World, phone: Phone, token: str) -> object:
    """What the server answers to this refresh token, over a good line; the phone hears nothing of it."""
    asked = {"refresh_token": token}
    if (key := phone.account.device_key) is not None:
        asked["proof"] = proof_of(key, token)
    answer = httpx.post(f"{world.server.url}/sessions/refresh", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["refresh_token"]


@case(
    "F27",
    "A phone revoked while it was without a network",
    seen="the phone is wiped; its work waits in the field inbox",
)
def revoked_phone(world: World) -> None:
    """The office revokes a phone that holds eight hours of work; then the phone comes back."""
    phone = world.phone(clock=MovedClock(timedelta(hours=-8)))
    write_notes(phone, 6)
    with closing(_office(world)) as office:
        office.post(f"/devices/{phone.account.device_id}/revoke")
        _comes_back(world, phone, office)


@case(
    "F27",
    "A user disabled while the phone was without a network",
    seen="the phone is wiped; its work waits in the field inbox",
)
def disabled_user(world: World) -> None:
    """An administrator disables the user of a phone that holds eight hours of work; then it comes back."""
    phone = world.phone(clock=MovedClock(timedelta(hours=-8)))
    write_notes(phone, 6)
    user = phone.account.user_id
    with closing(_office(world)) as office, closing(_office(world, "administrator")) as administrator:
        administrator.post(f"/users/{user}/disable")
        _comes_back(world, phone, office)
        administrator.post(f"/users/{user}/enable")


def _comes_back(world: World, phone: Phone, office: Office) -> None:
    """It hands in its work, gets nothing, and is wiped."""
    mine = [one.message() for one in journal.everything(phone.store.connection)]
    world.phones.remove(phone)
    assert phone.sync().wiped
    phone.close()
    waiting = {entry["mutation_id"] for entry in office.every("/sync/inbox", settled="false")}
    assert {message["mutation_id"] for message in mine} <= waiting
    for message in mine:
        world.note_sent(message, "held")


CASES = (two_editors, lost_refresh, revoked_phone, disabled_user)
