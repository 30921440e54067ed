"""What the forms of the customer's page send: texts of an HTML form, read as strictly as JSON."""

from __future__ import annotations

from schemas.base import Count, Id, QueryShape, Text


class ConfirmForm(QueryShape):
    """Yes to the version of the arrival window that the page showed."""

    window_version = Count(required=True)


class DeclineForm(ConfirmForm):
    """No, and in the customer's words when it would suit; an empty text is none."""

    reason = Text(max=500, allow_empty=True, load_default="")


class PickForm(QueryShape):
    """One of the windows on offer."""

    offer_id = Id(required=True)
