"""Whatever people do to visits, in whatever order: what must hold afterwards holds."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import actions as dispatching
from backend.visits import actions, queries
from backend.visits.models import Visit, VisitAssignment, VisitEvent, WorkOrder
from backend.visits.rules import OPEN, TRANSITIONS, Transition
from schemas.errors import DomainError
from schemas.visits import Confirmation, VisitStatus, WorkOrderStatus
from tests.clock import SettableClock
from tests.databases import Databases
from tests.given import dispatch, visits
from tests.given.visits import MORNING

Step = tuple[str, int, int, int]
VERBS = (
    *("book", "cancel_order", "offer", "pick"),
    *("reschedule", "confirm", "decline", "plan", "assign", "move", "unassign", "dispatch", "cancel"),
    *("accept", "depart", "arrive", "start", "cannot_complete", "report_no_access"),
)
# Chance alone seldom gets a visit far: most steps go on from where it is.
STEPS = st.one_of(st.just("onward"), st.just("onward"), st.sampled_from(VERBS))
HISTORIES = st.lists(
    st.tuples(STEPS, st.integers(0, 1), st.integers(0, 1), st.integers(0, 3)), min_size=10, max_size=40
)
ONWARD = {
    VisitStatus.REQUIRES_SLOT: "reschedule",
    VisitStatus.OFFERED: "agree",
    VisitStatus.DISPATCHED: "accept",
    VisitStatus.ACCEPTED: "depart",
    VisitStatus.ON_SITE: "start",
    VisitStatus.IN_PROGRESS: "cannot_complete",
}
REACHABLE = set(VisitStatus) - {VisitStatus.COMPLETED, VisitStatus.PARTIALLY_COMPLETED}
"""A visit is completed with a closed report only, which is another room's story."""


class World:
    """A work order and two technicians; `do` tries a step and takes a refusal for an answer."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow
        self.work_order = visits.a_work_order(uow)
        self.technicians = [dispatch.a_technician(uow) for _ in range(2)]

    def do(self, step: Step) -> None:
        verb, which, who, when = step
        booked = self.visits()
        visit_id = booked[which % len(booked)].id if booked else self.uow.mint_id()
        if verb == "onward":
            verb = self._onward(booked[which % len(booked)], when) if booked else "book"
            who = self._hands_of(booked[which % len(booked)]) if booked else 1
        try:
            with self.uow.savepoint():
                self._tries(visit_id, who, when)[verb]()
        except DomainError:
            self.uow.session.expire_all()

    def _onward(self, visit: Visit, when: int) -> str:
        if visit.status is VisitStatus.EN_ROUTE:
            return "arrive" if when else "report_no_access"
        if visit.status is VisitStatus.CONFIRMED:
            return "assign" if visit.technician_id is None else "dispatch"
        return ONWARD.get(visit.status, "book")

    def _hands_of(self, visit: Visit) -> int:
        return int(visit.technician_id == self.technicians[1].id)

    def visits(self) -> list[Visit]:
        mine = select(Visit).where(Visit.work_order_id == self.work_order.id).order_by(Visit.number)
        return list(self.uow.session.scalars(mine.execution_options(populate_existing=True)))

    def _tries(self, visit_id: UUID, who: int, when: int) -> dict[str, Callable[[], object]]:
        uow, technician = self.uow, self.technicians[who]
        starts_at = MORNING + timedelta(hours=when)
        window = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=2)}
        field = dispatch.as_actor(technician)
        return {
            "book": lambda: actions.book_visit(
                uow, SYSTEM, work_order_id=self.work_order.id, **(window if who else {})
            ),
            "cancel_order": lambda: actions.cancel_work_order(uow, SYSTEM, self.work_order.id, reason="No."),
            "offer": lambda: actions.offer_windows(uow, SYSTEM, visit_id, windows=[window]),
            "pick": lambda: [
                actions.pick_window(uow, SYSTEM, visit_id, offer_id=offer.id)
                for offer in queries.offers_of(uow.session, visit_id)
            ],
            "reschedule": lambda: actions.reschedule_visit(uow, SYSTEM, visit_id, **window),
            "confirm": lambda: actions.confirm_visit(uow, SYSTEM, visit_id, window_version=when),
            "agree": lambda: actions.confirm_visit(
                uow, SYSTEM, visit_id, window_version=uow.session.get_one(Visit, visit_id).window_version
            ),
            "decline": lambda: actions.decline_visit(uow, SYSTEM, visit_id, window_version=when),
            "plan": lambda: dispatching.plan_visit(uow, SYSTEM, visit_id, scheduled_start=starts_at),
            "assign": lambda: dispatching.assign_visit(uow, SYSTEM, visit_id, technician_id=technician.id),
            "move": lambda: dispatching.move_visit(uow, SYSTEM, visit_id, technician_id=technician.id),
            "unassign": lambda: dispatching.unassign_visit(uow, SYSTEM, visit_id),
            "dispatch": lambda: dispatching.dispatch_visit(uow, SYSTEM, visit_id, override_reason="Go."),
            "cancel": lambda: actions.cancel_visit(uow, SYSTEM, visit_id, reason="No."),
            "accept": lambda: actions.accept_visit(uow, field, visit_id),
            "depart": lambda: actions.depart_visit(uow, field, visit_id),
            "arrive": lambda: actions.arrive_visit(uow, field, visit_id),
            "start": lambda: actions.start_visit(uow, field, visit_id),
            "cannot_complete": lambda: actions.cannot_complete_visit(uow, field, visit_id, reason="No."),
            "report_no_access": lambda: actions.report_no_access(uow, field, visit_id),
        }


def assert_laws(world: World) -> None:
    assert queries.work_orders_that_contradict_their_visits(world.uow.session) == []
    booked = world.visits()
    for visit in booked:
        assert_promise_is_kept_straight(visit)
        assert_events_lead_here(world.uow, visit)
        assert_history_knows_who_has_it(world.uow, visit)
    for one in booked:
        for other in booked:
            assert one is other or not overlap(one, other)


def assert_promise_is_kept_straight(visit: Visit) -> None:
    confirmed = visit.confirmation is Confirmation.CONFIRMED
    assert not confirmed or visit.confirmed_window_version == visit.window_version
    assert visit.status is not VisitStatus.CONFIRMED or confirmed
    if visit.status is VisitStatus.REQUIRES_SLOT:
        assert visit.arrival_window_start is visit.scheduled_start is visit.technician_id is None
    if visit.scheduled_start is not None:
        assert visit.arrival_window_start <= visit.scheduled_start <= visit.arrival_window_end


def assert_events_lead_here(uow: UnitOfWork, visit: Visit) -> None:
    """The log alone tells the status: each event goes on from where the one before ended, by the table."""
    rows = uow.session.scalars(select(VisitEvent).where(VisitEvent.visit_id == visit.id))
    status = None
    versions = []
    for event in sorted(rows, key=lambda row: row.id):
        assert event.from_status is status
        if status is not None and status is not event.to_status:
            target = TRANSITIONS[Transition(event.name)][status]
            assert event.to_status in {target, VisitStatus.OFFERED}
        status = event.to_status
        versions.append(event.window_version)
    assert status is visit.status
    assert versions == sorted(versions)


def assert_history_knows_who_has_it(uow: UnitOfWork, visit: Visit) -> None:
    rows = uow.session.scalars(select(VisitAssignment).where(VisitAssignment.visit_id == visit.id))
    now = [row.technician_id for row in rows if row.assigned_until is None]
    assert now == ([] if visit.technician_id is None else [visit.technician_id])


def overlap(one: Visit, other: Visit) -> bool:
    if one.technician_id is None or one.technician_id != other.technician_id:
        return False
    if not {one.status, other.status} <= OPEN:
        return False
    assert one.scheduled_start
    assert one.scheduled_end
    assert other.scheduled_start
    assert other.scheduled_end
    return one.scheduled_start < other.scheduled_end and other.scheduled_start < one.scheduled_end


class _Undo(Exception):
    """Ends an example without keeping it."""


@pytest.mark.parametrize(("engine", "examples"), [("sqlite", 25), ("postgresql", 10)])
def test_no_history_of_visits_breaks_a_law(
    databases: Databases, clock: SettableClock, engine: str, examples: int
) -> None:
    reached: set[VisitStatus] = set()
    with databases.fresh(engine, clock) as database:

        @settings(max_examples=examples, deadline=None, derandomize=True)
        @given(HISTORIES)
        def hold(history: list[Step]) -> None:
            try:
                with database.factory.begin() as uow:
                    world = World(uow)
                    for step in history:
                        world.do(step)
                    assert_laws(world)
                    reached.update(uow.session.scalars(select(VisitEvent.to_status)))
                    raise _Undo
            except _Undo:
                pass

        hold()
    assert reached >= REACHABLE


def test_the_check_names_a_work_order_whose_status_is_wrong(uow: UnitOfWork) -> None:
    work_order = visits.a_work_order(uow)
    visits.a_visit(uow, work_order_id=work_order.id)
    row = uow.session.get_one(WorkOrder, work_order.id)
    row.status = WorkOrderStatus.COMPLETED
    uow.flush()
    (said,) = queries.work_orders_that_contradict_their_visits(uow.session)
    assert said == f"work order {row.number} says completed, its visits say scheduled"
