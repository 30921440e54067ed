"""What the press leaves in a file: streams as bytes, and room for every certificate of the key."""

from __future__ import annotations

import random
from pathlib import Path

import pypdfium2
import pytest
from asn1crypto import pem, x509
from reportlab.pdfgen.canvas import Canvas

from backend.reports.seal.layout import lay_out
from backend.reports.seal.press import Press
from backend.reports.seal.signing import seal, signer_of
from tests.evidence.documents import job_of, sealed_files
from tests.evidence.issuing import a_folder

CHAIN = 12


def test_pictures_and_fonts_are_bytes_and_not_letters(tmp_path: Path) -> None:
    (file,) = sealed_files(Press(a_folder(tmp_path / "company"), None), [1], random.Random(1), tmp_path)
    assert b"/FontFile2" in file
    assert b"ASCII85" not in file


@pytest.mark.parametrize("rows", range(15, 22))
def test_the_page_with_the_code_has_the_signature_as_well(tmp_path: Path, rows: int) -> None:
    """However far what stands before it reaches down the page."""
    job = job_of(1, random.Random(1), tmp_path)
    report = job["content"]["report"]
    report["conduct"] = (report["conduct"] * rows)[:rows]
    files = {name: Path(path) for name, path in job["files"].items()}
    with pypdfium2.PdfDocument(lay_out(job["content"], "ab" * 32, files)) as document:
        *_, last = [page.get_textpage().get_text_bounded() for page in document]
    assert "Fingerprint" in last
    assert "I have read this report." in last
    assert "Ada Lindgren (customer)" in last


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"offered": False}, None),
        ({"declined": True}, "The card was offered; the customer did not want it."),
        ({}, "The card was offered; nothing was put on it."),
        ({"quality": 4}, "Quality 4 of 5"),
        ({"words": "Friendly."}, "“Friendly.”"),
    ],
)
def test_whatever_stands_on_the_card_the_page_is_made(
    tmp_path: Path, card: dict[str, object], said: str | None
) -> None:
    job = job_of(1, random.Random(1), tmp_path)
    empty = dict.fromkeys(("punctuality", "conduct", "quality", "cleanliness", "words"))
    job["content"]["report"]["card"] = {"offered": True, "declined": False, **empty, **card}
    files = {name: Path(path) for name, path in job["files"].items()}
    with pypdfium2.PdfDocument(lay_out(job["content"], "ab" * 32, files)) as document:
        words = " ".join(page.get_textpage().get_text_bounded() for page in document)
    assert ("The customer's feedback" in words) is (said is not None)
    assert said is None or said in words


def test_a_key_with_a_long_chain_of_certificates_seals(tmp_path: Path) -> None:
    company = a_folder(tmp_path / "company")
    signer = signer_of(company)
    chain = []
    for number in range(CHAIN):
        other = a_folder(tmp_path / str(number))
        certificate = other.certificate_file(other.current()).read_bytes()
        chain.append(x509.Certificate.load(pem.unarmor(certificate)[2]))
    signer.cert_registry.register_multiple(chain)
    page = Canvas(str(tmp_path / "page.pdf"))
    page.drawString(72, 72, "A new valve.")
    page.save()
    sealed = seal((tmp_path / "page.pdf").read_bytes(), {}, signer, None, firm="Doorstep")
    written = sealed.pdf.lower()
    assert all(certificate.dump().hex().encode() in written for certificate in chain)
