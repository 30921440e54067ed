"""Two technicians, each with a case of his own down to every record of it, and everybody who may knock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from backend.access.actions import set_user_password
from backend.access.doorkeeper import Doorkeeper
from backend.access.models import Device
from backend.access.permissions import SYSTEM
from backend.access.queries import user
from backend.db.outbox_message import OutboxMessage
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.dispatch.actions import create_shift
from backend.parts.actions import record_part_usage, record_stock_movement
from backend.parts.queries import checklist_of
from backend.reports.actions import add_report_charge, record_removed_part
from backend.reports.models import ConductRule, ReportAddendum
from backend.reports.queries import steps_of_visit
from backend.visits.actions import add_visit_note, issue_confirmation_link, offer_windows
from backend.visits.models import PaymentBadge
from schemas.access import Role
from schemas.attachments import MediaKind
from schemas.parts import MovementReason, UsageDirection
from schemas.visits import PaymentBadgeState
from sync.models import FieldInboxEntry
from tests.api import PASSWORD, Api, Client
from tests.given import access, aftercare, attachments, customers, parts, reports, requests, visits

Names = Mapping[str, str]
"""The ids of records by the names that routes and bodies call them."""

JOURNAL = "3b2f1a52-6a0e-4b8f-9a6e-0d9d4c7f2a11"
"""Of both phones; a phone that was revoked and enrolled again keeps its journal."""
OFFICE = (Role.DISPATCHER, Role.FINANCE, Role.MANAGER, Role.ADMINISTRATOR)


@dataclass(frozen=True)
class Person:
    """Somebody who knocks, with what is his (for the office: what he works on) and what is not."""

    client: Client
    own: Names
    others: Names
    never: frozenset[str] = frozenset()
    """Ids that no answer to this person may hold."""


def people_of_two_cases(api: Api) -> dict[str, Person]:
    """Everybody of the table's columns, by the names of the columns."""
    with api.factory.begin() as uow:
        common = _what_everybody_shares(uow)
        his, other = ({**common, **_a_case(uow, common)} for _ in range(2))
        office = {role: access.an_actor(uow, role).user_id for role in OFFICE}
        devices = {user_id: _a_device(uow, user_id) for user_id in office.values()}
        revoked = _a_device(uow, UUID(his["user_id"]), revoked=True)
    _let_them_sign_in(api, [UUID(his["user_id"]), *office.values()])
    ticket = api.of(UUID(his["user_id"])).post(f"/media/{his['media_id']}/upload").json
    assert "url" in ticket, ticket
    his["key"] = ticket["url"].removeprefix("/media/objects/")
    other["key"] = his["key"][:-1] + ("0" if his["key"][-1] != "0" else "1")
    his["name"], other["name"] = "start.js", "no-such-file.js"
    his["filename"], other["filename"] = "pages.css", "no-such-file.css"
    other["token"] = "A" * len(his["token"])
    his |= _credentials(api, UUID(his["user_id"]))
    other |= {"email": his["email"], "password": "wrong", "refresh_token": "wrong", "code": "wrong"}
    for case in (his, other):
        case |= {"current_password": PASSWORD, "window_version": "1"}

    technician = UUID(his["user_id"])
    himself = {his[name] for name in ("user_id", "device_id", "offer_id")}  # a link shows what is on offer
    records = (_ids(his) | _ids(other)) - himself
    people = {
        "technician": Person(api.of(technician, UUID(his["device_id"])), his, other, _ids(other) - _ids(his)),
        "anonymous": Person(api.anonymous, his, other, records),
        "revoked": Person(api.of(technician, revoked), his, other, records),
    }
    for phone in ("technician", "revoked"):
        # the first exchange of a phone makes its journal known
        first = {"protocol": 1, "journal": JOURNAL, "acknowledged": 0}
        assert people[phone].client.post("/sync/exchange", first).status_code == 200
    for role, user_id in office.items():
        own = {"user_id": str(user_id), "device_id": str(devices[user_id])}
        people[role.value] = Person(api.of(user_id), {**his, **own}, other)
    return people


def _ids(names: Names) -> frozenset[str]:
    return frozenset(value for name, value in names.items() if name.endswith("_id"))


def _let_them_sign_in(api: Api, user_ids: Iterable[UUID]) -> None:
    password_hash = doorkeeper_of(api).passwords.hash(PASSWORD)
    with api.factory.begin() as uow:
        for user_id in user_ids:
            set_user_password(uow, SYSTEM, user_id, password_hash=password_hash)


def _credentials(api: Api, user_id: UUID) -> dict[str, str]:
    """What the ways in ask for: each good for one more entry."""
    doorkeeper = doorkeeper_of(api)
    with api.factory.begin() as uow:
        code, _ = doorkeeper.create_code(uow, SYSTEM, user_id)
        tokens = doorkeeper.sessions.begin(uow, user_id, None)
        email = user(uow.session, user_id).email
    return {"email": email, "password": PASSWORD, "refresh_token": tokens.refresh_token, "code": code}


def doorkeeper_of(api: Api) -> Doorkeeper:
    """The application's own."""
    doorkeeper = api.wiring.authenticator
    assert isinstance(doorkeeper, Doorkeeper)
    return doorkeeper


@contextmanager
def nothing_stays(factory: UnitOfWorkFactory) -> Iterator[None]:
    """Every transaction ends as if it had never been: each request finds the world as it was."""
    begin = factory.begin

    @contextmanager
    def begin_and_undo(*, write: bool = True) -> Iterator[UnitOfWork]:
        with begin(write=write) as uow:
            yield uow
            uow.session.expunge_all()  # a view may still show what it loaded
            uow.session.rollback()

    vars(factory)["begin"] = begin_and_undo
    try:
        yield
    finally:
        del vars(factory)["begin"]


def _what_everybody_shares(uow: UnitOfWork) -> dict[str, str]:
    """The catalogue; and a callback, which is nobody's in the field."""
    part = parts.a_part(uow)
    kit = parts.a_kit(uow, parts=(part, parts.a_tool(uow)))
    work_type = visits.a_work_type(uow, kit_id=kit.id)
    callback = aftercare.a_callback(uow)
    assignee = access.an_actor(uow, Role.MANAGER)
    return _named(
        part_id=part.id,
        kit_id=kit.id,
        skill_id=visits.a_skill(uow).id,
        work_type_id=work_type.id,
        rule_id=uow.session.scalars(select(ConductRule.id)).first(),
        callback_id=callback.id,
        assignee_id=assignee.user_id,
    )


def _a_case(uow: UnitOfWork, common: Names) -> dict[str, str]:
    """A technician and everything that comes with a visit that went out to him."""
    request = _a_request_with_mail(uow)
    asset = customers.an_asset(uow, site_id=request.site_id)
    order = visits.a_work_order(
        uow,
        request_id=request.id,
        site_id=request.site_id,
        asset_id=asset.id,
        work_type_id=UUID(common["work_type_id"]),
    )
    work = reports.a_visit_under_way(uow, work_order_id=order.id)
    token, offer_id = _a_second_visit_that_is_offered(uow, order.id)
    badge = PaymentBadge(id=uow.mint_id(), work_order_id=order.id, state=PaymentBadgeState.PAID)
    uow.add(badge)
    media = attachments.a_medium(uow, work.actor, work.visit_id)
    attachments.a_stored_medium(uow, work.actor, work.visit_id, kind=MediaKind.AFTER)
    return {
        **_named(
            customer_id=request.customer_id,
            site_id=request.site_id,
            asset_id=asset.id,
            entitlement_id=customers.an_entitlement(uow, asset_id=asset.id).id,
            service_request_id=request.id,
            request_id=request.id,
            work_order_id=order.id,
            visit_id=work.visit_id,
            offer_id=offer_id,
            media_id=media.id,
            waiver_media_id=media.id,
            signature_media_id=media.id,
            **_the_technicians(uow, work),
            **_found_at_the_visit(uow, work, UUID(common["part_id"])),
        ),
        "token": token,
        "collection": "visits",
    }


def _a_second_visit_that_is_offered(uow: UnitOfWork, work_order_id: UUID) -> tuple[str, UUID]:
    """The customer's link to it, and a window that may be picked."""
    visit = visits.a_visit(uow, work_order_id=work_order_id)
    (offer,) = offer_windows(uow, SYSTEM, visit.id, windows=[_usual_window()])
    issue_confirmation_link(uow, SYSTEM, visit.id, public_url="https://door.example")
    return _mailed_token(uow), offer.id


def _a_request_with_mail(uow: UnitOfWork) -> Any:
    customer = customers.a_customer(uow, email=f"{uow.mint_id()}@example.org")
    site = customers.a_site(uow, customer_id=customer.id)
    return requests.a_service_request(uow, customer_id=customer.id, site_id=site.id)


def _usual_window() -> dict[str, Any]:
    later = visits.MORNING + visits.TWO_HOURS
    return {"starts_at": later, "ends_at": later + visits.TWO_HOURS}


def _the_technicians(uow: UnitOfWork, work: reports.Work) -> dict[str, UUID]:
    """What a technician has without a visit: himself, his phone, his shift and his van."""
    technician = work.technician
    shift_ends = visits.MORNING + 20 * visits.TWO_HOURS
    shift = create_shift(
        uow,
        SYSTEM,
        technician_id=technician.id,
        starts_at=shift_ends - visits.TWO_HOURS,
        ends_at=shift_ends,
    )
    return {
        "technician_id": technician.id,
        "user_id": technician.id,
        "device_id": _a_device(uow, technician.id),
        "shift_id": shift.id,
        "entry_id": _an_inbox_entry(uow, technician.id),
    }


def _found_at_the_visit(uow: UnitOfWork, work: reports.Work, part_id: UUID) -> dict[str, UUID]:
    """What lies below the visit."""
    actor, visit_id = work.actor, work.visit_id
    usage = record_part_usage(
        uow, actor, visit_id=visit_id, part_id=part_id, direction=UsageDirection.USED, quantity=1
    )
    movement = record_stock_movement(
        uow,
        actor,
        technician_id=work.technician.id,
        part_id=part_id,
        quantity_delta=3,
        reason=MovementReason.LOAD,
    )
    charge = add_report_charge(
        uow,
        actor,
        report_id=work.report_id,
        description="Gasket",
        quantity=1,
        unit_minor=1250,
        currency="EUR",
    )
    add_visit_note(uow, actor, visit_id=visit_id, text="The bell is broken.")
    addendum = ReportAddendum(
        id=uow.mint_id(), report_id=work.report_id, number=1, text="Guarantee.", written_by=actor.user_id
    )
    return {
        "addendum_id": uow.add(addendum).id,
        "checklist_item_id": checklist_of(uow.session, visit_id)[0].id,
        "part_usage_id": usage.id,
        "stock_movement_id": movement.id,
        "step_id": steps_of_visit(uow.session, visit_id)[0].id,
        "report_id": work.report_id,
        "charge_id": charge.id,
        "removed_part_id": record_removed_part(uow, actor, visit_id=visit_id, name="Old gasket").id,
        "card_id": work.card_id,
    }


def _a_device(uow: UnitOfWork, user_id: UUID, *, revoked: bool = False) -> UUID:
    device = Device(
        id=uow.mint_id(),
        user_id=user_id,
        name="Phone",
        platform="test",
        enrolled_at=uow.now,
        revoked_at=uow.now if revoked else None,
    )
    return uow.add(device).id


def _an_inbox_entry(uow: UnitOfWork, technician_id: UUID) -> UUID:
    entry = FieldInboxEntry(
        id=uow.mint_id(),
        created_at=uow.now,
        owner_id=technician_id,
        user_id=technician_id,
        device_id=uow.mint_id(),
        journal=uow.mint_id(),
        number=1,
        type="visit.arrive",
        outcome="refused",
        code="visit-not-found",
        title="There is no such visit.",
        detail="It went to somebody else.",
        fields="",
        content="{}",
    )
    uow.session.add(entry)
    uow.flush()
    return entry.id


def _mailed_token(uow: UnitOfWork) -> str:
    message = uow.session.query(OutboxMessage).order_by(OutboxMessage.id.desc()).first()
    assert message is not None
    found = re.search(r"https://door\.example/v/(\S+)", str(message.payload["text"]))
    assert found is not None
    return found.group(1)


def _named(**ids: UUID | None) -> dict[str, str]:
    return {name: str(record_id) for name, record_id in ids.items() if record_id is not None}
