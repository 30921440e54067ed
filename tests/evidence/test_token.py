"""A seal key in hardware. The token is a stand-in of this process: pyHanko speaks to it as to a real one.

What it does not show is how any maker's module behaves: these machines have none.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pkcs11 import Attribute, Mechanism
from pkcs11.exceptions import PinIncorrect
from pyhanko.sign import pkcs11 as spoken_to

from backend.reports.seal.keys import SealFolder, SealKeyMissing
from backend.reports.seal.press import Press
from backend.reports.seal.verifying import trust_of, verify
from tests.evidence.documents import job_of, sealed_files
from tests.evidence.issuing import NOW, a_folder

URI = "pkcs11:token=Company%20seals;object=report-seal?module-path=module.so"
PIN = "1234"


class Token:
    """One slot, one token, one session, one key."""

    label = "Company seals"

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self.key, self.opened = key, 0

    def get_slots(self) -> list[Token]:
        return [self]

    def get_token(self) -> Token:
        return self

    def open(self, user_pin: str | None = None) -> Token:
        if user_pin != PIN:
            raise PinIncorrect
        self.opened += 1
        return self

    def get_objects(self, wanted: dict[Attribute, Any]) -> Iterator[Token]:
        yield from [self] if wanted.get(Attribute.LABEL) == "report-seal" else []

    def sign(self, data: bytes, mechanism: Mechanism, **_: Any) -> bytes:
        assert mechanism in {Mechanism.ECDSA_SHA256, Mechanism.ECDSA}
        assert mechanism is Mechanism.ECDSA_SHA256, "it gets the data, not their digest"
        r, s = decode_dss_signature(self.key.sign(data, ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    made = a_folder(tmp_path / "maker")
    secret = load_pem_private_key(made.key_file(made.current()).read_bytes(), None)
    assert isinstance(secret, EllipticCurvePrivateKey)
    token = Token(secret)
    monkeypatch.setattr(spoken_to, "p11_lib", lambda path: {"module.so": token}[path])
    return token


@pytest.fixture
def company(tmp_path: Path, token: Token) -> SealFolder:
    """A firm that has the certificate, and not the key."""
    maker, folder = SealFolder(tmp_path / "maker"), SealFolder(tmp_path / "company")
    certificate = x509.load_pem_x509_certificate(maker.certificate_file(maker.current()).read_bytes())
    key = folder.adopt(certificate, None, NOW, URI)
    assert not folder.key_file(key).exists()
    return folder


def test_reports_are_sealed_by_a_key_that_is_nowhere_in_the_folder(
    company: SealFolder, token: Token, tmp_path: Path
) -> None:
    files = sealed_files(Press(company, None, PIN), [1, 2], random.Random(1), tmp_path)
    assert [fault for file in files for fault in verify(file, trust_of(company)).faults] == []
    assert token.opened == 1, "one session for as long as the press runs"


def test_a_wrong_pin_is_a_seal_key_that_is_missing(company: SealFolder, tmp_path: Path) -> None:
    answer = Press(company, None, "0000").do(job_of(1, random.Random(1), tmp_path))
    assert (answer["kind"], "PinIncorrect" in answer["error"]) == (SealKeyMissing.__name__, True)


def test_without_the_package_the_firm_is_told_which_one(
    company: SealFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "backend.reports.seal.token", raising=False)
    monkeypatch.setitem(sys.modules, "pkcs11.exceptions", None)
    answer = Press(company, None, PIN).do(job_of(1, random.Random(1), tmp_path))
    assert answer["kind"] == SealKeyMissing.__name__
    assert "doorstep[pkcs11]" in answer["error"]


@pytest.mark.parametrize("uri", ["report-seal", "pkcs11:token=A;object=b", "pkcs11:?module-path=/m.so"])
def test_a_token_that_is_none_is_refused_at_once(company: SealFolder, uri: str) -> None:
    certificate = x509.load_pem_x509_certificate(company.certificates())
    with pytest.raises(SealKeyMissing, match="RFC 7512"):
        company.adopt(certificate, None, NOW, uri)
