"""What people of finance read as bookkeepers: a customer's statement, what is overdue, the journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.models import PartTaxRate, Reconciliation
from backend.payments.permissions import requires
from backend.payments.rules.books import Aged, Booked, aged, with_balances


@requires("customer_statement:read")
def show_customer_statement(uow: UnitOfWork, person: Actor, customer_id: UUID) -> Sequence[dict[str, object]]:
    """What was asked of a customer and what came in, with the balance after each; nothing for a stranger."""
    requests = queries.requests_of_customer(uow.session, customer_id)
    return [
        {
            "on": movement.on,
            "kind": movement.kind,
            "number": movement.number,
            "currency": movement.currency,
            "amount_minor": movement.minor,
            "asked_minor": movement.asked_minor,
            "refund_minor": movement.refund_minor,
            "balance_minor": balance,
        }
        for movement, balance in with_balances(queries.movements(uow.session, requests))
    ]


@requires("ageing:read")
def show_ageing(uow: UnitOfWork, person: Actor) -> Sequence[Aged]:
    """Who owes what, by how long it is overdue today; and what is missing of deposits, which nobody owes."""
    every = [*queries.unpaid(uow.session), *queries.missing_deposits(uow.session)]
    return aged(every, uow.now.date())


@requires("journal:read")
def read_journal(
    uow: UnitOfWork, person: Actor, *, since: date | None, until: date | None
) -> Iterator[Booked]:
    """The transactions written down on these days (UTC), the last one with them."""
    end = None if until is None else _midnight(until + timedelta(days=1))
    return queries.journal(uow.session, None if since is None else _midnight(since), end)


@requires("reconciliation:read")
def list_reconciliations(uow: UnitOfWork, person: Actor) -> Sequence[Reconciliation]:
    """What the daily comparison of ledger, providers and bank found, the newest first."""
    return queries.reconciliations(uow.session)


@requires("part_tax_rate:read")
def list_part_tax_rates(uow: UnitOfWork, person: Actor) -> Sequence[PartTaxRate]:
    """Parts that are not taxed as usual."""
    return list(queries.tax_rates(uow.session).values())


@requires("part_tax_rate:set")
def set_part_tax_rate(uow: UnitOfWork, person: Actor, part_id: UUID, *, basis_points: int) -> PartTaxRate:
    """What tax a part's price contains from now on; bills that were sent stay as they are."""
    return uow.add(
        PartTaxRate(
            id=uow.mint_id(),
            part_id=part_id,
            basis_points=basis_points,
            set_at=uow.now,
            person_id=person.user_id,
        )
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
