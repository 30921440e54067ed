"""`doorstep seed`: a small firm to try things on, made through the same actions as everything else."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import track
from rich.table import Table

from backend.access.actions import create_enrolment_code, create_user
from backend.access.permissions import SYSTEM
from backend.access.queries import credentials_of
from backend.app import Wiring
from backend.customers.actions import create_customer, create_site
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch.actions import assign_visit, create_shift, create_technician, dispatch_visit
from backend.parts.actions import KitLineFields, create_kit, create_part, tick_checklist_item
from backend.parts.queries import checklist_of, part_ids_by_sku
from backend.seed_catalogue import CURRENCY, GOODS, OFFICE, SKILLS, TECHNICIANS, WORK, Work
from backend.visits.actions import book_visit, confirm_visit, create_skill, create_work_type, open_work_order
from backend.visits.queries import skill_ids_by_code, work_type_ids_by_code
from schemas.access import Role

TOWN = (52.0412, 1.1554)
"""Latitude and longitude of the middle of the firm's town."""
SHIFT = (time(6), time(22))
SHIFT_DAYS = 15
VISIT_EVERY = timedelta(minutes=60)
VISITS_A_DAY = 15


@dataclass(frozen=True)
class Person:
    """A login; the password is shown this once."""

    id: str
    name: str
    role: str
    email: str
    password: str
    enrolment_code: str | None = None


@dataclass
class Firm:
    """Everybody who was made."""

    office: list[Person] = field(default_factory=list)
    technicians: list[Person] = field(default_factory=list)
    visits: int = 0

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)

    def as_table(self) -> Table:
        """For people."""
        table = Table(title="Logins", title_justify="left", box=None)
        for heading in ("role", "name", "address", "password", "code for a phone (10 minutes)"):
            table.add_column(heading, overflow="fold")
        for person in (*self.office, *self.technicians):
            table.add_row(
                person.role, person.name, person.email, person.password, person.enrolment_code or ""
            )
        return table


def seed_firm(wiring: Wiring, *, technicians: int, visits: int, console: Console) -> Firm:
    """Make the office, the catalogue (what is there already stays) and `technicians` with `visits` each."""
    firm = Firm()
    with wiring.factory.begin() as uow:
        _make_catalogue(uow)
    for role, name in OFFICE:
        firm.office.append(_make_office_person(wiring, Role(role), name))
    for number in track(range(technicians), "technicians", console=console, disable=not console.is_terminal):
        firm.technicians.append(_make_technician(wiring, number))
        with wiring.factory.begin() as uow:
            _make_visits(uow, UUID(firm.technicians[-1].id), visits, _zone(wiring))
        firm.visits += visits
    return firm


def _make_catalogue(uow: UnitOfWork) -> None:
    skills = skill_ids_by_code(uow.session, SKILLS)
    for code, name in SKILLS.items():
        if code not in skills:
            skills[code] = create_skill(uow, SYSTEM, code=code, name=name).id
    goods = part_ids_by_sku(uow.session, [good.sku for good in GOODS])
    for good in GOODS:
        if good.sku not in goods:
            goods[good.sku] = create_part(
                uow,
                SYSTEM,
                sku=good.sku,
                name=good.name,
                kind=good.kind,
                price_minor=good.price_minor,
                currency=None if good.price_minor is None else CURRENCY,
            ).id
    known = work_type_ids_by_code(uow.session, [work.code for work in WORK])
    for work in WORK:
        if work.code not in known:
            _make_work_type(uow, work, skills, goods)


def _make_work_type(uow: UnitOfWork, work: Work, skills: dict[str, UUID], goods: dict[str, UUID]) -> None:
    lines: list[KitLineFields] = [
        {"part_id": goods[sku], "quantity": quantity, "required": True} for sku, quantity in work.kit
    ]
    kit = create_kit(uow, SYSTEM, name=f"Kit: {work.name}", lines=lines)
    create_work_type(
        uow,
        SYSTEM,
        code=work.code,
        name=work.name,
        duration_minutes=work.minutes,
        kit_id=kit.id,
        skills=[{"skill_id": skills[code], "level": level} for code, level in work.skills],
    )


def _make_office_person(wiring: Wiring, role: Role, name: str) -> Person:
    password = secrets.token_urlsafe(12)
    hashed = wiring.authenticator.passwords.hash(password)
    with wiring.factory.begin() as uow:
        email = _free_address(uow, name)
        user = create_user(
            uow,
            SYSTEM,
            None,
            email=email,
            display_name=name,
            role=role,
            time_zone=_zone(wiring).key,
            password_hash=hashed,
        )
        return Person(str(user.id), name, role.value, email, password)


def _make_technician(wiring: Wiring, number: int) -> Person:
    name = TECHNICIANS[number] if number < len(TECHNICIANS) else f"Technician {number + 1}"
    password = secrets.token_urlsafe(12)
    hashed = wiring.authenticator.passwords.hash(password)
    zone = _zone(wiring)
    with wiring.factory.begin() as uow:
        skills = skill_ids_by_code(uow.session, SKILLS)
        # Everybody lacks one trade, so that qualification matters; level 3 is enough for all of our work.
        lacking = list(SKILLS)[number % len(SKILLS)]
        email = _free_address(uow, name)
        technician = create_technician(
            uow,
            SYSTEM,
            email=email,
            display_name=name,
            time_zone=zone.key,
            home_latitude=TOWN[0] + 0.01 * (number % 5 - 2),
            home_longitude=TOWN[1] + 0.01 * (number % 7 - 3),
            skills=[{"skill_id": skills[code], "level": 3} for code in SKILLS if code != lacking],
            password_hash=hashed,
        )
        today = uow.now.astimezone(zone).date()
        for day in (today + timedelta(days=ahead) for ahead in range(SHIFT_DAYS)):
            start, end = (datetime.combine(day, moment, zone) for moment in SHIFT)
            create_shift(uow, SYSTEM, technician_id=technician.id, starts_at=start, ends_at=end)
        code, _ = create_enrolment_code(
            uow, SYSTEM, technician.id, valid_for=timedelta(seconds=wiring.settings.enrolment_code_seconds)
        )
        return Person(str(technician.id), name, "technician", email, password, code)


def _make_visits(uow: UnitOfWork, technician_id: UUID, count: int, zone: ZoneInfo) -> None:
    """Dispatched visits from tomorrow morning on, one an hour, at customers all over the town."""
    if not count:
        return
    tomorrow = uow.now.astimezone(zone).date() + timedelta(days=1)
    work_type = work_type_ids_by_code(uow.session, ["smoke-alarm"])["smoke-alarm"]
    customer = create_customer(uow, SYSTEM, name="A customer", email="customer@example.org")
    for number in range(count):
        day, hour = divmod(number, VISITS_A_DAY)
        start = datetime.combine(tomorrow + timedelta(days=day), SHIFT[0], zone) + VISIT_EVERY * hour
        site = create_site(
            uow,
            SYSTEM,
            customer_id=customer.id,
            address=f"{number + 1} Station Road",
            city="Lindenford",
            latitude=TOWN[0] + 0.0005 * (number % 40),
            longitude=TOWN[1] + 0.0005 * (number % 60),
        )
        order = open_work_order(
            uow, SYSTEM, site_id=site.id, work_type_id=work_type, summary="Smoke alarm: beeps"
        )
        visit = book_visit(
            uow,
            SYSTEM,
            work_order_id=order.id,
            starts_at=start,
            ends_at=start + timedelta(hours=2),
            scheduled_start=start,
        )
        assign_visit(uow, SYSTEM, visit.id, technician_id=technician_id)
        confirm_visit(uow, SYSTEM, visit.id, window_version=visit.window_version)
        for line in checklist_of(uow.session, visit.id):
            tick_checklist_item(uow, SYSTEM, line.id, packed=True)
        dispatch_visit(uow, SYSTEM, visit.id)


def _free_address(uow: UnitOfWork, name: str) -> str:
    base = re.sub(r"[^a-z0-9]+", ".", name.lower()).strip(".")
    candidates = (f"{base}{number or ''}@doorstep.example" for number in range(10_000))
    return next(address for address in candidates if credentials_of(uow.session, address) is None)


def _zone(wiring: Wiring) -> ZoneInfo:
    return ZoneInfo(wiring.settings.time_zone)
