"""Seal many reports, check each, and forge more of them: what passes for genuine though it is not.

Offline a forgery is held against the certificates; online the application is asked by HTTP, as the page
/verify asks it. The work is spread over processes that are forked: they share keys, authorities and files.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from backend.reports.seal.keys import SealFolder
from backend.reports.seal.press import Press
from backend.reports.seal.verifying import Trust, trust_of, verify
from tests.evidence.documents import sealed_files
from tests.evidence.issuing import NOW, Authority, a_folder
from tests.evidence.mutations import Forger
from tests.evidence.online import browser, is_matched, write_down
from tests.media.pictures import a_picture

AT_ONCE = 20
"""Reports or forgeries that a process takes at a time."""
PHOTOS = 12
"""Different ones that the reports share."""
A, B = TypeVar("A"), TypeVar("B")


@dataclass
class Trial:
    """What came of it. Seconds are of one processor, per report or forgery; bytes per report."""

    reports: int = 0
    refused_reports: list[str] = field(default_factory=list)
    unknown_reports: int = 0
    forged: Counter[str] = field(default_factory=Counter)
    passed_offline: Counter[str] = field(default_factory=Counter)
    passed_online: Counter[str] = field(default_factory=Counter)
    seal_seconds: float = 0.0
    verify_seconds: float = 0.0
    size: int = 0

    @property
    def holds(self) -> bool:
        bad = self.refused_reports or self.unknown_reports or self.passed_offline or self.passed_online
        return not bad


@dataclass
class Bench:
    """What the processes share: whom a verifier believes, and who forges what."""

    folder: Path
    seed: int
    company: SealFolder
    authority: Authority
    trust: Trust
    forger: Forger
    photos: Sequence[bytes]


def run_trial(
    reports: int,
    mutations: int,
    seed: int,
    folder: Path,
    *,
    processes: int = 1,
    say: Callable[[str, int, int], None] = lambda *_: None,
) -> Trial:
    """With a timestamp authority that is up; every report is checked, and every forgery."""
    bench, told = _a_bench(folder, seed), Trial(reports)
    taken = []
    for number, (files, seconds) in enumerate(_spread(_sealed, bench, _batches(reports), processes), start=1):
        bench.forger.files.extend(files)
        taken.append(seconds)
        say("sealed", min(number * AT_ONCE, reports), reports)
    told.seal_seconds = sum(taken) / reports
    told.size = round(statistics.median(len(file) for file in bench.forger.files))
    write_down(folder, bench.forger.files)
    taken = []
    for faults, unknown, seconds in _spread(_checked, bench, _batches(reports), processes):
        told.refused_reports += faults
        told.unknown_reports += unknown
        taken.append(seconds)
    told.verify_seconds = sum(taken) / reports
    say("checked", reports, reports)
    for found in _spread(_forged, bench, _batches(mutations), processes):
        for name, offline, online in found:
            told.forged[name] += 1
            told.passed_offline[name] += offline
            told.passed_online[name] += online
        say("forged", told.forged.total(), mutations)
    told.passed_offline, told.passed_online = +told.passed_offline, +told.passed_online
    return told


def _a_bench(folder: Path, seed: int) -> Bench:
    authority, company = Authority(), a_folder(folder / "company")
    revoked = a_folder(folder / "revoked")
    (stolen,) = revoked.all_keys()
    genuine, old = trust_of(company, authority.pem), trust_of(revoked)
    trust = Trust([*genuine.seals, *old.seals], genuine.authorities, {stolen.name: NOW - timedelta(days=1)})
    forger = Forger([], company, revoked, a_folder(folder / "own"), Authority("Another one"), folder)
    photos = [a_picture(320 + 16 * number, 240) for number in range(PHOTOS)]
    return Bench(folder, seed, company, authority, trust, forger, photos)


def _batches(count: int) -> Iterator[range]:
    numbers = iter(range(1, count + 1))
    while batch := list(islice(numbers, AT_ONCE)):
        yield range(batch[0], batch[-1] + 1)


def _spread(work: Callable[[Bench, A], B], bench: Bench, parts: Iterable[A], processes: int) -> Iterator[B]:
    """The results of the parts in their order, worked on by that many processes; by this one when it is 1."""
    if processes == 1:
        yield from (work(bench, part) for part in parts)
        return
    global _shared  # the children of the fork find it
    _shared = bench
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        yield from pool.map(_with_shared, ((work, part) for part in parts))


_shared: Bench | None = None


def _with_shared(task: tuple[Callable[[Bench, A], B], A]) -> B:
    assert _shared is not None, "set before the fork"
    work, part = task
    return work(_shared, part)


def _sealed(bench: Bench, numbers: range) -> tuple[list[bytes], float]:
    begun = time.process_time()
    dice = random.Random(f"{bench.seed}/{numbers.start}")
    files = sealed_files(Press(bench.company, bench.authority), numbers, dice, bench.folder, bench.photos)
    return files, time.process_time() - begun


def _checked(bench: Bench, numbers: range) -> tuple[list[str], int, float]:
    begun = time.process_time()
    files = [bench.forger.files[number - 1] for number in numbers]
    faults = [fault for file in files for fault in verify(file, bench.trust).faults]
    seconds = time.process_time() - begun
    with browser(bench.folder) as asked:
        unknown = sum(not is_matched(asked, file) for file in files)
    return faults, unknown, seconds


def _forged(bench: Bench, numbers: range) -> list[tuple[str, bool, bool]]:
    """For each forgery its name, and whether it passed offline and online."""
    with browser(bench.folder) as asked:
        found = []
        for number in numbers:
            name, forged = _a_forgery(bench, number)
            found.append((name, verify(forged, bench.trust).genuine, is_matched(asked, forged)))
        return found


def _a_forgery(bench: Bench, number: int) -> tuple[str, bytes]:
    dice = random.Random(f"{bench.seed}/forgery/{number}")
    while True:
        name, forged = bench.forger.forge(dice, number)
        if forged not in bench.forger.files:  # else it came out as the file that it was made of
            return name, forged
