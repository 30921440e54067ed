"""Catalogue, kits, checklists and van stock: what is counted, what gates a dispatch, who may touch what."""

import pytest
from hypothesis import given as example
from hypothesis import strategies as st
from sqlalchemy import func, select

from backend.access.permissions import SYSTEM
from backend.db.paging import PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.parts import actions, queries
from backend.parts.models import PartUsage, StockMovement, VanStock
from backend.parts.rules import (
    ChecklistItemNotFound,
    ChecklistNoLongerYours,
    ForeignVan,
    LineOfAnotherPart,
    MovementContradicted,
    PartNotFound,
    PartRepeated,
    PriceWithoutCurrency,
    VerifiedButNotPacked,
    ticked,
)
from schemas.errors import IdAlreadyUsed, RecordNotFound
from schemas.parts import MovementReason, UsageDirection
from schemas.visits import VisitStatus
from sync.inbox import take_notes
from tests.backend.assigned import Assigned, a_technician, an_assigned_visit, give_to
from tests.given import parts as given

USED, RETURNED = UsageDirection.USED, UsageDirection.RETURNED


def _stock(uow: UnitOfWork, assigned: Assigned) -> dict[str, int]:
    page = queries.list_van_stock(uow.session, assigned.technician, PageRequest())
    return {str(row.part_id): row.quantity for row in page.items}


@example(
    st.booleans(), st.booleans(), st.sampled_from([None, False, True]), st.sampled_from([None, False, True])
)
def test_what_is_verified_is_always_packed(
    packed: bool, verified: bool, new_packed: bool | None, new_verified: bool | None
) -> None:
    before = (packed or verified, verified)
    try:
        after = ticked(*before, new_packed=new_packed, new_verified=new_verified)
    except VerifiedButNotPacked:
        assert (new_packed, new_verified) == (False, True)
        return
    assert after[0] or not after[1]
    assert new_packed in (None, after[0])
    assert new_verified is not True or after[1]
    assert (new_packed, new_verified) != (None, None) or after == before


def test_a_visit_gets_one_line_for_each_line_of_its_kit_and_only_once(uow: UnitOfWork) -> None:
    visit = an_assigned_visit(uow).visit
    kit = given.a_kit(uow)
    lines = actions.prepare_checklist(uow, SYSTEM, visit.id, kit.id)
    assert [(line.part_id, line.quantity, line.packed) for line in lines] == [
        (line.part_id, 2, False) for line in kit.lines
    ]
    assert actions.prepare_checklist(uow, SYSTEM, visit.id, kit.id) == lines


def test_required_lines_hold_the_dispatch_back_until_they_are_packed(uow: UnitOfWork) -> None:
    visit = an_assigned_visit(uow).visit
    needed, nice = given.a_part(uow), given.a_part(uow)
    kit = given.a_kit(
        uow,
        lines=[
            {"part_id": needed.id, "quantity": 1, "required": True},
            {"part_id": nice.id, "quantity": 1, "required": False},
        ],
    )
    actions.prepare_checklist(uow, SYSTEM, visit.id, kit.id)
    (missing,) = queries.unpacked_required(uow.session, visit.id)
    assert missing.part_id == needed.id
    actions.tick_checklist_item(uow, SYSTEM, missing.id, verified=True)
    assert missing.packed
    assert queries.unpacked_required(uow.session, visit.id) == []
    actions.tick_checklist_item(uow, SYSTEM, missing.id, packed=False)
    assert not missing.verified
    assert queries.unpacked_required(uow.session, visit.id) == [missing]


def test_another_van_is_empty(uow: UnitOfWork) -> None:
    visit = an_assigned_visit(uow).visit
    for line in actions.prepare_checklist(uow, SYSTEM, visit.id, given.a_kit(uow).id):
        actions.tick_checklist_item(uow, SYSTEM, line.id, verified=True)
    actions.unpack_checklist(uow, SYSTEM, visit.id)
    assert len(queries.unpacked_required(uow.session, visit.id)) == 2


def test_a_checklist_keeps_the_words_it_was_made_with(uow: UnitOfWork) -> None:
    part = given.a_part(uow, name="Old name")
    visit = an_assigned_visit(uow).visit
    (line,) = actions.prepare_checklist(uow, SYSTEM, visit.id, given.a_kit(uow, parts=(part,)).id)
    actions.edit_part(uow, SYSTEM, part.id, name="New name")
    assert line.name == "Old name"


def test_a_technician_ticks_the_lines_of_his_visits_only(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    kit = given.a_kit(uow)
    line, _ = actions.prepare_checklist(uow, SYSTEM, assigned.visit.id, kit.id)
    actions.tick_checklist_item(uow, assigned.technician, line.id, packed=True)
    successor = a_technician(uow)
    with pytest.raises(ChecklistItemNotFound):
        actions.tick_checklist_item(uow, successor, line.id, packed=False)
    give_to(uow, assigned.visit, successor)
    actions.tick_checklist_item(uow, successor, line.id, verified=True)
    with pytest.raises(ChecklistNoLongerYours):
        actions.tick_checklist_item(uow, assigned.technician, line.id, packed=False)
    assert (line.packed, line.verified) == (True, True)


def test_a_used_part_counts_on_its_line_and_leaves_the_van(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    part = given.a_part(uow)
    (line,) = actions.prepare_checklist(uow, SYSTEM, assigned.visit.id, given.a_kit(uow, parts=(part,)).id)
    technician = assigned.technician
    actions.record_stock_movement(
        uow,
        technician,
        technician_id=technician.user_id,
        part_id=part.id,
        quantity_delta=5,
        reason=MovementReason.LOAD,
    )
    actions.record_part_usage(
        uow, technician, visit_id=assigned.visit.id, part_id=part.id, direction=USED, quantity=2
    )
    actions.record_part_usage(
        uow, technician, visit_id=assigned.visit.id, part_id=part.id, direction=RETURNED, quantity=1
    )
    assert (line.quantity_used, line.quantity_returned) == (2, 1)
    assert _stock(uow, assigned) == {str(part.id): 2}


def test_the_stock_of_a_van_is_the_sum_of_its_movements(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    part = given.a_part(uow)
    for _ in range(3):
        actions.record_part_usage(
            uow, assigned.technician, visit_id=assigned.visit.id, part_id=part.id, direction=USED, quantity=7
        )
    total = uow.session.scalar(select(func.sum(StockMovement.quantity_delta)))
    assert uow.session.scalars(select(VanStock.quantity)).all() == [total] == [-21]


def test_a_used_tool_stays_in_the_van_and_a_returned_one_leaves_it(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    tool = given.a_tool(uow)
    fields = {"visit_id": assigned.visit.id, "part_id": tool.id, "quantity": 1}
    actions.record_part_usage(uow, assigned.technician, direction=USED, **fields)
    assert _stock(uow, assigned) == {}
    actions.record_part_usage(uow, assigned.technician, direction=RETURNED, **fields)
    assert _stock(uow, assigned) == {str(tool.id): -1}


def test_the_same_usage_sent_twice_counts_once(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    part = given.a_part(uow)
    usage_id = uow.mint_id()
    fields = {"visit_id": assigned.visit.id, "part_id": part.id, "direction": USED}
    for _ in range(2):
        actions.record_part_usage(uow, assigned.technician, usage_id, quantity=1, **fields)
    assert _stock(uow, assigned) == {str(part.id): -1}
    with pytest.raises(IdAlreadyUsed):
        actions.record_part_usage(uow, assigned.technician, usage_id, quantity=2, **fields)


def test_what_a_former_assignee_used_counts_on_his_van_and_is_shown_to_a_person(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    part = given.a_part(uow)
    give_to(uow, assigned.visit, a_technician(uow))
    fields = {"visit_id": assigned.visit.id, "part_id": part.id, "direction": USED, "quantity": 1}
    actions.record_part_usage(uow, assigned.technician, **fields)
    assert [note.code for note in take_notes(uow)] == ["work-after-revocation"]
    assert _stock(uow, assigned) == {str(part.id): -1}
    with pytest.raises(RecordNotFound):
        actions.record_part_usage(uow, a_technician(uow), **fields)


def test_parts_used_on_a_cancelled_visit_count_and_are_shown_to_a_person(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    fields = {"visit_id": assigned.visit.id, "part_id": given.a_part(uow).id, "direction": USED}
    actions.record_part_usage(uow, assigned.technician, quantity=1, **fields)
    assert take_notes(uow) == []
    assigned.visit.status = VisitStatus.CANCELLED
    uow.flush()
    actions.record_part_usage(uow, assigned.technician, quantity=1, **fields)
    assert len(take_notes(uow)) == 1


def test_what_the_office_records_is_of_the_van_of_the_visits_technician(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    part = given.a_part(uow)
    fields = {"visit_id": assigned.visit.id, "part_id": part.id, "direction": USED, "quantity": 1}
    usage = actions.record_part_usage(uow, SYSTEM, **fields)
    assert usage.used_by == assigned.technician.user_id
    assert _stock(uow, assigned) == {str(part.id): -1}


def test_a_line_of_another_visit_or_part_is_refused(uow: UnitOfWork) -> None:
    assigned, other = an_assigned_visit(uow), an_assigned_visit(uow)
    part, another = given.a_part(uow), given.a_part(uow)
    (line,) = actions.prepare_checklist(uow, SYSTEM, other.visit.id, given.a_kit(uow, parts=(part,)).id)
    fields = {"direction": USED, "quantity": 1, "checklist_item_id": line.id}
    for visit_id, part_id in ((assigned.visit.id, part.id), (other.visit.id, another.id)):
        with pytest.raises(LineOfAnotherPart):
            actions.record_part_usage(uow, SYSTEM, visit_id=visit_id, part_id=part_id, **fields)


@pytest.mark.parametrize(
    ("reason", "delta"),
    [
        (MovementReason.LOAD, -1),
        (MovementReason.RETURN, 1),
        (MovementReason.COUNT, 0),
        (MovementReason.USE, -1),
    ],
)
def test_a_movement_that_contradicts_its_reason_is_refused(
    uow: UnitOfWork, reason: MovementReason, delta: int
) -> None:
    with pytest.raises(MovementContradicted):
        actions.record_stock_movement(
            uow,
            SYSTEM,
            technician_id=a_technician(uow).user_id,
            part_id=given.a_part(uow).id,
            quantity_delta=delta,
            reason=reason,
        )


def test_nobody_loads_the_van_of_somebody_else(uow: UnitOfWork) -> None:
    fields = {"part_id": given.a_part(uow).id, "quantity_delta": 1, "reason": MovementReason.LOAD}
    with pytest.raises(ForeignVan):
        actions.record_stock_movement(
            uow, a_technician(uow), technician_id=a_technician(uow).user_id, **fields
        )
    with pytest.raises(RecordNotFound):
        actions.record_stock_movement(uow, SYSTEM, technician_id=uow.mint_id(), **fields)


def test_a_price_has_a_currency(uow: UnitOfWork) -> None:
    with pytest.raises(PriceWithoutCurrency):
        given.a_part(uow, currency=None)
    with pytest.raises(PriceWithoutCurrency):
        actions.edit_part(uow, SYSTEM, given.a_part(uow).id, price_minor=None)


def test_a_kit_names_parts_that_exist_once_each(uow: UnitOfWork) -> None:
    part = given.a_part(uow)
    with pytest.raises(PartRepeated):
        given.a_kit(uow, parts=(part, part))
    line = {"part_id": uow.mint_id(), "quantity": 1, "required": True}
    with pytest.raises(PartNotFound):
        given.a_kit(uow, lines=[line])


def test_new_lines_of_a_kit_raise_its_revision_and_leave_checklists_alone(uow: UnitOfWork) -> None:
    kit = given.a_kit(uow)
    visit = an_assigned_visit(uow).visit
    actions.prepare_checklist(uow, SYSTEM, visit.id, kit.id)
    edited = actions.edit_kit(
        uow, SYSTEM, kit.id, lines=[{"part_id": kit.lines[0].part_id, "quantity": 9, "required": False}]
    )
    assert edited.revision == kit.revision + 1
    assert [line.quantity for line in edited.lines] == [9]
    assert [line.quantity for line in queries.checklist_of(uow.session, visit.id)] == [2, 2]


def test_checklists_usages_and_vans_are_seen_by_their_technician_only(uow: UnitOfWork) -> None:
    mine, other = an_assigned_visit(uow), an_assigned_visit(uow)
    for assigned in (mine, other):
        kit = given.a_kit(uow)
        actions.prepare_checklist(uow, SYSTEM, assigned.visit.id, kit.id)
        actions.record_part_usage(
            uow,
            assigned.technician,
            visit_id=assigned.visit.id,
            part_id=kit.lines[0].part_id,
            direction=USED,
            quantity=1,
        )
    lists = (
        queries.list_checklist_items,
        queries.list_part_usages,
        queries.list_van_stock,
        queries.list_stock_movements,
    )
    seen = [len(shown(uow.session, mine.technician, PageRequest()).items) for shown in lists]
    assert seen == [2, 1, 1, 1]
    assert [len(shown(uow.session, SYSTEM, PageRequest()).items) for shown in lists] == [4, 2, 2, 2]


def test_the_database_itself_refuses_to_change_a_usage(uow: UnitOfWork) -> None:
    assigned = an_assigned_visit(uow)
    fields = {"visit_id": assigned.visit.id, "part_id": given.a_part(uow).id, "direction": USED}
    usage = actions.record_part_usage(uow, SYSTEM, quantity=1, **fields)
    assert isinstance(usage, PartUsage)
    usage.quantity = 100
    with pytest.raises(Exception, match=r"append_only_part_usages|never changed"):
        uow.flush()
