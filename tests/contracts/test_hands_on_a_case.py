"""Whoever of the office does anything to a case has had it in hand, and never makes its callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from backend.access.actor import Actor
from backend.access.permissions import GRANTS, SYSTEM
from backend.aftercare.actions import take_callback
from backend.aftercare.models import Callback
from backend.aftercare.rules import CallbackNotIndependent
from backend.attachments.actions import complete_media, register_media
from backend.db.integrity import fact_of
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import actions as dispatching
from backend.parts.actions import add_checklist_item, record_part_usage, tick_checklist_item
from backend.parts.queries import checklist_of
from backend.reports.actions import (
    add_report_addendum,
    add_report_charge,
    close_service_report,
    release_service_report,
    withdraw_report_charge,
)
from backend.requests import actions as requesting
from backend.requests.models import CaseTouch
from backend.visits import actions as visiting
from backend.visits.queries import visit_by_id
from schemas.access import Role
from schemas.aftercare import CallbackStatus
from schemas.attachments import MediaKind
from schemas.parts import UsageDirection
from schemas.reports import ReportStatus
from schemas.requests import Channel, Outcome
from tests.databases import Database
from tests.given import access, attachments, customers, dispatch, parts, reports, requests, visits

Try = Callable[[UnitOfWork, Actor], UUID]
"""Does one thing, in this person's name, to a case that others opened; gives the id of the case."""

NOT_ABOUT_A_CASE = {
    "access": ("audit_log", "device", "enrolment_code", "password", "session", "sessions", "user"),
    "accounts": ("user_password",),
    "catalogues": ("skill", "work_type", "kit", "part", "conduct_rule", "technician", "shift"),
    "customers": ("customer", "site", "asset", "entitlement"),
    "vans": ("stock_movement",),
    "callbacks themselves": ("callback", "callback_attempt"),
}
"""Nouns of which no verb has a case in hand."""
WITHIN_OTHERS = {
    "checklist:prepare": "part of visit:book",
    "checklist:unpack": "part of visit:move",
    "media:examine": "has the scanner look at a file again; says nothing about the case",
    "media:upload": "asks for an address; the case is touched by media:register and media:complete",
    "service_request:import": "takes in whole files; test_import.py has its touches",
    "field_inbox:accept": "runs the use case of what the phone sent",
    "field_inbox:note": "is visit_note:add",
    "field_inbox:follow_up": "is visit:book",
    "field_inbox:decline": "leaves the case as it is",
    "field_inbox:settle": "leaves the case as it is",
}
OFFICE = frozenset({Role.DISPATCHER, Role.MANAGER, Role.ADMINISTRATOR, Role.FINANCE})


def a_case(uow: UnitOfWork, **over: Any) -> tuple[reports.Work, UUID]:
    """A dispatched visit with a kit, and its case: a work order that no request opened."""
    kit = parts.a_kit(uow)
    order = visits.a_work_order(uow, work_type_id=visits.a_work_type(uow, kit_id=kit.id).id)
    return reports.a_visit_under_way(uow, work_order_id=order.id, **over), order.id


def of_visit(make: Callable[[UnitOfWork], Any], verb: Callable[..., object], **fields: Any) -> Try:
    """Do that to a visit that `make` makes."""

    def attempt(uow: UnitOfWork, actor: Actor) -> UUID:
        visit = make(uow)
        verb(uow, actor, visit.id, **fields)
        return visit.work_order_id

    return attempt


def of_field(verb: Callable[..., object], *before: Callable[..., object], **fields: Any) -> Try:
    """Report that from the office of a visit that is under way, after its technician did what is before."""

    def attempt(uow: UnitOfWork, actor: Actor) -> UUID:
        work, case_id = a_case(uow)
        for step in before:
            step(uow, work.actor, work.visit_id)
        verb(uow, actor, work.visit_id, **fields)
        return case_id

    return attempt


def of_request(verb: Callable[..., object], *before: Callable[..., object], **fields: Any) -> Try:
    """Do that to a request that somebody else took."""

    def attempt(uow: UnitOfWork, actor: Actor) -> UUID:
        request = requests.a_service_request(uow)
        for step in before:
            step(uow, SYSTEM, request.id)
        verb(uow, actor, request.id, **fields)
        return request.id

    return attempt


def reject(uow: UnitOfWork, actor: Actor, request_id: UUID) -> None:
    requesting.triage_service_request(
        uow, actor, request_id, outcome=Outcome.REMOTE, outcome_reason="Told how."
    )


def take_request(uow: UnitOfWork, actor: Actor) -> UUID:
    customer = customers.a_customer(uow)
    return requesting.take_service_request(
        uow, actor, channel=Channel.PHONE, customer_id=customer.id, said="It drips."
    ).id


def complete(verb: Callable[..., object], **fields: Any) -> Try:
    def attempt(uow: UnitOfWork, actor: Actor) -> UUID:
        order = visits.a_work_order(uow)
        work = reports.a_signed_report(uow, work_order_id=order.id)
        visiting.arrive_visit(uow, work.actor, work.visit_id)
        verb(uow, actor, work.visit_id, **fields)
        return order.id

    return attempt


def place(make: Callable[[UnitOfWork], Any], verb: Callable[..., object]) -> Try:
    def attempt(uow: UnitOfWork, actor: Actor) -> UUID:
        visit, technician = make(uow), dispatch.a_technician(uow)
        verb(uow, actor, visit.id, technician_id=technician.id)
        return visit.work_order_id

    return attempt


def pick(uow: UnitOfWork, actor: Actor) -> UUID:
    visit = visits.a_visit(uow)
    (offer,) = visiting.offer_windows(uow, SYSTEM, visit.id, windows=[LATER])
    visiting.pick_window(uow, actor, visit.id, offer_id=offer.id)
    return visit.work_order_id


def mail_link(uow: UnitOfWork, actor: Actor) -> UUID:
    customer = customers.a_customer(uow, email="ada@example.org")
    order = visits.a_work_order(uow, site_id=customers.a_site(uow, customer_id=customer.id).id)
    visit = visits.a_visit(uow, work_order_id=order.id)
    visiting.issue_confirmation_link(uow, actor, visit.id, public_url="https://door.example")
    return order.id


def on_work_order(verb: Callable[..., object], **fields: Any) -> Try:
    def attempt(uow: UnitOfWork, actor: Actor) -> UUID:
        order = visits.a_work_order(uow)
        verb(uow, actor, order.id, **fields)
        return order.id

    return attempt


def open_order(uow: UnitOfWork, actor: Actor) -> UUID:
    return visiting.open_work_order(
        uow,
        actor,
        site_id=customers.a_site(uow).id,
        work_type_id=visits.a_work_type(uow).id,
        summary="The boiler is cold.",
    ).id


def on_parts(verb: Callable[..., object], **fields: Any) -> Try:
    def attempt(uow: UnitOfWork, actor: Actor) -> UUID:
        work, case_id = a_case(uow)
        verb(uow, actor, visit_id=work.visit_id, part_id=parts.a_part(uow).id, quantity=1, **fields)
        return case_id

    return attempt


def tick(uow: UnitOfWork, actor: Actor) -> UUID:
    work, case_id = a_case(uow)
    tick_checklist_item(uow, actor, checklist_of(uow.session, work.visit_id)[0].id, packed=True)
    return case_id


def note(uow: UnitOfWork, actor: Actor) -> UUID:
    work, case_id = a_case(uow)
    visiting.add_visit_note(uow, actor, visit_id=work.visit_id, text="Ring twice.")
    return case_id


def register(uow: UnitOfWork, actor: Actor) -> UUID:
    work, case_id = a_case(uow)
    declared = attachments.declaration(attachments.a_photo())
    register_media(uow, actor, visit_id=work.visit_id, kind=MediaKind.BEFORE, **declared)
    return case_id


def receive(uow: UnitOfWork, actor: Actor) -> UUID:
    work, case_id = a_case(uow)
    medium = attachments.a_medium(uow, work.actor, work.visit_id)
    complete_media(uow, actor, medium.id)
    return case_id


def charge(uow: UnitOfWork, actor: Actor) -> UUID:
    work, case_id = a_case(uow)
    add_report_charge(uow, actor, report_id=work.report_id, **CHARGE)
    return case_id


def withdraw(uow: UnitOfWork, actor: Actor) -> UUID:
    work, case_id = a_case(uow)
    listed = add_report_charge(uow, work.actor, report_id=work.report_id, **CHARGE)
    withdraw_report_charge(uow, actor, listed.id)
    return case_id


def close_report(uow: UnitOfWork, actor: Actor) -> UUID:
    work, case_id = a_case(uow)
    close_service_report(uow, actor, work.report_id, reason="The phone fell into a river.")
    return case_id


def release_report(uow: UnitOfWork, actor: Actor) -> UUID:
    work = reports.a_signed_report(uow)
    release_service_report(uow, actor, work.report_id, reason="The phone fell into a river.")
    return visit_by_id(uow.session, work.visit_id).work_order_id


def add_addendum(uow: UnitOfWork, actor: Actor) -> UUID:
    work, case_id = a_case(uow)
    close_service_report(uow, access.an_actor(uow), work.report_id, reason="The phone fell into a river.")
    report = work.report(uow)
    report.status, report.issued_at = ReportStatus.ISSUED, uow.now
    uow.session.flush()
    add_report_addendum(uow, actor, report_id=work.report_id, text="It leaks again.")
    return case_id


CHARGE = {"description": "Gasket", "quantity": 1, "unit_minor": 1250, "currency": "EUR"}
LATER = {
    "starts_at": visits.MORNING + timedelta(hours=4),
    "ends_at": visits.MORNING + timedelta(hours=6),
}
WHY = {"reason": "As the test wants it."}

ATTEMPTS: Mapping[str, Try] = {
    "checklist_item:add": on_parts(add_checklist_item),
    "checklist_item:tick": tick,
    "part_usage:record": on_parts(record_part_usage, direction=UsageDirection.USED),
    "service_request:close": of_request(requesting.close_service_request, reject),
    "service_request:edit": of_request(requesting.edit_service_request, said="It leaks."),
    "service_request:reopen": of_request(requesting.reopen_service_request, reject, **WHY),
    "service_request:respond": of_request(requesting.respond_to_service_request),
    "service_request:take": take_request,
    "service_request:triage": of_request(
        requesting.triage_service_request, outcome=Outcome.REMOTE, outcome_reason="Told how."
    ),
    "visit:accept": of_field(visiting.accept_visit),
    "visit:arrive": of_field(visiting.arrive_visit),
    "visit:assign": place(visits.a_confirmed_visit, dispatching.assign_visit),
    "visit:book": lambda uow, actor: (
        visiting.book_visit(uow, actor, work_order_id=visits.a_work_order(uow).id).work_order_id
    ),
    "visit:cancel": of_visit(visits.a_visit, visiting.cancel_visit, **WHY),
    "visit:cannot_complete": of_field(visiting.cannot_complete_visit, **WHY),
    "visit:complete": complete(visiting.complete_visit),
    "visit:complete_partially": complete(visiting.complete_visit_partially, **WHY),
    "visit:confirm": of_visit(visits.a_visit, visiting.confirm_visit, window_version=1),
    "visit:decline": of_visit(visits.a_visit, visiting.decline_visit, window_version=1),
    "visit:depart": of_field(visiting.depart_visit, visiting.arrive_visit),  # comes late
    "visit:dispatch": of_visit(dispatch.an_assigned_visit, dispatching.dispatch_visit),
    "visit:issue_confirmation_link": mail_link,
    "visit:move": place(dispatch.an_assigned_visit, dispatching.move_visit),
    "visit:offer_windows": of_visit(visits.a_visit, visiting.offer_windows, windows=[LATER]),
    "visit:pick_window": pick,
    "visit:plan": of_visit(
        visits.a_visit, dispatching.plan_visit, scheduled_start=visits.MORNING + timedelta(minutes=30)
    ),
    "visit:report_no_access": of_field(visiting.report_no_access),
    "visit:reschedule": of_visit(visits.a_visit, visiting.reschedule_visit, **LATER),
    "visit:start": of_field(visiting.start_visit),
    "visit:unassign": of_visit(dispatch.an_assigned_visit, dispatching.unassign_visit),
    "visit_note:add": note,
    "work_order:cancel": on_work_order(visiting.cancel_work_order, **WHY),
    "work_order:edit": on_work_order(visiting.edit_work_order, summary="Cold again."),
    "work_order:open": open_order,
    "media:register": register,
    "media:complete": receive,
    "report_addendum:add": add_addendum,
    "report_charge:add": charge,
    "report_charge:withdraw": withdraw,
    "service_report:close": close_report,
    "service_report:release": release_report,
}


def test_every_permission_of_the_office_to_write_about_a_case_is_tried_here() -> None:
    elsewhere = {noun for nouns in NOT_ABOUT_A_CASE.values() for noun in nouns}
    writing = {
        name
        for name, roles in GRANTS.items()
        if roles & OFFICE and not name.endswith(":read") and name.partition(":")[0] not in elsewhere
    }
    assert writing - WITHIN_OTHERS.keys() == ATTEMPTS.keys()


@pytest.mark.parametrize("permission", ATTEMPTS)
def test_whoever_did_it_may_not_make_the_callback(sqlite_database: Database, permission: str) -> None:
    with sqlite_database.factory.begin() as uow:
        actor = access.an_actor(uow, max(GRANTS[permission] & {Role.DISPATCHER, Role.MANAGER}))
        case_id = ATTEMPTS[permission](uow, actor)
        touchers = set(uow.session.scalars(select(CaseTouch.user_id).where(CaseTouch.case_id == case_id)))
        assert actor.user_id in touchers
        callback = uow.add(a_callback_of(uow, case_id))
        with pytest.raises(IntegrityError) as broken, uow.savepoint():
            partial(take_callback, uow, actor, callback.id)()
        assert isinstance(fact_of(broken.value), CallbackNotIndependent)


def a_callback_of(uow: UnitOfWork, case_id: UUID) -> Callback:
    return Callback(
        id=uow.mint_id(),
        visit_id=visits.a_visit(uow).id,
        case_id=case_id,
        status=CallbackStatus.DUE,
        due_at=uow.now,
        attempts=0,
    )
