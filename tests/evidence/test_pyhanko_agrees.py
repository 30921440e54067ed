"""pyHanko's own command line says the same of our seals as we do: another reader, another judgement."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.reports.seal.keys import SealFolder
from backend.reports.seal.press import Press
from backend.reports.seal.verifying import trust_of, verify
from tests.evidence.documents import sealed_files
from tests.evidence.issuing import Authority, a_folder


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[SealFolder, Authority, bytes]:
    """A company, an authority, and a report that both put their name to."""
    place = tmp_path_factory.mktemp("press")
    company, authority = a_folder(place / "company"), Authority()
    (file,) = sealed_files(Press(company, authority), [1], random.Random(1), place)
    return company, authority, file


def judged(file: bytes, trusted: list[bytes], place: Path) -> subprocess.CompletedProcess[str]:
    """What `pyhanko sign validate` says; only those certificates are believed."""
    report = place / "report.pdf"
    report.write_bytes(file)
    roots = []
    for number, pem in enumerate(trusted):
        root = place / f"{number}.pem"
        root.write_bytes(pem)
        roots += ["--trust", str(root)]
    options = ["--pretty-print", "--no-revocation-check", "--trust-replace", *roots]
    command = [sys.executable, "-m", "pyhanko", "sign", "validate", *options, str(report)]
    return subprocess.run(command, capture_output=True, text=True, cwd=place, check=False)


def test_a_sealed_report_is_valid_whole_and_timestamped(
    sealed: tuple[SealFolder, Authority, bytes], tmp_path: Path
) -> None:
    company, authority, file = sealed
    said = judged(file, [company.certificates(), authority.pem], tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    for words in (
        "The signature is judged VALID.",
        "The signature covers the entire file.",
        "The signature is cryptographically sound.",
        "The signer's certificate is trusted.",
        "The TSA certificate is trusted.",
    ):
        assert words in said.stdout, said.stdout


def a_changed_byte(file: bytes) -> bytes:
    at = file.index(b"stream") + 40
    return file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]


@pytest.mark.parametrize(
    ("forged", "trusts_us", "words"),
    [
        (a_changed_byte, True, "The signature is judged INVALID."),
        (bytes, False, "The signature is judged INVALID."),
        # It calls this one valid, and only says that it does not cover the whole: see decision 87.
        (lambda file: file + b"% more\n", True, "The signature does not cover the entire file."),
    ],
    ids=["a changed byte", "a stranger's seal", "a byte more"],
)
def test_what_we_refuse_it_finds_fault_with(
    sealed: tuple[SealFolder, Authority, bytes],
    tmp_path: Path,
    forged: Callable[[bytes], bytes],
    trusts_us: bool,
    words: str,
) -> None:
    company, authority, file = sealed
    trusted = company if trusts_us else a_folder(tmp_path / "stranger")
    said = judged(forged(file), [trusted.certificates(), authority.pem], tmp_path)
    assert words in said.stdout, said.stdout + said.stderr
    trust = trust_of(trusted, authority.pem)
    assert not verify(forged(file), trust).genuine
