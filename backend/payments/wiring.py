"""What the payments process is put together from, once, and how its requests find it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import current_app

from backend.db.unit_of_work import UnitOfWorkFactory
from backend.payments.databases import TwoSides
from backend.payments.people import FinanceDoor
from backend.payments.providers import Provider
from backend.payments.requesting import Terms
from backend.payments.settings import PaymentsSettings
from backend.settings import Settings
from backend.web.wiring import EXTENSION


@dataclass(frozen=True)
class PaymentsWiring:
    """The wiring; it fits `backend.web.wiring.Wiring`, whose `factory` is the ledger's here."""

    payments: PaymentsSettings
    settings: Settings
    sides: TwoSides
    clock: Callable[[], datetime]
    authenticator: FinanceDoor
    terms: Terms
    providers: Mapping[str, Provider]

    @property
    def factory(self) -> UnitOfWorkFactory:
        """Units of work on the ledger."""
        return self.sides.ledger


def payments_wiring() -> PaymentsWiring:
    """The wiring of the app that serves the current request."""
    return cast("PaymentsWiring", current_app.extensions[EXTENSION])
