"""What came of a day, and whether its own check holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

Body = dict[str, Any]


@dataclass
class Told:
    """What came of the day."""

    devices: int = 0
    visits: int = 0
    mutations: int = 0
    lost: int = 0
    doubled: int = 0
    devices_equal: bool = False
    check_passed: bool = False
    sealed: int = 0
    unsealed: int = 0
    verified: bool | None = None
    paid: list[str] | None = None
    taken_off: int | None = None
    leaked: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    figures: Body = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the day's own check holds."""
        return (
            self.check_passed
            and self.devices_equal
            and self.verified is not False
            and self.paid in (None, ["paid"] * 3)
            and self.taken_off != 0
            and not self.leaked
            and not self.unsealed
            and not self.lost
            and not self.doubled
            and self.visits > 0
        )

    def last_line(self) -> str:
        """The sentence that `make demo` ends with."""
        equal = "devices equal server" if self.devices_equal else "DEVICES DIFFER FROM SERVER"
        return (
            f"demo: {self.devices} devices, {self.visits} visits, {self.mutations} mutations, "
            f"{self.lost} lost, {self.doubled} doubled, {equal}"
        )


def closing_table(told: Told) -> Table:
    """The figures of the day."""
    table = Table(title="The day", title_justify="left", show_header=False, box=None)
    rows = {
        "phones": told.devices,
        "visits finished": told.visits,
        "mutations made offline": told.mutations,
        "what became of them": ", ".join(f"{count} {name}" for name, count in told.outcomes.most_common()),
        "faults of the network": sum(told.faults.values()),
        "lost / doubled": f"{told.lost} / {told.doubled}",
        "devices equal server": "yes" if told.devices_equal else "NO",
        "reports sealed": f"{told.sealed}, {'one checked: genuine' if told.verified else 'NOT GENUINE'}",
        "doorstep check": "passed" if told.check_passed else "FAILED",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table
