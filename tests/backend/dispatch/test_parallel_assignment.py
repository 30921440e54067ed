"""Fifty people give one technician a visit at the same moment: one of them succeeds."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from backend.access.permissions import SYSTEM
from backend.db.integrity import fact_of
from backend.dispatch import actions
from backend.dispatch.rules import VisitHeldByAnother
from backend.visits.actions import cancel_visit, reschedule_visit
from backend.visits.models import Visit
from backend.visits.queries import work_orders_that_contradict_their_visits
from backend.visits.rules import VisitWindowTaken
from schemas.access import Role
from schemas.visits import VisitStatus
from tests.api import Api
from tests.databases import Database
from tests.given import dispatch, visits

TRIES = 50


def at_once(tries: list[Callable[[], str]]) -> Counter[str]:
    """Run all of them in threads that start at the same moment, and count what came of them."""
    start = Barrier(len(tries))

    def run(one: Callable[[], str]) -> str:
        start.wait()
        return one()

    with ThreadPoolExecutor(len(tries)) as pool:
        return Counter(pool.map(run, tries))


def assigned_to(database: Database, technician_id: UUID) -> int:
    with database.factory.begin(write=False) as uow:
        mine = select(func.count()).where(Visit.technician_id == technician_id)
        return uow.session.scalar(mine) or 0


def some_visits_and_a_technician(database: Database, count: int = TRIES) -> tuple[list[UUID], UUID]:
    with database.factory.begin() as uow:
        work_order = visits.a_work_order(uow)
        booked = [visits.a_confirmed_visit(uow, work_order_id=work_order.id).id for _ in range(count)]
        return booked, dispatch.a_technician(uow).id


def test_of_fifty_parallel_assignments_exactly_one_wins(database: Database) -> None:
    visit_ids, technician_id = some_visits_and_a_technician(database)

    def assign(visit_id: UUID) -> Callable[[], str]:
        def attempt() -> str:
            try:
                with database.factory.begin() as uow:
                    actions.assign_visit(uow, SYSTEM, visit_id, technician_id=technician_id)
            except VisitWindowTaken:
                return "taken"
            return "won"

        return attempt

    assert at_once([assign(visit_id) for visit_id in visit_ids]) == {"won": 1, "taken": TRIES - 1}
    assert assigned_to(database, technician_id) == 1


def test_the_constraint_alone_lets_exactly_one_of_fifty_through(database: Database) -> None:
    """Nobody looks before he writes here, and nobody holds the technician: only the database stands in the
    way."""
    visit_ids, technician_id = some_visits_and_a_technician(database)

    def write(visit_id: UUID) -> Callable[[], str]:
        def attempt() -> str:
            try:
                with database.factory.begin() as uow:
                    uow.session.get_one(Visit, visit_id).technician_id = technician_id
                    uow.flush()
            except IntegrityError as error:
                return type(fact_of(error)).__name__
            return "won"

        return attempt

    assert at_once([write(visit_id) for visit_id in visit_ids]) == {"won": 1, "VisitWindowTaken": TRIES - 1}


def test_fifty_parallel_requests_get_one_200_and_the_rest_the_same_problem(
    api: Api, database: Database
) -> None:
    visit_ids, technician_id = some_visits_and_a_technician(database)
    dispatcher = api.as_(Role.DISPATCHER)

    def post(visit_id: UUID) -> Callable[[], str]:
        def attempt() -> str:
            answer = dispatcher.post(f"/visits/{visit_id}/assign", {"technician_id": str(technician_id)})
            return "won" if answer.status_code == 200 else f"{answer.status_code} {answer.json['type']}"

        return attempt

    refused = "409 urn:doorstep:problem:visit-window-taken"
    assert at_once([post(visit_id) for visit_id in visit_ids]) == {"won": 1, refused: TRIES - 1}


def test_two_moves_of_one_visit_leave_it_in_one_pair_of_hands(database: Database) -> None:
    with database.factory.begin() as uow:
        first = dispatch.a_technician(uow)
        visit_id = dispatch.an_assigned_visit(uow, first).id
        others = [dispatch.a_technician(uow).id for _ in range(4)]

    def move(technician_id: UUID) -> Callable[[], str]:
        def attempt() -> str:
            try:
                with database.factory.begin() as uow:
                    actions.move_visit(
                        uow, SYSTEM, visit_id, technician_id=technician_id, from_technician_id=first.id
                    )
            except VisitHeldByAnother:
                return "too late"
            return "won"

        return attempt

    assert at_once([move(one) for one in others]) == {"won": 1, "too late": 3}


@pytest.mark.parametrize("rounds", [3])
def test_visits_that_end_at_the_same_moment_leave_the_right_status_behind(
    database: Database, rounds: int
) -> None:
    """Each of two transactions ends one visit of a work order; whoever is second has to see what the first
    did."""
    for _ in range(rounds):
        with database.factory.begin() as uow:
            work_order = visits.a_work_order(uow)
            both = [visits.a_visit(uow, work_order_id=work_order.id).id for _ in range(2)]

        def cancel(visit_id: UUID) -> Callable[[], str]:
            def attempt() -> str:
                with database.factory.begin() as uow:
                    return cancel_visit(uow, SYSTEM, visit_id, reason="Ill.").status.value

            return attempt

        assert at_once([cancel(visit_id) for visit_id in both]) == {VisitStatus.CANCELLED.value: 2}
        with database.factory.begin(write=False) as uow:
            assert work_orders_that_contradict_their_visits(uow.session) == []


def test_rescheduling_and_assigning_two_visits_of_one_work_order_never_deadlocks(database: Database) -> None:
    with database.factory.begin() as uow:
        technician_id = dispatch.a_technician(uow).id
        work_order = visits.a_work_order(uow)
        mine = visits.a_confirmed_visit(uow, work_order_id=work_order.id, scheduled_start=visits.MORNING)
        actions.assign_visit(uow, SYSTEM, mine.id, technician_id=technician_id)
        later = {
            "starts_at": visits.MORNING + timedelta(hours=3),
            "ends_at": visits.MORNING + timedelta(hours=5),
        }
        others = [visits.a_confirmed_visit(uow, work_order_id=work_order.id, **later).id for _ in range(4)]

    def reschedule() -> str:
        with database.factory.begin() as uow:
            tomorrow = visits.MORNING + timedelta(days=1)
            reschedule_visit(uow, SYSTEM, mine.id, starts_at=tomorrow, ends_at=tomorrow + timedelta(hours=2))
        return "rescheduled"

    def assign(visit_id: UUID) -> Callable[[], str]:
        def attempt() -> str:
            try:
                with database.factory.begin() as uow:
                    actions.assign_visit(uow, SYSTEM, visit_id, technician_id=technician_id)
            except VisitWindowTaken:
                return "taken"
            return "won"

        return attempt

    outcome = at_once([reschedule, *(assign(visit_id) for visit_id in others)])
    assert outcome == {"rescheduled": 1, "won": 1, "taken": 3}
