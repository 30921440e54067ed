"""What is to be reached: the bounds of every key in `var/bench.json`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A figure with its bounds; `at_least` says on which side of them it has to be."""

    column: str
    measure: str
    must: float
    aim: float
    at_least: bool = False

    def bound(self, value: float) -> str:
        """A bound as it is read."""
        return f"{'≥' if self.at_least else '≤'} {value:g}"

    def verdict(self, value: float) -> str:
        """Which bound the figure reaches, unrounded."""
        for name in ("aim", "must"):
            bound = getattr(self, name)
            if value >= bound if self.at_least else value <= bound:
                return name
        return "MISSED"


TARGETS = {
    "first_pull_vs_copy": Target("PostgreSQL", "first pull ÷ bare read", 3, 2),
    "first_pull_vs_kinto": Target("PostgreSQL", "first pull, records/s ÷ Kinto's", 5, 8, at_least=True),
    "no_change_vs_kinto": Target("PostgreSQL", "no-change ÷ Kinto's", 8, 12, at_least=True),
    "push_vs_kinto": Target("PostgreSQL", "pushed ÷ Kinto's", 2, 6, at_least=True),
    "refresh_ms_p50": Target("PostgreSQL", "refresh, p50 ms", 5, 2),
    "reconnect_storm_s": Target("PostgreSQL", "storm until drained, s", 300, 120),
    "no_change_growth": Target("PostgreSQL", "no-change p50 ÷ that of an empty database", 1.5, 1.2),
    "webhooks_ack_ms_p99": Target("payments", "webhooks, acknowledged p99 ms", 1000, 250),
    "statement_twice_s": Target("payments", "statement twice, s", 30, 15),
    "noisy_neighbour_p99": Target("PostgreSQL", "p99 of the others, noisy ÷ quiet", 2, 2),
}
