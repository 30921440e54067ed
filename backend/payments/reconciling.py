"""Once a day ledger, providers and bank are held against each other; finance is told what does not agree."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from backend.payments import queries
from backend.payments.checks import check_ledger, reconcile
from backend.payments.databases import TwoSides
from backend.payments.inbox import Providers
from backend.payments.letters import alarm_letter
from backend.payments.models import Reconciliation

log = structlog.get_logger(__name__)

EVERY = timedelta(days=1)


def reconcile_when_due(sides: TwoSides, providers: Providers, now: datetime) -> bool:
    """Do it when a day has passed since the last time, by whichever process; whether it was done."""
    with sides.ledger.begin(write=False) as uow:
        last = queries.last_reconciled(uow.session)
    if last is not None and now - last < EVERY:
        return False
    alarms = [*reconcile(sides, providers), *check_ledger(sides).faults]
    with sides.ledger.begin() as uow:
        uow.add(Reconciliation(id=uow.mint_id(), at=uow.now, alarms=alarms))
        if alarms:
            log.error("reconcile.alarms", count=len(alarms))
            # By the day: whoever did it at the same time has mailed the same.
            for address in queries.addresses_of_finance(uow.session):
                uow.post(
                    "mail", {"to": address, **alarm_letter(alarms)}, key=f"alarms:{uow.now.date()}:{address}"
                )
    return True
