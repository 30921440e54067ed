"""Two phones at once: no usage is lost from a van's stock, whatever the order of commits."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from backend.access.permissions import SYSTEM
from backend.parts import actions
from backend.parts.models import ChecklistItem, VanStock
from schemas.parts import UsageDirection
from tests.backend.assigned import an_assigned_visit
from tests.databases import Database
from tests.given import parts as given

ROUNDS, THREADS = 24, 6


def test_parallel_usages_are_all_counted_also_when_the_van_has_no_row_yet(database: Database) -> None:
    with database.factory.begin() as uow:
        assigned = an_assigned_visit(uow)
        part, unplanned = given.a_part(uow), given.a_part(uow)
        actions.prepare_checklist(uow, SYSTEM, assigned.visit.id, given.a_kit(uow, parts=(part,)).id)

    def use(turn: int) -> None:
        with database.factory.begin() as uow:
            actions.record_part_usage(
                uow,
                assigned.technician,
                visit_id=assigned.visit.id,
                part_id=(part, unplanned)[turn % 2].id,
                direction=UsageDirection.USED,
                quantity=1,
            )

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(use, range(ROUNDS)))

    with database.factory.begin(write=False) as uow:
        assert uow.session.scalars(select(VanStock.quantity)).all() == [-ROUNDS // 2] * 2
        assert uow.session.scalars(select(ChecklistItem.quantity_used)).all() == [ROUNDS // 2]
