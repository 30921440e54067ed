"""What phones hold and what they may do offline: every room's declarations, in the order of the rooms."""

from __future__ import annotations

from backend.access.reach import TECHNICIAN
from backend.attachments import collections as attachments
from backend.customers import collections as customers
from backend.parts import collections as parts
from backend.reports import collections as reports
from backend.requests import collections as requests
from backend.visits import collections as visits
from sync.collections import Collection
from sync.inbox import inbox_collection
from sync.mutations import MutationType

COLLECTIONS: tuple[Collection, ...] = (
    *customers.COLLECTIONS,
    *parts.COLLECTIONS,
    *requests.COLLECTIONS,
    *visits.COLLECTIONS,
    *attachments.COLLECTIONS,
    *reports.COLLECTIONS,
    inbox_collection(TECHNICIAN),
)

MUTATIONS: tuple[MutationType, ...] = (
    *parts.MUTATIONS,
    *visits.MUTATIONS,
    *attachments.MUTATIONS,
    *reports.MUTATIONS,
)
