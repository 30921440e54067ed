"""What a server process loads: the application on the settings of its environment, and its workers."""

from __future__ import annotations

import gc

from backend.app import create_app, start_outbox
from backend.housekeeping import Housekeeper
from backend.lookout import empty_at_the_end, start_lookout
from backend.settings import read_settings
from backend.sync_host import waiting_room_of
from backend.web.wiring import EXTENSION

application = create_app(read_settings())
outbox = start_outbox(application)
housekeeper = Housekeeper(application.extensions[EXTENSION])
housekeeper.start()
lookout = start_lookout(application)
ending = empty_at_the_end(waiting_room_of(application))

# What was made while starting lives as long as the process: the collector need not look at it again. Each
# request makes thousands of short-lived objects, so it looks at the young ones less often than by default.
gc.collect()
gc.freeze()
gc.set_threshold(10_000)
