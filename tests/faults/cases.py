"""The list of faults, in the order in which they happen to a server that they share."""

from tests.faults import network, people, processes, storage
from tests.faults.case import Case

CASES: tuple[Case, ...] = (*network.CASES, *people.CASES, *processes.CASES, *storage.CASES)
