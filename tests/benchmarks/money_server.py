"""What the payments process of a benchmark loads: customers have paid at a stub that has told nobody yet.

`DOORSTEP_BENCH_PAYMENTS` says how many, `DOORSTEP_BENCH_MESSAGES` into which file the messages go.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from uuid import uuid4

from backend.payments.app import Rounds, create_payments_app, start_outbox, wire_payments
from backend.payments.providers.stub import SIGNATURE
from backend.payments.settings import read_payments_settings
from tests.backend.payments.test_providers import checkout_of
from tests.backend.payments.world import Firm
from tests.clock import SettableClock


def payments_made(firm: Firm, count: int) -> list[str]:
    """So many bills paid by card; the messages that tell so, as JSON."""
    lines = []
    for number in range(count):
        request = firm.asked(1_000 + number, work_order_id=uuid4())  # this side can write none of the field
        told = firm.stub.pay(checkout_of(firm, request), firm.clock())
        raw = base64.b64encode(told.raw).decode()
        lines.append(json.dumps({"signature": told.headers[SIGNATURE], "raw": raw}))
    return lines


wiring = wire_payments(read_payments_settings())
_firm = Firm(wiring.payments.field_database_url, wiring.sides.field, wiring, SettableClock(wiring.clock()))
_messages = payments_made(_firm, int(os.environ["DOORSTEP_BENCH_PAYMENTS"]))
Path(os.environ["DOORSTEP_BENCH_MESSAGES"]).write_text("\n".join(_messages))
application = create_payments_app(wiring)
start_outbox(wiring)
Rounds(wiring).start()
