"""Phones of the reference client in front of the application, and a visit lived through on one."""

from mobile_client_stub.phone import Phone
from mobile_client_stub.words import number_of, text_of
from tests.api import Api
from tests.clock import SettableClock
from tests.given import reports as given

SERVER = "http://field.example"
JPEG = b"\xff\xd8\xff\xe0" + b"\x07" * 5000
"""Begins as a photo does."""


def enrol(phone: Phone, api: Api, work: given.Work) -> None:
    code = api.as_("dispatcher").post("/devices/enrolment-codes", {"user_id": str(work.technician.id)})
    assert code.status_code == 201, code.text
    phone.enrol(SERVER, code.json["code"])


def live_through(phone: Phone, visit: str, clock: SettableClock, photo: bytes = JPEG) -> None:
    """The whole visit, without a network."""
    for step in ("accept", "depart", "arrive", "start"):
        clock.advance(minutes=2)
        phone.step(step, visit)
    for item in phone.records_of_visit("checklist_items", visit):
        phone.tick(text_of(item, "id"), packed=True, verified=True)
        phone.use(text_of(item, "id"), number_of(item, "quantity"))
        phone.charge(
            visit, "Part", number_of(item, "quantity"), 1250, "EUR", part_id=text_of(item, "part_id")
        )
    phone.photo(visit, photo + b"before", "before")
    phone.remove_part(visit, "Old valve", "dispose", consented_by="Grete Weber")
    for step in phone.records_of_visit("conduct_steps", visit):
        if step["proof"] == "answer":
            phone.answer(text_of(step, "id"), "yes")
    phone.photo(visit, photo + b"after", "after")
    phone.write_report(visit, findings="A worn seal.", work_done="A new valve.")
    phone.feedback(visit, {"quality": 5, "conduct": 4}, words="Friendly.")
    phone.note(visit, "The key is at the neighbour's.")
    phone.freeze(visit)
    phone.sign(visit, "Grete Weber")
    phone.step("complete", visit)
