"""What the customer's payment page sends."""

from __future__ import annotations

from schemas.base import (
    QueryShape,
    Text,
)


class CashForm(QueryShape):
    """The customer's words about being asked for cash; an empty text is none."""

    words = Text(max=2000, allow_empty=True, load_default="")


class NoForm(QueryShape):
    """A button that sends nothing else."""
