"""Words and shapes of technicians, their shifts, and of putting visits into their hands."""

from enum import StrEnum


class ShiftKind(StrEnum):
    """Whether a technician is there, or away although a shift says otherwise."""

    WORK = "work"
    LEAVE = "leave"
