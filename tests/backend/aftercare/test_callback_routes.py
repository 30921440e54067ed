"""The routes of callbacks: the office's list, and a callback from taking to closing."""

from uuid import uuid4

from tests.api import Api
from tests.given import aftercare


def test_a_callback_is_taken_made_and_closed_over_http(api: Api) -> None:
    with api.factory.begin() as uow:
        callback_id = aftercare.a_callback(uow).id
    caller, path = api.as_("dispatcher"), f"/callbacks/{callback_id}"
    (listed,) = caller.get("/callbacks", status="due").json["items"]
    assert listed["id"] == str(callback_id)
    assert caller.post(f"{path}/take").json["status"] == "assigned"
    assert [each["id"] for each in caller.get("/callbacks", mine="true").json["items"]] == [str(callback_id)]
    assert api.as_("manager").get("/callbacks", mine="true").json["items"] == []
    call, key = {"reached": True, "note": "Friendly."}, {"Idempotency-Key": "the-first-call"}
    reached = caller.post(f"{path}/attempts", call, headers=key)
    assert caller.post(f"{path}/attempts", call, headers=key).json == reached.json
    assert (reached.json["status"], reached.json["attempts"]) == ("reached", 1)
    closed = caller.post(f"{path}/close", {"outcome": "satisfied", "words": "All well."})
    assert (closed.json["status"], closed.json["outcome"]) == ("closed", "satisfied")
    (attempt,) = caller.get(f"{path}/attempts").json
    assert (attempt["note"], attempt["reached"]) == ("Friendly.", True)


def test_who_touched_the_case_is_told_so_and_named_in_the_list(api: Api) -> None:
    dispatcher = api.as_("dispatcher")
    with api.factory.begin() as uow:
        actor = aftercare.actor_of(uow, dispatcher.user_id)
        callback_id = aftercare.a_callback(uow, actor).id
    refused = dispatcher.post(f"/callbacks/{callback_id}/take")
    assert refused.status_code == 409
    assert refused.json["type"] == "urn:doorstep:problem:callback-not-independent"
    barred = {
        person["user_id"]: person for person in dispatcher.get(f"/callbacks/{callback_id}").json["barred"]
    }
    assert barred[str(dispatcher.user_id)]["reasons"] == ["intake"]
    given = api.as_("manager").post(
        f"/callbacks/{callback_id}/assign", {"assignee_id": str(dispatcher.user_id)}
    )
    assert given.status_code == 409
    assert api.as_("manager").get(f"/callbacks/{callback_id}").json["status"] == "due"


def test_technicians_have_no_callbacks_and_nobody_has_those_that_are_not(api: Api) -> None:
    with api.factory.begin() as uow:
        work = aftercare.a_finished_visit(uow)
        callback_id = aftercare.callback_of(uow, work.visit_id).id
    technician = api.of(work.technician.id)
    for answer in (
        technician.get("/callbacks"),
        technician.get(f"/callbacks/{callback_id}"),
        technician.post(f"/callbacks/{callback_id}/take"),
        api.as_("administrator").post(f"/callbacks/{callback_id}/take"),
    ):
        assert answer.status_code == 403
    for verb in ("take", "assign", "attempts", "close"):
        body = {"assign": {"assignee_id": str(uuid4())}, "attempts": {"reached": True}}.get(verb, {})
        body = body or ({"outcome": "satisfied"} if verb == "close" else {})
        assert api.as_("manager").post(f"/callbacks/{uuid4()}/{verb}", body).status_code == 404


def test_bad_input_leaves_a_callback_as_it_was(api: Api) -> None:
    with api.factory.begin() as uow:
        callback_id = aftercare.a_callback(uow).id
    manager, path = api.as_("manager"), f"/callbacks/{callback_id}"
    for verb, body in (
        ("take", {"status": "closed"}),
        ("assign", {"assignee_id": "me"}),
        ("attempts", {"reached": "yes"}),
        ("attempts", {"reached": True, "attempts": 9}),
        ("close", {"outcome": "bribed"}),
        ("close", {"outcome": "satisfied", "closed_at": "2026-03-02T08:00:00Z"}),
    ):
        assert (verb, manager.post(f"{path}/{verb}", body).status_code) == (verb, 422)
    assert manager.get(path).json["revision"] == 1
