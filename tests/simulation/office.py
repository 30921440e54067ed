"""The office: books, moves, cancels, corrects, revokes and decides, as its day brings it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.console import Console
from sqlalchemy import select

from backend.access.actions import disable_user, enable_user
from backend.access.models import User
from backend.access.permissions import SYSTEM
from backend.customers.models import Customer, Site
from backend.dispatch.actions import assign_visit, create_shift, dispatch_visit
from backend.dispatch.models import Shift
from backend.parts.models import ChecklistItem, Part
from backend.seed import SHIFT, SHIFT_DAYS, Firm, seed_firm
from backend.visits.actions import book_visit, confirm_visit, open_work_order
from backend.visits.models import Visit, WorkType
from mobile_client_stub.phone import Phone
from schemas.errors import DomainError
from schemas.visits import VisitStatus
from sync.models import FieldInboxEntry
from tests.journeys.office import Office as SignedIn
from tests.journeys.office import OfficeRefused
from tests.simulation.chance import Time
from tests.simulation.device import Device
from tests.simulation.invariants import InvariantBroken
from tests.simulation.server import Server

URL = "http://firm.example"
ENDED = (
    VisitStatus.COMPLETED,
    VisitStatus.PARTIALLY_COMPLETED,
    VisitStatus.CANNOT_COMPLETE,
    VisitStatus.NO_ACCESS,
    VisitStatus.CANCELLED,
)
VISITS_EACH = 4
"""As many open visits per technician as the office likes to see; more make every step slower."""
DAYS_AHEAD = 3
DECISIONS = {
    "accept": "accepted",
    "decline": "declined",
    "note": "noted",
    "follow-up": "followed_up",
    "settle": "settled",
}
"""What the feed says after each verb."""


class Office:
    """Dispatchers, over the same HTTP API as everybody; booking alone takes the use cases directly."""

    def __init__(self, server: Server, time_: Time, dice: random.Random, firm: Firm) -> None:
        self.technicians = [UUID(person.id) for person in firm.technicians]
        self.decided: dict[str, tuple[str, str]] = {}
        """Entries of the field inbox decided since the last look: what was decided, and the remark."""
        self._server = server
        self._time = time_
        self._dice = dice
        self._zone = ZoneInfo(server.settings.time_zone)
        dispatcher = next(person for person in firm.office if person.role == "dispatcher")
        self._client = SignedIn(URL, dispatcher.email, dispatcher.password, transport=server.transport)

    def do_something(self) -> tuple[str, str]:
        """One thing; returns what, and how it ended."""
        name, act = self._dice.choices(_ACTS, _WEIGHTS)[0]
        try:
            return name, act(self)
        except OfficeRefused as refused:
            if refused.status >= 500:
                raise InvariantBroken(str(refused)) from refused
            return name, str(refused.status)
        except DomainError as refused:
            return name, refused.code

    def enrol(self, device: Device) -> str:
        """Hand out a code, and have it typed into the phone."""
        try:
            code = self._client.post("/devices/enrolment-codes", user_id=device.user)["code"]
        except OfficeRefused as refused:
            return str(refused.status)

        def type_it_in(phone: Phone) -> None:
            phone.enrol(URL, code, name=device.name)

        return device.act(type_it_in)

    def revoke(self, device: Device) -> str:
        """Shut the phone out."""
        try:
            self._client.post(f"/devices/{device.phone.account.device_id}/revoke")
        except OfficeRefused as refused:
            return str(refused.status)
        return "done"

    def disable(self, technician: UUID) -> str:
        """Shut a person out, with all phones; they go on typing."""
        with self._server.wiring.factory.begin() as uow:
            disable_user(uow, SYSTEM, technician)
        return "done"

    def enable(self, technician: UUID) -> str:
        """Let a person in again, who needs a new code."""
        with self._server.wiring.factory.begin() as uow:
            enable_user(uow, SYSTEM, technician)
        return "done"

    def disabled(self) -> list[UUID]:
        """Which technicians are shut out."""
        with self._server.wiring.factory.begin(write=False) as uow:
            shut_out = select(User.id).where(User.disabled_at.is_not(None)).order_by(User.id)
            return list(uow.session.scalars(shut_out))

    def plan_shifts(self) -> None:
        """Everybody works every day of the coming two weeks."""
        today = self._time.now.astimezone(self._zone).date()
        with self._server.wiring.factory.begin() as uow:
            rows = uow.session.execute(select(Shift.technician_id, Shift.starts_at))
            planned = {(row.technician_id, row.starts_at) for row in rows}
            for day in (today + timedelta(days=ahead) for ahead in range(SHIFT_DAYS)):
                start, end = (datetime.combine(day, moment, self._zone) for moment in SHIFT)
                for technician in self.technicians:
                    if (technician, start) not in planned:
                        create_shift(uow, SYSTEM, technician_id=technician, starts_at=start, ends_at=end)

    # What an office does

    def _book(self) -> str:
        if len(self._open_visits()) >= VISITS_EACH * len(self.technicians):
            return "enough to do"
        with self._server.wiring.factory.begin() as uow:
            sites = uow.session.scalars(select(Site.id).order_by(Site.id)).all()
            work = uow.session.scalars(select(WorkType.id).order_by(WorkType.id)).all()
            start = self._a_start()
            order = open_work_order(
                uow,
                SYSTEM,
                site_id=self._dice.choice(sites),
                work_type_id=self._dice.choice(work),
                summary=f"Call {self._dice.getrandbits(24):06x}",
            )
            visit = book_visit(
                uow,
                SYSTEM,
                work_order_id=order.id,
                starts_at=start,
                ends_at=start + timedelta(hours=2),
                scheduled_start=start,
            )
            assign_visit(uow, SYSTEM, visit.id, technician_id=self._dice.choice(self.technicians))
            confirm_visit(uow, SYSTEM, visit.id, window_version=visit.window_version)
            dispatch_visit(uow, SYSTEM, visit.id, override_reason="The van is packed on the way.")
        return "done"

    def _move(self) -> str:
        visit, to = self._a_visit(), self._dice.choice(self.technicians)
        self._client.post(f"/visits/{visit}/move", technician_id=str(to), reason="Is nearer.")
        if self._dice.random() < 0.7:
            self._client.post(f"/visits/{visit}/dispatch", override_reason="Goes at once.")
        return "done"

    def _unassign(self) -> str:
        self._client.post(f"/visits/{self._a_visit()}/unassign", reason="Is ill.")
        return "done"

    def _reschedule(self) -> str:
        visit, start = self._a_visit(), self._a_start()
        window = {"starts_at": _written(start), "ends_at": _written(start + timedelta(hours=2))}
        answer = self._client.post(f"/visits/{visit}/reschedule", scheduled_start=_written(start), **window)
        if self._dice.random() < 0.7:
            technician = str(self._dice.choice(self.technicians))
            if answer["technician_id"] is None:
                self._client.post(f"/visits/{visit}/assign", technician_id=technician)
            self._client.post(f"/visits/{visit}/dispatch", override_reason="Goes at once.")
        return "done"

    def _cancel(self) -> str:
        self._client.post(f"/visits/{self._a_visit()}/cancel", reason="The customer called.")
        return "done"

    def _correct_site(self) -> str:
        self._client.edit(f"/sites/{self._any(Site)}", address=f"{self._dice.randrange(999)} New Road")
        return "done"

    def _correct_customer(self) -> str:
        self._client.edit(f"/customers/{self._any(Customer)}", name=f"Customer {self._dice.randrange(999)}")
        return "done"

    def _price_part(self) -> str:
        price = {"price_minor": self._dice.randrange(10_000), "currency": "EUR"}
        self._client.edit(f"/parts/{self._any(Part)}", **price)
        return "done"

    def _tick(self) -> str:
        item = self._any(ChecklistItem)
        self._client.post(f"/checklist-items/{item}/tick", packed=self._dice.random() < 0.5)
        return "done"

    def _add_item(self) -> str:
        fields = {"visit_id": str(self._a_visit()), "part_id": str(self._any(Part)), "quantity": 1}
        self._client.post("/checklist-items", **fields)
        return "done"

    def _note(self) -> str:
        text = f"office {self._dice.getrandbits(40):010x}"
        self._client.post("/visit-notes", visit_id=str(self._a_visit()), text=text)
        return "done"

    def _decide(self, verb: str, **fields: object) -> str:
        """Decide on an entry of the field inbox; remembered until phones have shown that they heard it."""
        with self._server.wiring.factory.begin(write=False) as uow:
            waiting = select(FieldInboxEntry.id).where(FieldInboxEntry.settled_at.is_(None))
            entries = uow.session.scalars(waiting.order_by(FieldInboxEntry.id).limit(200)).all()
        if not entries:
            return "nothing waits"
        entry = self._dice.choice(entries)
        remark = f"remark {self._dice.getrandbits(40):010x}"
        self._client.decide(entry, verb, remark=remark, **fields)
        self.decided[str(entry)] = (DECISIONS[verb], remark)
        return "done"

    def _accept(self) -> str:
        return self._decide("accept")

    def _decline(self) -> str:
        return self._decide("decline")

    def _turn_into_note(self) -> str:
        return self._decide("note")

    def _follow_up(self) -> str:
        start = self._a_start()
        window = {"starts_at": _written(start), "ends_at": _written(start + timedelta(hours=2))}
        return self._decide("follow-up", scheduled_start=_written(start), **window)

    def _settle(self) -> str:
        return self._decide("settle")

    # Choices

    def _a_start(self) -> datetime:
        day = self._time.now.astimezone(self._zone).date() + timedelta(days=self._dice.randint(0, DAYS_AHEAD))
        return datetime.combine(day, time(self._dice.randint(6, 19), self._dice.choice((0, 30))), self._zone)

    def _open_visits(self) -> Sequence[UUID]:
        with self._server.wiring.factory.begin(write=False) as uow:
            wanted = select(Visit.id).where(Visit.status.not_in(ENDED)).order_by(Visit.id)
            return uow.session.scalars(wanted).all()

    def _a_visit(self) -> UUID:
        """An open visit; rarely one of the last that ended."""
        found = self._open_visits()
        return self._dice.choice(found) if found and self._dice.random() < 0.95 else self._any(Visit)

    def _any(self, model: type[Visit | Site | Customer | Part | ChecklistItem]) -> UUID:
        """One of the newest forty."""
        with self._server.wiring.factory.begin(write=False) as uow:
            newest = uow.session.scalars(select(model.id).order_by(model.id.desc()).limit(40)).all()
        return self._dice.choice(newest)


def found_firm(server: Server, time_: Time, dice: random.Random, technicians: int) -> Office:
    """A firm with people, a catalogue and two visits each."""
    firm = seed_firm(server.wiring, technicians=technicians, visits=2, console=Console(quiet=True))
    return Office(server, time_, dice, firm)


def _written(moment: datetime) -> str:
    return moment.isoformat()


Act = Callable[[Office], str]
_CHOICES: tuple[tuple[str, Act, int], ...] = (
    ("book", Office._book, 20),
    ("move", Office._move, 12),
    ("unassign", Office._unassign, 3),
    ("reschedule", Office._reschedule, 8),
    ("cancel", Office._cancel, 4),
    ("correct site", Office._correct_site, 5),
    ("correct customer", Office._correct_customer, 3),
    ("price part", Office._price_part, 3),
    ("tick", Office._tick, 10),
    ("add item", Office._add_item, 2),
    ("note", Office._note, 6),
    ("accept", Office._accept, 5),
    ("decline", Office._decline, 3),
    ("turn into note", Office._turn_into_note, 3),
    ("follow up", Office._follow_up, 2),
    ("settle", Office._settle, 6),
)
ACTS = tuple(name for name, _, _ in _CHOICES)
"""What an office does, by name."""
_ACTS = [(name, act) for name, act, _ in _CHOICES]
_WEIGHTS = [weight for _, _, weight in _CHOICES]
