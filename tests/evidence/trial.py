"""Seal many reports, check each, and forge more of them: what passes for genuine though it is not."""

from __future__ import annotations

import hashlib
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from backend.reports.seal.keys import SealFolder
from backend.reports.seal.press import Press
from backend.reports.seal.verifying import Trust, trust_of, verify
from tests.evidence.documents import sealed_files
from tests.evidence.issuing import NOW, Authority, a_folder
from tests.evidence.mutations import Forger


@dataclass
class Trial:
    """What came of it. Seconds and bytes are per report."""

    reports: int = 0
    refused_reports: list[str] = field(default_factory=list)
    forged: Counter[str] = field(default_factory=Counter)
    passed_offline: Counter[str] = field(default_factory=Counter)
    passed_online: Counter[str] = field(default_factory=Counter)
    seal_seconds: float = 0.0
    verify_seconds: float = 0.0
    size: int = 0

    @property
    def holds(self) -> bool:
        return not (self.refused_reports or self.passed_offline or self.passed_online)


def run_trial(reports: int, mutations: int, seed: int, folder: Path) -> Trial:
    """With a timestamp authority that is up; every report is checked, and every forgery."""
    dice, told = random.Random(seed), Trial(reports)
    authority, company = Authority(), a_folder(folder / "company")
    trust, revoked = _trust(company, authority, folder)
    begun = time.monotonic()
    files = sealed_files(Press(company, authority), reports, dice, folder)
    told.seal_seconds = (time.monotonic() - begun) / reports
    told.size = round(statistics.median(len(file) for file in files))
    known = {hashlib.sha256(file).hexdigest() for file in files}
    begun = time.monotonic()
    for verdict in (verify(file, trust) for file in files):
        told.refused_reports += verdict.faults
    told.verify_seconds = (time.monotonic() - begun) / reports
    forger = Forger(files, company, revoked, a_folder(folder / "own"), Authority("Another one"))
    for name, forged in _forgeries(forger, dice, mutations, known):
        told.forged[name] += 1
        told.passed_offline[name] += verify(forged, trust).genuine
        told.passed_online[name] += hashlib.sha256(forged).hexdigest() in known
    told.passed_offline, told.passed_online = +told.passed_offline, +told.passed_online
    return told


def _forgeries(
    forger: Forger, dice: random.Random, count: int, known: set[str]
) -> Iterator[tuple[str, bytes]]:
    made = 0
    while made < count:
        name, forged = forger.forge(dice)
        if hashlib.sha256(forged).hexdigest() in known:
            continue  # it came out as the file it was made of
        made += 1
        yield name, forged


def _trust(company: SealFolder, authority: Authority, folder: Path) -> tuple[Trust, SealFolder]:
    """Whom a verifier believes: the company, and a key of its own that was revoked."""
    revoked = a_folder(folder / "revoked")
    (stolen,) = revoked.all_keys()
    genuine, old = trust_of(company, authority.pem), trust_of(revoked)
    ended = {stolen.name: NOW - timedelta(days=1)}
    return Trust([*genuine.seals, *old.seals], genuine.authorities, ended), revoked
