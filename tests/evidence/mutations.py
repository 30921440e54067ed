"""Changes that somebody could make to a sealed file, drawn by a seed; none of them may pass for genuine."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asn1crypto import cms, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps import TimeStamper

from backend.reports.seal.content import ANSWERS, MANIFEST, REPORT, SIGNATURE, canonical, fingerprint_of
from backend.reports.seal.keys import SealFolder
from backend.reports.seal.layout import lay_out
from backend.reports.seal.signing import seal, signer_of
from backend.reports.seal.verifying import attachments_of, trust_of


@dataclass(frozen=True)
class Forger:
    """Somebody with a pile of sealed files, at the company's press or with a stolen key or one of his own."""

    files: list[bytes]
    company: SealFolder
    revoked: SealFolder
    own: SealFolder
    authority: TimeStamper
    originals: Path
    """Where the files lie that the reports show, by their SHA-256."""

    def forge(self, dice: random.Random, number: int) -> tuple[str, bytes]:
        """One forgery, and what it is called; the first ones are of every kind, the others as it comes."""
        kinds = list(KINDS)
        if number <= len(kinds):
            name = kinds[number - 1]
        else:
            name = dice.choices(kinds, weights=[weight for weight, _ in KINDS.values()])[0]
        return name, KINDS[name][1](self, dice)

    def _file(self, dice: random.Random) -> bytes:
        return dice.choice(self.files)

    def flip(self, dice: random.Random) -> bytes:
        file = bytearray(self._file(dice))
        file[dice.randrange(len(file))] ^= 1 << dice.randrange(8)
        return bytes(file)

    def flip_in_the_seal(self, dice: random.Random) -> bytes:
        file = bytearray(self._file(dice))
        begin = file.rindex(b"/Contents <") + 11
        file[dice.randrange(begin, file.index(b">", begin))] ^= 1 << dice.randrange(8)
        return bytes(file)

    def cut(self, dice: random.Random) -> bytes:
        file = self._file(dice)
        return file[: dice.randrange(1, len(file))]

    def cut_out(self, dice: random.Random) -> bytes:
        file = self._file(dice)
        begin = dice.randrange(len(file) - 2)
        return file[:begin] + file[begin + dice.randrange(1, min(2000, len(file) - begin)) :]

    def append_bytes(self, dice: random.Random) -> bytes:
        return self._file(dice) + dice.randbytes(dice.randrange(1, 200))

    def append_revision(self, dice: random.Random) -> bytes:
        writer = IncrementalPdfFileWriter(io.BytesIO(self._file(dice)))
        writer.update_root()
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    def swap_bytes_between(self, dice: random.Random) -> bytes:
        one, other = bytearray(self._file(dice)), self._file(dice)
        length = dice.randrange(64, 4000)
        begin = dice.randrange(max(1, min(len(one), len(other)) - length))
        piece = other[begin : begin + length]
        if one[begin : begin + length] == piece:
            piece = bytes(reversed(piece)) if piece != piece[::-1] else piece[:-1] + b"!"
        one[begin : begin + length] = piece
        return bytes(one)

    def manifest_of_another(self, dice: random.Random) -> bytes:
        """Sealed by the company's own key, with what a phone signed of another visit: a clerk who cheats."""
        file, other = dice.sample(list(self.files), 2)
        attached = {**_attached(file), **_phone_texts(other)}
        return self._sealed_by(self.company, file, attached, None)

    def photo_of_another(self, dice: random.Random) -> bytes:
        """Sealed by the company's own key: on its page, and in its data, a photo out of another report."""
        (attached, photo), (_, other) = self._with_a_photo(dice), self._with_a_photo(dice)
        while other["sha256"] == photo["sha256"]:  # two reports may show the same one
            _, other = self._with_a_photo(dice)
        content = json.loads(attached[REPORT])
        media = content["report"]["media"]
        next(each for each in media if each["id"] == photo["id"]).update(
            sha256=other["sha256"], size=other["size"]
        )
        data = canonical(content)
        shown = {medium["id"]: self.originals / medium["sha256"] for medium in media}
        page = lay_out(content, fingerprint_of(data), shown)
        return self._sealed(self.company, page, {**attached, REPORT: data}, None)

    def _with_a_photo(self, dice: random.Random) -> tuple[dict[str, bytes], dict[str, Any]]:
        """What is attached to a report that shows photos, and one of these."""
        while True:
            attached = _attached(self._file(dice))
            media = json.loads(attached[REPORT])["report"]["media"]
            if photos := [medium for medium in media if medium["type"] == "image/jpeg"]:
                return attached, dice.choice(photos)

    def other_charge(self, dice: random.Random) -> bytes:
        """Sealed by the company's own key, with a charge that the customer was not shown."""
        file = self._file(dice)
        attached = _attached(file)
        content = json.loads(attached[REPORT])
        content["report"]["charges"][0]["unit_minor"] += dice.randrange(1, 10_000)
        return self._sealed_by(self.company, file, {**attached, REPORT: canonical(content)}, None)

    def by_another_key(self, dice: random.Random) -> bytes:
        file = self._file(dice)
        return self._sealed_by(self.own, file, _attached(file), None)

    def by_the_revoked_key(self, dice: random.Random) -> bytes:
        file = self._file(dice)
        return self._sealed_by(self.revoked, file, _attached(file), None)

    def with_another_authority(self, dice: random.Random) -> bytes:
        file = self._file(dice)
        return self._sealed_by(self.company, file, _attached(file), self.authority)

    def hide_a_certificate(self, dice: random.Random) -> bytes:
        """Something of his own in the timestamp, as a certificate that is its own issuer."""
        file = self._file(dice)
        return _with_certificate(file, _certificates_of(self.own)[0])

    def hide_a_trusted_certificate(self, dice: random.Random) -> bytes:
        """A certificate that is believed, in the timestamp, where the authority did not put it."""
        file = self._file(dice)
        return _with_certificate(file, _certificates_of(self.company)[0])

    def _sealed_by(
        self, folder: SealFolder, file: bytes, attached: Mapping[str, bytes], clock: TimeStamper | None
    ) -> bytes:
        first = file[: file.index(b"%%EOF") + 6]  # the page as it was before the seal
        return self._sealed(folder, first, attached, clock)

    def _sealed(
        self, folder: SealFolder, page: bytes, attached: Mapping[str, bytes], clock: TimeStamper | None
    ) -> bytes:
        return seal(page, attached, signer_of(folder), clock, firm="Hearth & Home").pdf


KINDS: Mapping[str, tuple[int, Callable[[Forger, random.Random], bytes]]] = {
    "bit flip": (30, Forger.flip),
    "bit flip in the seal": (20, Forger.flip_in_the_seal),
    "cut": (10, Forger.cut),
    "cut out": (8, Forger.cut_out),
    "appended bytes": (6, Forger.append_bytes),
    "appended revision": (6, Forger.append_revision),
    "bytes of another file": (8, Forger.swap_bytes_between),
    "manifest of another visit": (3, Forger.manifest_of_another),
    "swapped photo": (3, Forger.photo_of_another),
    "another charge": (3, Forger.other_charge),
    "another key": (3, Forger.by_another_key),
    "revoked key": (3, Forger.by_the_revoked_key),
    "wrong timestamp": (3, Forger.with_another_authority),
    "hidden certificate": (3, Forger.hide_a_certificate),
    "hidden trusted certificate": (3, Forger.hide_a_trusted_certificate),
}
"""What is drawn, and how often."""


def _attached(file: bytes) -> dict[str, bytes]:
    return attachments_of(PdfFileReader(io.BytesIO(file)))


def _phone_texts(file: bytes) -> dict[str, bytes]:
    attached = _attached(file)
    return {name: attached[name] for name in (MANIFEST, ANSWERS, SIGNATURE)}


def _certificates_of(folder: SealFolder) -> list[x509.Certificate]:
    return list(trust_of(folder).seals)


def _with_certificate(file: bytes, certificate: x509.Certificate) -> bytes:
    """The file with one more certificate in its timestamp, and as much less padding behind the seal."""
    begin = file.rindex(b"/Contents <") + 11
    end = file.index(b">", begin)
    padded = bytes.fromhex(file[begin:end].decode())
    info = cms.ContentInfo.load(padded)
    (signer,) = info["content"]["signer_infos"]
    data = signer["unsigned_attrs"][0]["values"][0]["content"]
    data["certificates"] = [*(each.chosen for each in data["certificates"]), certificate]
    changed = info.dump(force=True).ljust(len(padded), b"\0")
    return file[:begin] + changed.hex().upper().encode() + file[end:]
