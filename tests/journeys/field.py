"""The day itself: phones work without a network, and come back over a bad one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import httpx

from mobile_client_stub.faults import Fault, FaultyTransport, random_faults
from mobile_client_stub.phone import Phone
from mobile_client_stub.transport import certificates
from mobile_client_stub.words import PhoneError
from tests.journeys.office import Office
from tests.journeys.stage import Stage
from tests.journeys.technicians import Ending, work_visit


def work_offline(stage: Stage) -> None:
    """All visits, each to its ending, while no server is there."""
    stage.chapter("All day without a network")
    stage.now = stage.plan.at(1, stage.plan.first_hour)
    for phone in stage.progress(list(stage.phones.values()), "phones"):
        for number, visit in enumerate(phone.visits()):
            stage.now = max(stage.now, datetime.fromisoformat(visit["scheduled_start"]))
            work_visit(phone, visit, _ending(stage, number), stage.dice)
        stage.now = stage.plan.at(1, stage.plan.first_hour)
    unsent = sum(phone.outbox().unsent for phone in stage.phones.values())
    files = sum(len(phone.outbox().media) for phone in stage.phones.values())
    stage.say(f"{unsent} mutations and {files} files wait on the phones")
    try:
        next(iter(stage.phones.values())).sync()
    except PhoneError as error:
        stage.say(f"a phone that tries anyway says: “{error}”")


def _ending(stage: Stage, number: int) -> Ending:
    if stage.plan.brisk and number % 4:
        return Ending.NO_ACCESS
    return {1: Ending.REFUSED, 4: Ending.ABSENT, 6: Ending.NO_ACCESS}.get(number % 8, Ending.SIGNED)


def office_changes_its_mind(stage: Stage) -> None:
    """One visit moves and one is cancelled, behind the backs of those who worked on them."""
    stage.chapter("Meanwhile the dispatcher moves one visit and cancels another, both already worked on")
    office = stage.office()
    stage.moved_visit, stage.moved_to = _move_one(stage, office)
    cancelled = next(visit["id"] for visit in stage.visits if visit["id"] != stage.moved_visit)
    office.post(f"/visits/{cancelled}/cancel", reason="The customer called: the neighbour has fixed it.")
    stage.say("moved one, cancelled one; the phones do not know yet")


def _move_one(stage: Stage, office: Office) -> tuple[str, str]:
    """Move the first visit that somebody else is free for; its id, and whose it is now."""
    for visit in stage.visits:
        for other in office.get(f"/visits/{visit['id']}/technician-suggestions")["suggestions"]:
            if other["technician_id"] != office.get(f"/visits/{visit['id']}")["technician_id"]:
                moved_to = other["technician_id"]
                office.post(f"/visits/{visit['id']}/move", technician_id=moved_to, reason="Is nearer.")
                return visit["id"], moved_to
    raise AssertionError("nobody is free to take a visit over")


def phones_come_back(stage: Stage) -> None:
    """Until everything is in, whatever the network does."""
    stage.chapter("The phones come back over a link that loses requests and replies")
    stage.now = stage.plan.at(1, 18)
    for number, identity in enumerate(stage.progress(list(stage.phones), "phones")):
        faults = random_faults(stage.plan.seed + number, stage.plan.fault_rate)
        transport = FaultyTransport(httpx.HTTPTransport(verify=certificates()), faults, delay=0.01)
        phone = _over_a_bad_network(stage, identity, transport)
        stage.drain(phone)
        stage.told.faults.update(
            {fault.value: count for fault, count in transport.suffered.items() if fault is not Fault.NONE}
        )
    stage.say(", ".join(f"{count} × {fault}" for fault, count in stage.told.faults.most_common()))


def _over_a_bad_network(stage: Stage, identity: str, transport: FaultyTransport) -> Phone:
    stage.phones[identity].close()
    stage.phones[identity] = stage.phone(f"phone-{identity}", transport)
    return stage.phones[identity]


def moved_visit_is_worked(stage: Stage) -> None:
    """By the technician who has it now."""
    stage.chapter("The moved visit is packed anew, and worked by the other technician")
    office, phone = stage.office(), stage.phones[stage.moved_to]
    stage.pack_one(office, stage.moved_visit)
    stage.drain(phone)
    stage.now = stage.plan.at(1, 19)
    work_visit(phone, phone.view("visits")[stage.moved_visit], Ending.SIGNED, stage.dice)
    stage.drain(phone)
    inbox = list(office.every("/sync/inbox", settled="false"))
    stage.say(f"{len(inbox)} entries in the field inbox: {_counted(entry['code'] for entry in inbox)}")


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} × {word}" for word, count in Counter(words).most_common()) or "none"
