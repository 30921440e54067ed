"""The list of faults, in the order in which they happen to a server that they share."""

from tests.faults import clocks, disks, network, people, phones, processes, releases, storage
from tests.faults.case import Case

CASES: tuple[Case, ...] = (
    *network.CASES,
    *people.CASES,
    *clocks.CASES,
    *phones.CASES,
    *processes.CASES,
    *releases.CASES,
    *disks.CASES,
    *storage.CASES,
)
