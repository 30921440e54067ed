"""What must hold, and does not."""

from __future__ import annotations


class InvariantBroken(AssertionError):
    """Something that must always hold does not."""


def expect(holds: bool, invariant: str, evidence: object = "") -> None:
    """Raise InvariantBroken, with the evidence, unless the invariant holds."""
    if not holds:
        raise InvariantBroken(f"{invariant} {evidence}".strip()[:4000])
