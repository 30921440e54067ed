"""A timestamp where no authority is set to judge it by: no forgery, and no proof of when either."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import algos, cms
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper, TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from backend.reports.seal.inspecting import GENUINE, REFUSED, UNSETTLED, main
from backend.reports.seal.keys import SealFolder
from backend.reports.seal.press import Press
from backend.reports.seal.verifying import trust_of, verify
from mobile_client_stub.phone import Phone
from tests.clock import SettableClock
from tests.evidence.documents import sealed_files
from tests.evidence.issuing import NOW, Authority, House, a_folder
from tests.evidence.mutations import Forger
from tests.evidence.test_issuing import signed_and_sent
from tests.given import reports

SETTING = "set DOORSTEP_TIMESTAMP_ROOTS to that PEM file"


@dataclass(frozen=True)
class Stamped:
    """Two reports of a company that both bear the stamp of an authority."""

    place: Path
    company: SealFolder
    authority: Authority
    files: list[bytes]

    def forger(self) -> Forger:
        company, own = self.company, a_folder(self.place / "own")
        return Forger(self.files, company, company, own, Authority("Another one"), self.place)


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> Stamped:
    place = tmp_path_factory.mktemp("press")
    company, authority = a_folder(place / "company"), Authority()
    files = sealed_files(Press(company, authority), [1, 2], random.Random(1), place)
    return Stamped(place, company, authority, files)


def ask(file: bytes, place: Path, company: Path, *more: str, authority: Authority | None = None) -> Result:
    """What `doorstep verify` says; the authority's certificate is known only when it is given."""
    report, roots = place / "report.pdf", place / "roots.pem"
    report.write_bytes(file)
    if authority is not None:
        roots.write_bytes(authority.pem)
        more = (*more, "--authorities", str(roots))
    return CliRunner().invoke(main, [str(report), str(company), *more])


def assert_unsettled(said: Result, what: str) -> None:
    assert said.exit_code == UNSETTLED, said.output
    assert f"UNSETTLED: The {what} cannot be judged: no authority is set here." in said.output
    assert SETTING in said.output
    assert "CN=Time for Tests" in said.output
    assert "NOT GENUINE" not in said.output


def test_offline_it_is_told_apart_from_a_forgery_with_the_setting_that_settles_it(
    stamped: Stamped, tmp_path: Path
) -> None:
    company = stamped.company.path
    said = ask(stamped.files[0], tmp_path, company)
    assert_unsettled(said, "timestamp in its seal")
    assert "All but the timestamp is GENUINE by its seal; no data base was asked." in said.output
    assert not verify(stamped.files[0], trust_of(stamped.company)).genuine, "not settled is not genuine"
    said = ask(stamped.files[0], tmp_path, company, authority=stamped.authority)
    assert (said.exit_code, "UNSETTLED" in said.output) == (GENUINE, False), said.output


def test_with_another_authority_set_it_is_refused(stamped: Stamped, tmp_path: Path) -> None:
    """No signature covers the place of the stamp: whoever has the file can put his own there."""
    said = ask(stamped.files[0], tmp_path, stamped.company.path, authority=Authority("Another one"))
    assert said.exit_code == REFUSED, said.output
    assert "NOT GENUINE: The timestamp is of none of the authorities that are set here" in said.output
    assert "UNSETTLED" not in said.output


def test_a_public_authority_is_known_by_its_root_alone(stamped: Stamped, tmp_path: Path) -> None:
    """Its tokens bring the certificate between: nobody has to set that."""
    authority, root = _a_public_authority()
    (file,) = sealed_files(Press(stamped.company, authority), [1], random.Random(1), tmp_path)
    verdict = verify(file, trust_of(stamped.company))
    assert (verdict.genuine, verdict.faults, verdict.unknown_authority) == (False, [], "CN=Root")
    assert verify(file, trust_of(stamped.company, root)).genuine


def _a_public_authority() -> tuple[TimeStamper, bytes]:
    """An authority two steps below a root, and the root as PEM."""
    keys = [generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3)]
    names = ("Root", "Middle", "Desk")
    made = [
        _certificate(names[at], key, names[max(at - 1, 0)], keys[max(at - 1, 0)], is_desk=at == 2)
        for at, key in enumerate(keys)
    ]
    middle, desk = (asn1_x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in made[1:])
    secret = keys[2].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    store = SimpleCertificateStore.from_certs([middle])
    authority = DummyTimeStamper(desk, asn1_keys.PrivateKeyInfo.load(secret), certs_to_embed=store)
    return authority, made[0].public_bytes(Encoding.PEM)


def _certificate(
    name: str, key: RSAPrivateKey, issuer: str, signer: RSAPrivateKey, *, is_desk: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=not is_desk, path_length=None), critical=True)
    )
    if is_desk:
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(stamping, critical=True)
    return builder.sign(signer, SHA256())


def _stamp_of_the_other(stamped: Stamped) -> bytes:
    """A good stamp, and over another seal."""
    one, other = stamped.files
    ours, theirs = _envelope(one), _envelope(other)
    (signer,), (stranger,) = ours["content"]["signer_infos"], theirs["content"]["signer_infos"]
    signer["unsigned_attrs"] = stranger["unsigned_attrs"]
    return _in_envelope(one, ours)


def _another_algorithm(stamped: Stamped) -> bytes:
    """Something in the envelope that no signature covers."""
    file = stamped.files[0]
    envelope = _envelope(file)
    envelope["content"]["digest_algorithms"].append(algos.DigestAlgorithm({"algorithm": "sha512"}))
    return _in_envelope(file, envelope)


def _gap(file: bytes) -> tuple[int, int]:
    begin = file.rindex(b"/Contents <") + 11
    return begin, file.index(b">", begin)


def _envelope(file: bytes) -> cms.ContentInfo:
    begin, end = _gap(file)
    return cms.ContentInfo.load(bytes.fromhex(file[begin:end].decode()))


def _in_envelope(file: bytes, envelope: cms.ContentInfo) -> bytes:
    begin, end = _gap(file)
    written = envelope.dump(force=True).hex().upper().encode()
    return file[:begin] + written.ljust(end - begin, b"0") + file[end:]


FORGERIES: dict[str, tuple[Callable[[Stamped], bytes], str]] = {
    "a changed byte": (
        lambda stamped: stamped.files[0].replace(b"stream\n", b"stream\r", 1),
        "NOT GENUINE: ",
    ),
    "more behind it": (
        lambda stamped: stamped.files[0] + b"%\n",
        "NOT GENUINE: The seal does not cover the whole file.",
    ),
    "a stamp of another seal": (_stamp_of_the_other, "NOT GENUINE: The timestamp does not fit the seal."),
    "another algorithm in the envelope": (
        _another_algorithm,
        "NOT GENUINE: The seal's envelope was changed: it is not written as we write it.",
    ),
    "a certificate hidden in the stamp": (
        lambda stamped: stamped.forger().hide_a_certificate(random.Random(1)),
        "NOT GENUINE: The seal's envelope was changed: a certificate in the timestamp",
    ),
    "a seal that is not the company's": (
        lambda stamped: stamped.forger().by_another_key(random.Random(1)),
        "NOT GENUINE: The seal is not the company's.",
    ),
}


@pytest.mark.parametrize(("forged", "words"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forgery_is_refused_whoever_stamped_it(
    stamped: Stamped, tmp_path: Path, forged: Callable[[Stamped], bytes], words: str
) -> None:
    file = forged(stamped)
    assert file not in stamped.files
    said = ask(file, tmp_path, stamped.company.path)
    assert (said.exit_code, words in said.output) == (REFUSED, True), said.output
    assert "GENUINE by" not in said.output


def test_a_stamp_of_nobody_we_know_saves_no_revoked_key(stamped: Stamped) -> None:
    (key,) = stamped.company.all_keys()
    known = trust_of(stamped.company, stamped.authority.pem)
    later = replace(known, revoked={key.name: NOW + timedelta(days=36_500)})
    assert verify(stamped.files[0], later).genuine
    (fault,) = verify(stamped.files[0], replace(later, authorities=[])).faults
    assert "was revoked" in fault


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_server_that_knows_the_hash_does_not_settle_whose_stamp_it_is(
    phone: Phone, work: reports.Work, clock: SettableClock, house: House, address: str, tmp_path: Path
) -> None:
    house.authority = Authority()
    signed_and_sent(phone, work, clock)
    house.issue()
    file = base64.b64decode(house.mails[0]["attachments"][0]["base64"])
    said = ask(file, tmp_path, tmp_path / "no keys", "--server", address)
    assert_unsettled(said, "timestamp in its seal")
    assert f"All but the timestamp is GENUINE by its seal and its hash at {address}." in said.output
    said = ask(file, tmp_path, tmp_path / "no keys", "--server", address, authority=house.authority)
    assert said.exit_code == GENUINE, said.output
    said = ask(file + b"\n", tmp_path, tmp_path / "no keys", "--server", address)
    assert said.exit_code == REFUSED, said.output


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_stamp_that_came_later_is_told_apart_as_well(
    phone: Phone, work: reports.Work, clock: SettableClock, house: House, tmp_path: Path
) -> None:
    house.authority = Authority()
    house.authority.down = True
    signed_and_sent(phone, work, clock)
    house.issue()
    file = base64.b64decode(house.mails[0]["attachments"][0]["base64"])
    house.authority.down = False
    clock.advance(hours=2)
    house.issue()
    data = ("--database", house.wiring.settings.database_url)
    said = ask(file, tmp_path, house.folder.path, *data)
    assert_unsettled(said, "later timestamp")
    said = ask(file, tmp_path, house.folder.path, *data, authority=house.authority)
    assert (said.exit_code, "Timestamped later, at" in said.output) == (GENUINE, True), said.output
    said = ask(file, tmp_path, house.folder.path, *data, authority=Authority("Another one"))
    assert (said.exit_code, "Its later timestamp is not good." in said.output) == (REFUSED, True), said.output
