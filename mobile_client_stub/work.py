"""What a technician can do, as verbs: each writes one mutation to the journal, online or not."""

from datetime import datetime
from pathlib import Path

from mobile_client_stub import closing, journal, media_queue, records
from mobile_client_stub.closing import Ending
from mobile_client_stub.manifest import Evidence
from mobile_client_stub.overlay import EFFECTS
from mobile_client_stub.store import Account, Store
from mobile_client_stub.strokes import strokes_of
from mobile_client_stub.words import Body, Clock, PhoneError, text_of


class FieldWork:
    """The verbs. Ids may be short; `occurred_at` is now by the phone's clock unless given.

    Every verb returns the id of what it changed or made, and raises PhoneError when the phone does not know
    the record that is meant. Whether the server agrees with what was done shows after the next sync.
    """

    clock: Clock

    @property
    def store(self) -> Store:
        """The database of whoever uses the phone."""
        raise NotImplementedError

    @property
    def account(self) -> Account:
        """Who uses the phone."""
        raise NotImplementedError

    def view(self, collection: str) -> dict[str, Body]:
        """A collection as the user sees it."""
        raise NotImplementedError

    def records_of_visit(self, collection: str, visit_id: str) -> list[Body]:
        """All records of a collection that belong to a visit (whole id)."""
        raise NotImplementedError

    def record(self, collection: str, typed: str, noun: str) -> Body:
        """The one record that the typed id means, as the user sees it."""
        raise NotImplementedError

    def record_of_visit(self, collection: str, visit: str, noun: str) -> Body:
        """The one record of a collection that belongs to a visit."""
        raise NotImplementedError

    def write(
        self,
        kind: str,
        record: str,
        fields: Body | None = None,
        *,
        occurred_at: datetime | None = None,
        file: tuple[str, media_queue.File] | None = None,
        evidence: Evidence | None = None,
    ) -> str:
        """Put any mutation into the journal, in one transaction; returns its id.

        `file` (kind of medium, bytes that are kept) goes into the media queue with it, `evidence` into the
        chain of what this phone has signed.
        """
        given = {name: value for name, value in (fields or {}).items() if value is not None}
        moment = occurred_at or self.clock()
        effect = EFFECTS.get(kind)
        with self.store.transaction() as connection:
            base = None if effect is None else records.revision_of(connection, effect.collection, record)
            mutation_id = self.store.mint_id()
            journal.write(connection, mutation_id, kind, record, base, given, moment)
            if file is not None:
                media_queue.add(
                    connection, record, mutation_id, text_of(given, "visit_id"), file[0], file[1], moment
                )
            if evidence is not None:
                closing.keep(connection, self.account.device_id, record, evidence, moment)
        return mutation_id

    def step(
        self,
        name: str,
        visit: str,
        *,
        reason: str | None = None,
        place: tuple[float, float] | None = None,
        occurred_at: datetime | None = None,
    ) -> str:
        """A step of a visit.

        `name` is accept, depart, arrive, start, complete, complete_partially, cannot_complete or
        report_no_access.
        `place` is (latitude, longitude) in degrees.
        """
        visit_id = self._visit(visit)
        latitude, longitude = place or (None, None)
        fields: Body = {"reason": reason, "latitude": latitude, "longitude": longitude}
        self.write(f"visit.{name}", visit_id, fields, occurred_at=occurred_at)
        return visit_id

    def tick(self, item: str, *, packed: bool | None = None, verified: bool | None = None) -> str:
        """Tick a line of a checklist as packed, or as seen in the van."""
        item_id = text_of(self.record("checklist_items", item, "checklist item"), "id")
        self.write("checklist_item.tick", item_id, {"packed": packed, "verified": verified})
        return item_id

    def use(
        self,
        item: str,
        quantity: int,
        *,
        returned: bool = False,
        serial_number: str | None = None,
        occurred_at: datetime | None = None,
    ) -> str:
        """Say how much of a line of the checklist was used, or came back unused."""
        line = self.record("checklist_items", item, "checklist item")
        fields: Body = {
            "visit_id": line["visit_id"],
            "part_id": line["part_id"],
            "checklist_item_id": line["id"],
            "direction": "returned" if returned else "used",
            "quantity": quantity,
            "serial_number": serial_number,
        }
        return self._new("part_usage.record", fields, occurred_at)

    def answer(self, step: str, answer: str, *, note: str | None = None) -> str:
        """Answer a conduct step: yes, no or not_applicable."""
        step_id = text_of(self.record("conduct_steps", step, "conduct step"), "id")
        self.write("conduct_step.answer", step_id, {"answer": answer, "note": note})
        return step_id

    def waive(self, step: str, reason: str, paper: bytes | Path) -> str:
        """The customer does without a step: in their words (`reason`) and writing (`paper`, photo or PDF)."""
        known = self.record("conduct_steps", step, "conduct step")
        media_id = self.photo(text_of(known, "visit_id"), paper, "document")
        step_id = text_of(known, "id")
        self.write("conduct_step.waive", step_id, {"waived_reason": reason, "waiver_media_id": media_id})
        return step_id

    def photo(
        self,
        visit: str,
        content: bytes | Path,
        kind: str,
        *,
        place: tuple[float, float] | None = None,
        occurred_at: datetime | None = None,
    ) -> str:
        """Keep a file and queue it; `kind` is before, after, document or other."""
        visit_id = self._visit(visit)
        taken = content if isinstance(content, bytes) else _bytes_of(content)
        file = media_queue.keep_bytes(self.store, taken)
        media_id = self.store.mint_id()
        latitude, longitude = place or (None, None)
        fields: Body = {
            "visit_id": visit_id,
            "kind": kind,
            "sha256": file.sha256,
            "size": file.size,
            "content_type": file.content_type,
            "latitude": latitude,
            "longitude": longitude,
        }
        self.write("media.register", media_id, fields, occurred_at=occurred_at, file=(kind, file))
        return media_id

    def remove_part(
        self,
        visit: str,
        name: str,
        disposition: str | None = None,
        *,
        consented_by: str | None = None,
        serial_number: str | None = None,
        occurred_at: datetime | None = None,
    ) -> str:
        """A part taken out, what the customer wants done with it (keep, return, dispose), and who said so."""
        fields: Body = {
            "visit_id": self._visit(visit),
            "name": name,
            "disposition": disposition,
            "consented_by": consented_by,
            "serial_number": serial_number,
        }
        return self._new("removed_part.record", fields, occurred_at)

    def settle_part(self, part: str, disposition: str, *, consented_by: str) -> str:
        """What the customer wants done with a part taken out earlier."""
        part_id = text_of(self.record("removed_parts", part, "removed part"), "id")
        self.write("removed_part.settle", part_id, {"disposition": disposition, "consented_by": consented_by})
        return part_id

    def note(self, visit: str, text: str, *, occurred_at: datetime | None = None) -> str:
        """Write something down about a visit."""
        return self._new("visit_note.add", {"visit_id": self._visit(visit), "text": text}, occurred_at)

    def write_report(self, visit: str, *, findings: str | None = None, work_done: str | None = None) -> str:
        """The report's prose; what is left out stays as it is."""
        report_id = self._report(visit)
        self.write("service_report.write", report_id, {"findings": findings, "work_done": work_done})
        return report_id

    def charge(
        self,
        visit: str,
        description: str,
        quantity: int,
        unit_minor: int,
        currency: str,
        *,
        part_id: str | None = None,
    ) -> str:
        """A charge for the customer to approve; `unit_minor` in the smallest unit of the currency."""
        fields: Body = {
            "report_id": self._report(visit),
            "description": description,
            "quantity": quantity,
            "unit_minor": unit_minor,
            "currency": currency,
            "part_id": part_id,
        }
        return self._new("report_charge.add", fields, None)

    def withdraw_charge(self, charge: str) -> str:
        """Take a charge back before the report is frozen."""
        charge_id = text_of(self.record("report_charges", charge, "charge"), "id")
        self.write("report_charge.withdraw", charge_id)
        return charge_id

    def freeze(self, visit: str, *, occurred_at: datetime | None = None) -> str:
        """Close the report for changes, before the customer sees it."""
        report_id = self._report(visit)
        self.write("service_report.freeze", report_id, occurred_at=occurred_at)
        return report_id

    def sign(
        self,
        visit: str,
        name: str,
        role: str = "customer",
        *,
        strokes: bytes | None = None,
        language: str | None = None,
        occurred_at: datetime | None = None,
    ) -> str:
        """The customer signs: the strokes (drawn for them when there are none) and whose they are.

        `language` is that of the sentence above the signature: the customer's own unless given.
        """
        media_id = self.photo(visit, strokes or strokes_of(name), "signature", occurred_at=occurred_at)
        fields: Body = {"signer_name": name, "signer_role": role, "signature_media_id": media_id}
        ending = Ending("signed", signer_name=name, signer_role=role, signature_media_id=media_id)
        return self._close(visit, "service_report.sign", fields, ending, occurred_at, language)

    def refuse_to_sign(self, visit: str, reason: str, *, occurred_at: datetime | None = None) -> str:
        """The customer does not want to sign, and says why."""
        ending = Ending("refused", reason=reason)
        return self._close(visit, "service_report.refuse", {"reason": reason}, ending, occurred_at)

    def nobody_signs(self, visit: str, reason: str, *, occurred_at: datetime | None = None) -> str:
        """Nobody is there to sign, and why."""
        ending = Ending("absent", reason=reason)
        return self._close(visit, "service_report.mark_absent", {"reason": reason}, ending, occurred_at)

    def feedback(
        self,
        visit: str,
        scores: dict[str, int] | None = None,
        *,
        words: str | None = None,
        declined: bool = False,
        occurred_at: datetime | None = None,
    ) -> str:
        """The customer's card: scores from 1 to 5 and words, or that they declined.

        `scores` may have punctuality, conduct, quality and cleanliness.
        """
        card_id = text_of(self.record_of_visit("feedback_cards", visit, "feedback card"), "id")
        fields: Body = {**(scores or {}), "words": words, "declined": True if declined else None}
        self.write("feedback_card.fill", card_id, fields, occurred_at=occurred_at)
        return card_id

    def _visit(self, visit: str) -> str:
        return text_of(self.record("visits", visit, "visit"), "id")

    def _report(self, visit: str) -> str:
        return text_of(self.record_of_visit("service_reports", visit, "service report"), "id")

    def _close(
        self,
        visit: str,
        kind: str,
        fields: Body,
        ending: Ending,
        occurred_at: datetime | None,
        language: str | None = None,
    ) -> str:
        report = self.record_of_visit("service_reports", visit, "service report")
        report_id, moment = text_of(report, "id"), occurred_at or self.clock()
        evidence = closing.evidence_of(self, report, ending, moment, language)
        signed = {} if evidence is None else {"evidence": evidence.as_body()}
        self.write(kind, report_id, fields | signed, occurred_at=moment, evidence=evidence)
        return report_id

    def _new(self, kind: str, fields: Body, occurred_at: datetime | None) -> str:
        record = self.store.mint_id()
        self.write(kind, record, fields, occurred_at=occurred_at)
        return record


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhoneError(f"{path} cannot be read: {error.strerror}.") from None
