"""What a server process loads: the application on the settings of its environment, and its outbox worker."""

from __future__ import annotations

from backend.app import create_app, start_outbox
from backend.settings import read_settings

application = create_app(read_settings())
outbox = start_outbox(application)
