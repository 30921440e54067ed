"""Callbacks: who gets them, who may not, and that the database itself says no, on both engines."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backend.access.actions import disable_user
from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS, SYSTEM
from backend.aftercare import actions, queries
from backend.aftercare.rules import (
    CallbackAssigneeUnfit,
    CallbackNotFound,
    CallbackNotIndependent,
    CallbackNotYours,
    CallbackOutcomeImpossible,
    CallbackTransitionRefused,
)
from backend.db.integrity import fact_of
from backend.db.paging import PageRequest
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.requests.lineage import touch_case
from backend.visits import actions as visiting
from schemas.access import Role
from schemas.aftercare import CallbackOutcome, CallbackStatus
from schemas.errors import PermissionRefused
from schemas.requests import Touch
from tests.databases import Database
from tests.given import access, aftercare, reports, visits


def refused(uow: UnitOfWork, attempt: Callable[[], object]) -> None:
    """The attempt breaks the constraint, which means CallbackNotIndependent; nothing of it stays."""
    with pytest.raises(IntegrityError) as broken, uow.savepoint():
        attempt()
    assert isinstance(fact_of(broken.value), CallbackNotIndependent)


def somebody(uow: UnitOfWork, role: Role = Role.DISPATCHER) -> Actor:
    return access.an_actor(uow, role)


def test_a_completed_visit_opens_one_callback_some_days_later(uow: UnitOfWork) -> None:
    callback = aftercare.a_callback(uow)
    assert (callback.status, callback.due_at) == (CallbackStatus.DUE, uow.now + timedelta(days=3))
    assert callback.assignee_id is None


def test_a_phone_whose_clock_is_years_ahead_does_not_put_the_call_off(uow: UnitOfWork) -> None:
    ahead = uow.now + timedelta(days=3650)
    work = aftercare.a_finished_visit(uow, finished_at=ahead)
    assert aftercare.callback_of(uow, work.visit_id).due_at == uow.now + timedelta(days=3)


def test_a_visit_without_access_opens_none(uow: UnitOfWork) -> None:
    locked = reports.a_visit_under_way(uow)
    visiting.report_no_access(uow, locked.actor, locked.visit_id)
    assert queries.callback_of_visit(uow.session, locked.visit_id) is None


def test_work_that_no_request_opened_has_a_callback_all_the_same(uow: UnitOfWork) -> None:
    opener, caller = somebody(uow), somebody(uow)
    order = visits.a_work_order(uow)
    visiting.edit_work_order(uow, opener, order.id, summary="The boiler is cold again.")
    work = reports.a_signed_report(uow, work_order_id=order.id)
    visiting.arrive_visit(uow, work.actor, work.visit_id)
    visiting.complete_visit(uow, work.actor, work.visit_id)
    callback = aftercare.callback_of(uow, work.visit_id)
    assert (callback.request_id, callback.case_id) == (None, order.id)
    listed = queries.listed_callback(uow.session, SYSTEM, callback.id)
    assert {person.user_id for person in listed.barred} == {opener.user_id, work.technician.id}
    refused(uow, lambda: actions.take_callback(uow, opener, callback.id))
    assert actions.take_callback(uow, caller, callback.id).assignee_id == caller.user_id


def test_whoever_took_the_request_may_not_take_the_callback(uow: UnitOfWork) -> None:
    intake = somebody(uow)
    callback = aftercare.a_callback(uow, intake)
    refused(uow, lambda: actions.take_callback(uow, intake, callback.id))
    assert aftercare.callback_of(uow, callback.visit_id).status is CallbackStatus.DUE


def test_no_kind_of_touch_is_overlooked(uow: UnitOfWork) -> None:
    callback, manager = aftercare.a_callback(uow), somebody(uow, Role.MANAGER)
    for how in Touch:
        who = somebody(uow)
        touch_case(uow, callback.case_id, who.user_id, how)
        refused(uow, partial(actions.take_callback, uow, who, callback.id))
        refused(uow, partial(actions.assign_callback, uow, manager, callback.id, assignee_id=who.user_id))
    taken = actions.take_callback(uow, manager, callback.id)
    assert (taken.status, taken.assignee_id) == (CallbackStatus.ASSIGNED, manager.user_id)


def test_not_even_plain_sql_makes_a_toucher_the_assignee(uow: UnitOfWork) -> None:
    callback, toucher = aftercare.a_callback(uow), somebody(uow)
    touch_case(uow, callback.case_id, toucher.user_id, Touch.TRIAGE)
    statement = text("UPDATE callbacks SET status = 'assigned', assignee_id = :who WHERE id = :id")
    key = str if uow.session.get_bind().dialect.name == "postgresql" else _hex
    values = {"who": key(toucher.user_id), "id": key(callback.id)}
    refused(uow, lambda: uow.session.execute(statement, values))


def _hex(value: UUID) -> str:
    return value.hex


def test_an_assignee_who_touches_the_case_loses_the_callback_and_not_the_work(uow: UnitOfWork) -> None:
    callback, caller, other = aftercare.a_callback(uow), somebody(uow), somebody(uow)
    actions.take_callback(uow, caller, callback.id)
    touch_case(uow, callback.case_id, caller.user_id, Touch.DISPATCH)
    with pytest.raises(CallbackTransitionRefused):
        actions.record_callback_attempt(uow, caller, callback.id, reached=True)
    assert actions.take_callback(uow, other, callback.id).assignee_id == other.user_id


def test_who_reached_the_customer_first_keeps_the_callback(uow: UnitOfWork) -> None:
    callback, caller = aftercare.a_callback(uow), somebody(uow)
    actions.take_callback(uow, caller, callback.id)
    actions.record_callback_attempt(uow, caller, callback.id, reached=True)
    touch_case(uow, callback.case_id, caller.user_id, Touch.INTAKE)
    closed = actions.close_callback(uow, caller, callback.id, outcome=CallbackOutcome.DISSATISFIED)
    assert closed.status is CallbackStatus.CLOSED


def test_a_taken_callback_is_handed_over_only_by_assigning_it(uow: UnitOfWork) -> None:
    callback, first, second = aftercare.a_callback(uow), somebody(uow), somebody(uow)
    actions.take_callback(uow, first, callback.id)
    with pytest.raises(CallbackTransitionRefused):
        actions.take_callback(uow, second, callback.id)
    actions.assign_callback(uow, second, callback.id, assignee_id=second.user_id)
    with pytest.raises(CallbackNotYours):
        actions.record_callback_attempt(uow, first, callback.id, reached=True)


def test_a_callback_is_assigned_to_people_who_call_customers(uow: UnitOfWork) -> None:
    callback, manager = aftercare.a_callback(uow), somebody(uow, Role.MANAGER)
    gone = somebody(uow)
    disable_user(uow, SYSTEM, gone.user_id)
    for unfit in (uow.mint_id(), gone.user_id, somebody(uow, Role.ADMINISTRATOR).user_id):
        with pytest.raises(CallbackAssigneeUnfit):
            actions.assign_callback(uow, manager, callback.id, assignee_id=unfit)


def test_a_customer_is_called_three_times_and_may_still_answer_later(uow: UnitOfWork) -> None:
    callback, caller = aftercare.a_callback(uow), somebody(uow)
    actions.take_callback(uow, caller, callback.id)
    for n in (1, 2, 3):
        actions.record_callback_attempt(uow, caller, callback.id, reached=False, note=f"Call {n}")
    assert (callback.status, callback.attempts) == (CallbackStatus.UNREACHABLE, 3)
    with pytest.raises(CallbackOutcomeImpossible):
        actions.close_callback(uow, caller, callback.id, outcome=CallbackOutcome.SATISFIED)
    actions.record_callback_attempt(uow, caller, callback.id, reached=True)
    assert callback.reached_at == uow.now
    actions.close_callback(uow, caller, callback.id, outcome=CallbackOutcome.SATISFIED, words="Fine.")
    calls = queries.attempts_of(uow.session, caller, callback.id)
    assert [(call.reached, call.note) for call in calls] == [
        (False, "Call 1"),
        (False, "Call 2"),
        (False, "Call 3"),
        (True, None),
    ]


def test_the_list_says_who_may_not_call_and_why(uow: UnitOfWork) -> None:
    intake = somebody(uow)
    callback = aftercare.a_callback(uow, intake)
    touch_case(uow, callback.case_id, intake.user_id, Touch.DISPATCH)
    (listed,) = queries.list_callbacks(uow.session, somebody(uow), PageRequest()).items
    barred = {person.user_id: person for person in listed.barred}
    assert barred[intake.user_id].reasons == ["dispatch", "intake"]
    assert barred[intake.user_id].display_name == "Dispatcher"
    for user_id in barred:
        who = Actor(user_id, Role.MANAGER, PERMISSIONS[Role.MANAGER])
        refused(uow, partial(actions.take_callback, uow, who, callback.id))


def test_the_technician_of_the_visit_is_among_those_who_may_not(uow: UnitOfWork) -> None:
    work = aftercare.a_finished_visit(uow)
    callback = aftercare.callback_of(uow, work.visit_id)
    listed = queries.listed_callback(uow.session, SYSTEM, callback.id)
    assert work.technician.id in {person.user_id for person in listed.barred}


def test_technicians_neither_see_nor_make_callbacks(uow: UnitOfWork) -> None:
    work = aftercare.a_finished_visit(uow)
    callback = aftercare.callback_of(uow, work.visit_id)
    with pytest.raises(CallbackNotFound):
        queries.callback_for(uow.session, work.actor, callback.id)
    with pytest.raises(PermissionRefused):
        actions.take_callback(uow, work.actor, callback.id)


def test_a_call_once_made_is_never_changed(uow: UnitOfWork) -> None:
    callback, caller = aftercare.a_callback(uow), somebody(uow)
    actions.take_callback(uow, caller, callback.id)
    actions.record_callback_attempt(uow, caller, callback.id, reached=True)
    for statement in ("UPDATE callback_attempts SET reached = NULL", "DELETE FROM callback_attempts"):
        with pytest.raises(IntegrityError), uow.savepoint():
            uow.session.execute(text(statement))


def at_once(*things: Callable[[], object]) -> None:
    start = Barrier(len(things))

    def run(thing: Callable[[], object]) -> None:
        start.wait()
        thing()

    threads = [Thread(target=run, args=(thing,)) for thing in things]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def take(factory: UnitOfWorkFactory, who: Actor, callback_id: UUID, outcomes: list[object]) -> None:
    try:
        with factory.begin() as uow:
            actions.take_callback(uow, who, callback_id)
        outcomes.append(None)
    except IntegrityError as error:
        outcomes.append(fact_of(error))


def touch(factory: UnitOfWorkFactory, who: Actor, case_id: UUID) -> None:
    with factory.begin() as uow:
        touch_case(uow, case_id, who.user_id, Touch.DISPATCH)


def test_taking_and_touching_at_once_never_leaves_a_dependent_assignee(database: Database) -> None:
    factory, outcomes = database.factory, []
    with factory.begin() as uow:
        callback = aftercare.a_callback(uow)
        people = [somebody(uow) for _ in range(8)]
    for who in people:
        at_once(
            partial(take, factory, who, callback.id, outcomes),
            partial(touch, factory, who, callback.case_id),
        )
        with factory.begin(write=False) as uow:
            after = queries.callback_for(uow.session, SYSTEM, callback.id)
            assert (after.status, after.assignee_id) == (CallbackStatus.DUE, None)
    assert len(outcomes) == len(people)
    assert all(error is None or isinstance(error, CallbackNotIndependent) for error in outcomes)


def test_a_touch_that_is_not_committed_yet_makes_the_taker_wait(postgresql_database: Database) -> None:
    factory, outcomes = postgresql_database.factory, []
    with factory.begin() as uow:
        callback, who = aftercare.a_callback(uow), somebody(uow)
    with factory.begin() as uow:
        touch_case(uow, callback.case_id, who.user_id, Touch.VISIT)
        taker = Thread(target=take, args=(factory, who, callback.id, outcomes))
        taker.start()
        taker.join(timeout=0.4)
        assert taker.is_alive()
    taker.join()
    assert isinstance(outcomes[0], CallbackNotIndependent)


def test_a_taking_that_is_not_committed_yet_makes_the_toucher_wait(postgresql_database: Database) -> None:
    factory = postgresql_database.factory
    with factory.begin() as uow:
        callback, who = aftercare.a_callback(uow), somebody(uow)
    with factory.begin() as uow:
        actions.take_callback(uow, who, callback.id)
        toucher = Thread(target=touch, args=(factory, who, callback.case_id))
        toucher.start()
        toucher.join(timeout=0.4)
        assert toucher.is_alive()
    toucher.join()
    with factory.begin(write=False) as uow:
        assert queries.callback_for(uow.session, SYSTEM, callback.id).status is CallbackStatus.DUE
