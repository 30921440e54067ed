"""What a payments process loads: its application on the settings of its environment, and its workers."""

from __future__ import annotations

from backend.payments.app import Rounds, create_payments_app, start_outbox, wire_payments
from backend.payments.settings import read_payments_settings

wiring = wire_payments(read_payments_settings())
application = create_payments_app(wiring)
outbox = start_outbox(wiring)
rounds = Rounds(wiring)
rounds.start()
