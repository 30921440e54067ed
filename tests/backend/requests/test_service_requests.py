"""Service requests: the promise, the state machine, triage and its fact, who touched a case, numbers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from backend.access.permissions import SYSTEM
from backend.customers.actions import edit_site
from backend.customers.rules import SiteLocated
from backend.db.paging import PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.requests import actions, queries
from backend.requests.handlers import clear_needs_location
from backend.requests.lineage import touch_case
from backend.requests.models import CaseTouch, ServiceRequest
from backend.requests.rules import (
    BLOCKED,
    FIRST_RESPONSE,
    TRANSITIONS,
    ChannelReserved,
    PlaceOfAnotherCustomer,
    RequestTransitionBlocked,
    RequestTriaged,
    ServiceRequestNotFound,
    TimeInFuture,
    Transition,
    TriageContradicted,
    TriageIncomplete,
    response_due,
)
from schemas.access import Role
from schemas.errors import IdAlreadyUsed
from schemas.requests import Channel, Outcome, Priority, RequestStatus, Touch
from tests.backend.assigned import a_technician, an_assigned_visit
from tests.databases import Database
from tests.given import customers
from tests.given.access import an_actor
from tests.given.requests import a_service_request

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def told(uow: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The facts that were told, in place of their handlers."""
    facts: list[Any] = []
    monkeypatch.setattr(uow, "tell", lambda actor, fact: facts.append(fact))
    return facts


def _state(status: RequestStatus, outcome: Outcome | None = None) -> ServiceRequest:
    return ServiceRequest(status=status, outcome=outcome)


def test_every_verb_is_allowed_or_blocked_for_a_reason_in_every_status() -> None:
    pairs = set(product(Transition, RequestStatus))
    allowed = {(transition, status) for transition, table in TRANSITIONS.items() for status in table}
    assert allowed | BLOCKED.keys() == pairs
    assert not allowed & BLOCKED.keys()


def test_a_first_answer_is_promised_for_every_priority_and_channel_sooner_for_the_more_urgent() -> None:
    ordered = [Priority.URGENT, Priority.HIGH, Priority.NORMAL, Priority.LOW]
    for channel in Channel:
        spans = [FIRST_RESPONSE[priority][channel] for priority in ordered]
        assert spans == sorted(spans)
        assert spans[0] > timedelta(0)


def test_the_clock_of_the_promise_starts_on_receipt_and_for_an_import_when_it_is_imported() -> None:
    received, taken = NOON - timedelta(days=7), NOON
    by_phone = response_due(Priority.NORMAL, Channel.PHONE, received_at=received, taken_at=taken)
    imported = response_due(Priority.NORMAL, Channel.IMPORT, received_at=received, taken_at=taken)
    assert (by_phone, imported) == (received + timedelta(hours=8), taken + timedelta(hours=48))


def test_intake_promises_an_answer_and_remembers_who_took_it(uow: UnitOfWork) -> None:
    dispatcher = an_actor(uow)
    request = a_service_request(uow, dispatcher, priority=Priority.URGENT)
    assert request.first_response_due_at == uow.now + timedelta(hours=1)
    assert (request.status, request.taken_by) == (RequestStatus.NEW, dispatcher.user_id)
    touches = queries.touches_of(uow.session, SYSTEM, request.id)
    assert [touch.user_id for touch in touches] == [dispatcher.user_id]


def test_another_priority_moves_the_promise_until_it_was_kept(uow: UnitOfWork) -> None:
    request = a_service_request(uow)
    actions.edit_service_request(uow, SYSTEM, request.id, priority=Priority.URGENT)
    promised = uow.now + timedelta(hours=1)
    assert request.first_response_due_at == promised
    actions.respond_to_service_request(uow, SYSTEM, request.id)
    actions.edit_service_request(uow, SYSTEM, request.id, priority=Priority.LOW)
    assert request.first_response_due_at == promised
    with pytest.raises(RequestTransitionBlocked):
        actions.respond_to_service_request(uow, SYSTEM, request.id)


def test_nothing_was_received_or_answered_tomorrow(uow: UnitOfWork) -> None:
    tomorrow = uow.now + timedelta(days=1)
    with pytest.raises(TimeInFuture):
        a_service_request(uow, received_at=tomorrow)
    with pytest.raises(TimeInFuture):
        actions.respond_to_service_request(uow, SYSTEM, a_service_request(uow).id, occurred_at=tomorrow)


def test_an_asset_brings_its_site_and_a_foreign_place_is_refused(uow: UnitOfWork) -> None:
    asset = customers.an_asset(uow)
    request = a_service_request(uow, customer_id=asset.customer_id, asset_id=asset.id)
    assert (request.site_id, request.needs_location) == (asset.site_id, False)
    foreign = customers.a_site(uow)
    with pytest.raises(PlaceOfAnotherCustomer):
        a_service_request(uow, customer_id=asset.customer_id, site_id=foreign.id)
    with pytest.raises(PlaceOfAnotherCustomer):
        a_service_request(uow, customer_id=foreign.customer_id, asset_id=asset.id)


def test_the_channel_of_the_import_is_the_imports(uow: UnitOfWork) -> None:
    with pytest.raises(ChannelReserved):
        a_service_request(uow, channel=Channel.IMPORT)


def test_taking_twice_with_one_id_is_taking_once(uow: UnitOfWork) -> None:
    request = a_service_request(uow)
    again = {"id": request.id, "customer_id": request.customer_id, "site_id": request.site_id}
    assert a_service_request(uow, **again) is request
    with pytest.raises(IdAlreadyUsed):
        a_service_request(uow, **again, external_key="other")


def test_triage_for_a_visit_tells_what_is_to_be_done_where_and_until_when(
    uow: UnitOfWork, told: list[Any]
) -> None:
    dispatcher, due, work_type_id = an_actor(uow), uow.now + timedelta(days=9), uuid4()
    request = a_service_request(uow, due_at=due, descriptor="No hot water")
    actions.triage_service_request(
        uow, dispatcher, request.id, outcome=Outcome.VISIT, work_type_id=work_type_id, priority=Priority.HIGH
    )
    assert told == [
        RequestTriaged(
            request_id=request.id,
            outcome=Outcome.VISIT,
            customer_id=request.customer_id,
            site_id=request.site_id,
            asset_id=None,
            work_type_id=work_type_id,
            summary="Boiler – No hot water",
            priority=Priority.HIGH,
            earliest_start=None,
            due=due,
        )
    ]
    assert (request.status, request.triaged_by) == (RequestStatus.TRIAGED, dispatcher.user_id)
    touches = {(touch.user_id, touch.how) for touch in uow.session.scalars(select(CaseTouch))}
    assert (dispatcher.user_id, Touch.TRIAGE) in touches


def test_a_customers_limit_before_the_earliest_start_is_not_passed_on(
    uow: UnitOfWork, told: list[Any]
) -> None:
    request = a_service_request(uow, due_at=uow.now)
    later = uow.now + timedelta(days=1)
    actions.triage_service_request(
        uow, SYSTEM, request.id, outcome=Outcome.VISIT, work_type_id=uuid4(), earliest_start=later
    )
    assert (told[0].earliest_start, told[0].due) == (later, None)


@pytest.mark.parametrize("outcome", [Outcome.REMOTE, Outcome.REPLACE, Outcome.REFUND, Outcome.REJECTED])
def test_an_outcome_without_a_visit_says_why_and_sends_nobody(
    uow: UnitOfWork, told: list[Any], outcome: Outcome
) -> None:
    request = a_service_request(uow)
    with pytest.raises(TriageIncomplete):
        actions.triage_service_request(uow, SYSTEM, request.id, outcome=outcome)
    with pytest.raises(TriageContradicted):
        actions.triage_service_request(
            uow, SYSTEM, request.id, outcome=outcome, outcome_reason="because", work_type_id=uuid4()
        )
    assert (request.status, told) == (RequestStatus.NEW, [])
    actions.triage_service_request(uow, SYSTEM, request.id, outcome=outcome, outcome_reason="because")
    assert (told[0].outcome, told[0].work_type_id) == (outcome, None)


def test_a_visit_needs_a_work_type_a_site_and_limits_in_order(uow: UnitOfWork, told: list[Any]) -> None:
    request, work_type_id = a_service_request(uow), uuid4()
    with pytest.raises(TriageIncomplete):
        actions.triage_service_request(uow, SYSTEM, request.id, outcome=Outcome.VISIT)
    limits = {"earliest_start": uow.now, "due": uow.now}
    with pytest.raises(TriageContradicted):
        actions.triage_service_request(
            uow, SYSTEM, request.id, outcome=Outcome.VISIT, work_type_id=work_type_id, **limits
        )
    nowhere = a_service_request(uow, site_id=None)
    with pytest.raises(TriageIncomplete):
        actions.triage_service_request(
            uow, SYSTEM, nowhere.id, outcome=Outcome.VISIT, work_type_id=work_type_id
        )
    assert told == []


def test_a_request_is_decided_once_and_reopened_unless_it_has_a_work_order(
    uow: UnitOfWork, told: list[Any]
) -> None:
    request = a_service_request(uow)
    with pytest.raises(RequestTransitionBlocked):
        actions.close_service_request(uow, SYSTEM, request.id)
    fields = {"outcome": Outcome.REMOTE, "outcome_reason": "Turned it off and on."}
    actions.triage_service_request(uow, SYSTEM, request.id, **fields)
    with pytest.raises(RequestTransitionBlocked):
        actions.triage_service_request(uow, SYSTEM, request.id, **fields)
    with pytest.raises(RequestTransitionBlocked):
        actions.edit_service_request(uow, SYSTEM, request.id, said="Something else")
    actions.close_service_request(uow, SYSTEM, request.id)
    actions.reopen_service_request(uow, SYSTEM, request.id, reason="Cold again.")
    assert (request.status, request.outcome, request.closed_at) == (RequestStatus.NEW, None, None)
    actions.triage_service_request(uow, SYSTEM, request.id, outcome=Outcome.VISIT, work_type_id=uuid4())
    with pytest.raises(RequestTransitionBlocked, match="work order"):
        actions.reopen_service_request(uow, SYSTEM, request.id, reason="Cold again.")


def test_what_the_office_says_never_gets_between_the_customers_words(uow: UnitOfWork) -> None:
    dispatcher = an_actor(uow)
    request = a_service_request(uow, said="The boiler is cold.")
    fields = {"outcome": Outcome.REMOTE, "outcome_reason": "Turned it off and on."}
    actions.triage_service_request(uow, dispatcher, request.id, **fields)
    actions.close_service_request(uow, dispatcher, request.id)
    actions.reopen_service_request(uow, dispatcher, request.id, reason="He called, rather angry.")
    assert request.said == "The boiler is cold."
    decided = queries.decisions_of(uow.session, SYSTEM, request.id)
    assert [(d.name, d.outcome, d.reason) for d in decided] == [
        ("triage", Outcome.REMOTE, "Turned it off and on."),
        ("close", Outcome.REMOTE, None),
        ("reopen", None, "He called, rather angry."),
    ]
    assert {d.decided_by for d in decided} == {dispatcher.user_id}


def test_transitions_say_why_something_is_blocked(uow: UnitOfWork) -> None:
    request = a_service_request(uow)
    possible = {t.name: t for t in queries.transitions_of(uow.session, SYSTEM, request.id)}
    assert {name for name, t in possible.items() if t.allowed} == {"edit", "respond", "triage"}
    assert all(bool(t.reason) is not t.allowed for t in possible.values())
    finance = an_actor(uow, Role.FINANCE)
    assert not any(t.allowed for t in queries.transitions_of(uow.session, finance, request.id))


def test_locating_a_site_takes_the_flag_off_its_requests(uow: UnitOfWork) -> None:
    site = customers.a_site(uow, latitude=None, longitude=None, time_zone="Europe/Berlin")
    request = a_service_request(uow, customer_id=site.customer_id, site_id=site.id)
    other = a_service_request(uow, site_id=None)
    assert (request.needs_location, other.needs_location) == (True, True)
    edit_site(uow, SYSTEM, site.id, latitude=52.5, longitude=13.4)
    clear_needs_location(uow, SYSTEM, SiteLocated(site.id))
    assert (request.needs_location, other.needs_location) == (False, True)


def test_a_touch_is_noted_once(uow: UnitOfWork) -> None:
    request, dispatcher = a_service_request(uow), an_actor(uow)
    for how in (Touch.DISPATCH, Touch.DISPATCH, Touch.VISIT):
        touch_case(uow, request.id, dispatcher.user_id, how)
    assert len(queries.touches_of(uow.session, SYSTEM, request.id)) == 3


def test_a_technician_sees_the_requests_behind_his_visits_only(uow: UnitOfWork) -> None:
    mine, other = an_assigned_visit(uow), an_assigned_visit(uow)
    page = queries.list_service_requests(uow.session, mine.technician, PageRequest())
    assert [row.id for row in page.items] == [mine.request.id]
    with pytest.raises(ServiceRequestNotFound):
        queries.service_request_for(uow.session, mine.technician, other.request.id)
    assert not queries.list_service_requests(uow.session, a_technician(uow), PageRequest()).items


def test_parallel_intakes_draw_every_number_once_and_without_gaps(database: Database) -> None:
    with database.factory.begin() as uow:
        customer_id = customers.a_customer(uow).id

    def take(turn: int) -> str:
        with database.factory.begin() as uow:
            return a_service_request(uow, customer_id=customer_id, said=f"Call {turn}").number

    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(take, range(24)))
    assert sorted(numbers) == [f"SR-{number:06}" for number in range(1, 25)]


def test_of_two_who_triage_at_once_one_decides(database: Database) -> None:
    with database.factory.begin() as uow:
        request = a_service_request(uow)

    def decide(reason: str) -> str:
        try:
            with database.factory.begin() as uow:
                actions.triage_service_request(
                    uow, SYSTEM, request.id, outcome=Outcome.REJECTED, outcome_reason=reason
                )
        except RequestTransitionBlocked:
            return "blocked"
        return "decided"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(decide, "abcd"))
    assert sorted(answers) == ["blocked"] * 3 + ["decided"]
