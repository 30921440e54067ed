"""No forgery passes: a small number here, the full one by `python -m tests.evidence`."""

from __future__ import annotations

from pathlib import Path

from tests.evidence.mutations import KINDS
from tests.evidence.trial import run_trial


def test_sealed_reports_are_genuine_and_no_forgery_of_them_is(tmp_path: Path) -> None:
    told = run_trial(reports=4, mutations=80, seed=1, folder=tmp_path)
    assert told.holds, (told.refused_reports, told.passed_offline, told.passed_online)
    assert told.forged.keys() == KINDS.keys(), "every kind of forgery was drawn"
