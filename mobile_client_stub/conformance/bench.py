"""What rules are tried with: phones, enrolled when a rule first asks for them, and something to work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mobile_client_stub.conformance.rule import Broken, Skipped
from mobile_client_stub.conformance.wire import Body, Device, Journal, Wire, new_id

NOTHING_TO_WORK_ON = "the phone's scope holds no {0}: enrol a technician who has a dispatched visit"


@dataclass(frozen=True)
class Login:
    """With what somebody of the office signs in, who makes codes for further phones."""

    email: str
    password: str = field(repr=False)


@dataclass
class Bench:
    """The server, and one-time codes: the first for the phone under test, the second for somebody else's."""

    wire: Wire
    codes: Sequence[str]
    office: Login | None = None
    enrolled_with: str = field(default="", init=False)

    @cached_property
    def phone(self) -> Device:
        """The phone that most rules use, each with a journal of its own."""
        if not self.codes:
            raise Skipped("no enrolment code was given")
        self.enrolled_with = self.codes[0]
        return self.enrol(self.codes[0])

    @cached_property
    def second_phone(self) -> Device:
        """Another phone of the same person."""
        return self.enrol(self.fresh_code())

    @cached_property
    def stranger(self) -> Device:
        """Somebody else's phone."""
        if len(self.codes) < 2:
            raise Skipped("only one enrolment code was given: this needs one for a second person")
        return self.enrol(self.codes[1])

    def enrol(self, code: str, **over: object) -> Device:
        """Turn a code into a phone."""
        asked = {"code": code, "device_name": "conformance kit", "platform": "kit"} | over
        answer = self.wire.post("/devices/enrol", asked)
        if answer.status != 201:
            raise Broken(f"POST /devices/enrol: {answer} {answer.body.get('detail', '')}".strip())
        return Device(self.wire, answer.body)

    def fresh_code(self) -> str:
        """A code for one more phone of the person under test, made by the office."""
        asked = {"user_id": self.phone.user_id}
        answer = self.wire.post("/devices/enrolment-codes", asked, token=self._office_token)
        if answer.status != 201:
            raise Skipped(f"the server gave no code for a second phone ({answer})")
        return str(answer.body["code"])

    @cached_property
    def _office_token(self) -> str:
        if self.office is None:
            raise Skipped("no login of the office was given: it makes the codes for further phones")
        answer = self.wire.post("/sessions", {"email": self.office.email, "password": self.office.password})
        if answer.status != 200:
            raise Skipped(f"the office could not sign in ({answer})")
        return str(answer.body["access_token"])

    def throw_away_phone(self) -> Device:
        """A phone of the same person that a rule may spoil."""
        return self.enrol(self.fresh_code())

    @cached_property
    def scope(self) -> dict[tuple[str, str], Body]:
        """What the phone under test held at the beginning."""
        return self.phone.journal().pull().records

    def something_of(self, collection: str) -> Body:
        """The body of some record of a collection, as it was at the beginning."""
        for (name, _), put in self.scope.items():
            if name == collection:
                return dict(put["body"])
        raise Skipped(NOTHING_TO_WORK_ON.format(collection))

    def note(self, journal: Journal, text: str = "Written by the conformance kit.", **over: object) -> Body:
        """A mutation that simply applies: a note on a visit."""
        fields = {"visit_id": self.something_of("visits")["id"], "text": text}
        return journal.mutation("visit_note.add", new_id(), fields, **over)  # type: ignore[arg-type]

    def notes_like(self, text: str) -> list[Body]:
        """The notes with this text that the phone gets in a pull from the very beginning."""
        notes = self.phone.journal().pull().bodies("visit_notes")
        return [note for note in notes if note["text"] == text]
