"""Which rooms act on which facts: the one table, each handler run in the unit of work that told the fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.aftercare.handlers import open_callback_after
from backend.attachments.rules import MediaExamined, MediaRegistered, MediaRejected, MediaStored
from backend.customers.rules import SiteLocated
from backend.db.unit_of_work import Fact, Handler
from backend.dispatch.handlers import keep_technician_if_free
from backend.parts.rules import PartsHandled
from backend.reports.handlers import count_media, open_report, require_closed_report, seal_when_examined
from backend.requests.handlers import clear_needs_location
from backend.requests.rules import RequestTriaged
from backend.visits.handlers import open_work_order_of_request, remember_hands_on_parts
from backend.visits.rules import (
    VisitDispatched,
    VisitFinished,
    VisitFinishing,
    VisitRescheduled,
)


def handlers(callback_days: int) -> Mapping[type[Fact], Sequence[Handler]]:
    """The table; a callback falls due `callback_days` after the visit it is about."""
    return {
        SiteLocated: (clear_needs_location,),
        PartsHandled: (remember_hands_on_parts,),
        RequestTriaged: (open_work_order_of_request,),
        VisitRescheduled: (keep_technician_if_free,),
        VisitDispatched: (open_report,),
        VisitFinishing: (require_closed_report,),
        VisitFinished: (open_callback_after(callback_days),),
        MediaRegistered: (count_media,),
        MediaStored: (count_media,),
        MediaRejected: (count_media,),
        MediaExamined: (seal_when_examined,),
    }
