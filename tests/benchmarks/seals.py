"""What a seal costs: laying a report out, signing it, its size, and checking it again."""

from __future__ import annotations

import hashlib
import random
import statistics
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image

from backend.reports.seal.keys import SealFolder
from backend.reports.seal.press import Press
from backend.reports.seal.verifying import trust_of, verify
from tests.benchmarks.exchanges import Figures
from tests.evidence.documents import AT, job_of
from tests.evidence.issuing import a_folder

REPORTS = 30
PHOTOS = 4
COPY = (2560, 1920)
"""Pixels of what is drawn of a photo, and given to the press."""


def seals(folder: Path) -> Figures:
    """Seal reports one after the other in this process, as the press does, and check each.

    Times are the processor's: nothing is waited for, no authority is asked.
    """
    folder.mkdir()
    company = a_folder(folder / "company")
    press, dice = Press(company, None), random.Random(1)
    photo = folder / "copy.jpg"
    a_copy().save(photo, "JPEG", quality=85)
    jobs = [_with_photos(job_of(number, dice, folder), photo) for number in range(REPORTS + 1)]
    began = time.process_time()
    _pressed(press, jobs[0])
    first = time.process_time() - began
    taken, files = [], []
    for job in jobs[1:]:
        began = time.process_time()
        files.append(_pressed(press, job))
        taken.append(time.process_time() - began)
    return {
        "first seal of a press, with its fonts, s": first,
        f"seal of a report with {PHOTOS} photos, p50 ms": statistics.median(taken) * 1000,
        f"seal of a report with {PHOTOS} photos, p95 ms": statistics.quantiles(taken, n=20)[-1] * 1000,
        f"size of a report with {PHOTOS} photos, kB": statistics.median(map(len, files)) / 1000,
        "check of a report, p50 ms": _checking(company, files) * 1000,
    }


def a_copy() -> Image.Image:
    """A picture about as hard to compress as a photo."""
    noise = Image.effect_noise(COPY, 24)
    gradient = Image.linear_gradient("L").resize(COPY)
    return Image.merge("RGB", [Image.blend(gradient, noise, share) for share in (0.3, 0.4, 0.5)])


def _pressed(press: Press, job: dict[str, Any]) -> bytes:
    answer = press.do(job)
    assert "error" not in answer, answer
    return Path(job["out"]).read_bytes()


def _with_photos(job: dict[str, Any], photo: Path) -> dict[str, Any]:
    sha256 = hashlib.sha256(photo.read_bytes()).hexdigest()
    for number in range(PHOTOS):
        medium = {
            "id": str(uuid4()),
            "kind": "after" if number % 2 else "before",
            "sha256": sha256,
            "size": photo.stat().st_size,
            "type": "image/jpeg",
            "taken_at": AT,
            "left_out": None,
        }
        job["content"]["report"]["media"].append(medium)
        job["files"][medium["id"]] = str(photo)
    return job


def _checking(company: SealFolder, files: list[bytes]) -> float:
    """Seconds for one file, in the middle. Photos that no phone signed are found, and nothing else is."""
    trust, taken = trust_of(company), []
    for file in files:
        began = time.process_time()
        verdict = verify(file, trust)
        taken.append(time.process_time() - began)
        assert verdict.faults == ["The phone signed other files."], verdict.faults
    return statistics.median(taken)
