"""No field reaches a technician that is not written down, and no amount but what the customer is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields

from backend.app import unwired_app
from backend.mutations import COLLECTIONS
from backend.web.documents import document_of
from schemas.stores import RxdbPullAnswer, WatermelonPullAnswer
from tests.api import Api
from tests.contracts.knocking import ROUTES, knock
from tests.contracts.two_cases import people_of_two_cases
from tests.contracts.what_a_technician_sees import WHAT_A_TECHNICIAN_SEES
from tests.contracts.what_only_the_office_sees import OFFICE, WHAT_ONLY_THE_OFFICE_SEES
from tests.contracts.what_stands_in_the_way import IN_THE_WAY
from tests.contracts.who_may_do_what import WHO_MAY_DO_WHAT
from tests.settings import cheap_settings

FEED = {collection.name: collection.shape for collection in COLLECTIONS}
ENVELOPES = {WatermelonPullAnswer, RxdbPullAnswer}
MONEY = re.compile("price|minor|currency|amount|paid|pay_|fee$|cost|total|balance|iban|invoice|refund|method")
SECRET = re.compile("password|secret|hash|token|digest")
OF_MONEY = re.compile("payment|refund|ledger|invoice|payout|billing", re.IGNORECASE)


def shape_of(name: str) -> type[Schema] | None:
    """What a route answers with; exchanges and pulls are envelopes, and what lies in them is in FEED."""
    shape = ROUTES[name].answer or ROUTES[name].page_of
    return None if ROUTES[name].raw_body or shape in ENVELOPES else shape


def open_routes() -> list[str]:
    """The routes that let technicians in."""
    return [name for name in ROUTES if WHO_MAY_DO_WHAT.get(name, {}).get("technician") != "403"]


def declared(shape: Schema) -> Iterator[str]:
    """The names of the fields that a shape writes."""
    for name, field in shape.dump_fields.items():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield from (f"{name}.{below}" for below in declared(inner.schema))
        else:
            yield name


def written(value: Any, above: str = "") -> Iterator[str]:
    """The names of the fields in an answer."""
    if isinstance(value, list):
        for item in value:
            yield from written(item, above)
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from written(below, f"{above}.{name}" if above else name)
    else:
        yield above


def test_every_field_that_technicians_may_be_sent_is_written_down_and_no_other() -> None:
    shapes = {shape for name in open_routes() if (shape := shape_of(name)) is not None} | {*FEED.values()}
    sent = {shape.__name__: frozenset(declared(shape())) for shape in shapes}
    assert sent == WHAT_A_TECHNICIAN_SEES


def test_what_only_the_office_is_sent_is_written_down_and_for_whom() -> None:
    sent: dict[str, tuple[str, frozenset[str]]] = {}
    for name in ROUTES:
        shape = shape_of(name)
        if shape is not None and shape.__name__ not in WHAT_A_TECHNICIAN_SEES:
            let_in = {role for role in OFFICE if WHO_MAY_DO_WHAT[name][role] != "403"}
            before, _ = sent.get(shape.__name__, ("", frozenset()))
            whom = "".join(letter for role, letter in OFFICE.items() if role in let_in or letter in before)
            sent[shape.__name__] = (whom, frozenset(declared(shape())))
    assert sent == WHAT_ONLY_THE_OFFICE_SEES


def test_amounts_stand_only_where_the_customer_is_told_a_price() -> None:
    found = {
        (shape, name)
        for shape, names in WHAT_A_TECHNICIAN_SEES.items()
        for name in names
        if MONEY.search(name)
    }
    assert found == {
        ("PartBody", "price_minor"),
        ("PartBody", "currency"),
        ("ReportChargeBody", "unit_minor"),
        ("ReportChargeBody", "currency"),
        ("UploadInstructions", "method"),  # of HTTP
        ("UploadInstructions", "parts.method"),
    }


def test_nobody_is_shown_a_secret_but_the_tokens_that_were_made_for_him() -> None:
    shapes = {shape for name in ROUTES if (shape := shape_of(name)) is not None} | {*FEED.values()}
    found = {name for shape in shapes for name in declared(shape()) if SECRET.search(name)}
    assert found == {"access_token", "refresh_token", "token_type"}
    holding = {shape.__name__ for shape in shapes if found & set(declared(shape()))}
    assert holding == {"TokenAnswer", "EnrolledAnswer"}


def test_answers_and_feed_of_a_technician_hold_only_the_fields_that_are_written_down(api: Api) -> None:
    person = people_of_two_cases(api)["technician"]
    for name in open_routes():
        shape = shape_of(name)
        if shape is None or not name.startswith("GET ") or name in IN_THE_WAY:
            continue
        document = knock(person.client, name, person.own).json
        check(name, shape, document["items"] if ROUTES[name].page_of else document)
    changes = knock(person.client, "POST /sync/exchange", person.own).json["changes"]
    assert len({change["collection"] for change in changes}) > 15
    for change in changes:
        check(change["collection"], FEED[change["collection"]], change["body"])


def check(where: str, shape: type[Schema], rows: Any) -> None:
    """Compare an answer with what may be in it."""
    seen = WHAT_A_TECHNICIAN_SEES[shape.__name__]
    containers = {name.partition(".")[0] for name in seen}
    for name in written(rows):
        assert name in seen or name in containers or name.partition(".")[0] in seen, (where, name)


def test_no_path_is_about_money(tmp_path: Path) -> None:
    _, api = unwired_app(cheap_settings("sqlite://", tmp_path))
    paths = document_of(api)["paths"]
    assert len(paths) > 100
    assert [path for path in paths if OF_MONEY.search(path)] == []
