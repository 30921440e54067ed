"""What finance sees of the catalogue: where a price that was signed differs from the list's."""

from __future__ import annotations

from uuid import UUID

from backend.access.permissions import SYSTEM
from backend.parts.actions import edit_part
from tests.api import Client
from tests.backend.payments.world import Firm
from tests.given.parts import a_part


def parts_at(firm: Firm, **prices: int | None) -> dict[str, UUID]:
    """Parts of the catalogue with these prices in cents, by the words of their charge."""
    with firm.field.begin() as uow:
        return {
            name: a_part(uow, price_minor=minor, currency=None if minor is None else "EUR").id
            for name, minor in prices.items()
        }


def listed(noor: Client, off_list: bool) -> list[str]:
    """The sums of the requests that are, or are not, off the list."""
    found = noor.get(f"/payment-requests?off_list={str(off_list).lower()}").json["items"]
    return [request["gross_minor"] for request in found]


def test_a_line_keeps_the_list_price_and_finance_finds_what_was_billed_otherwise(
    firm: Firm, noor: Client
) -> None:
    parts = parts_at(firm, Pump=5_050, Seal=1_250, Odd=None)
    firm.signed_report(("Pump", 4_000), ("Seal", 1_250), ("Odd", 300), ("Labour", 9_500), parts=parts)
    firm.signed_report(("Pump", 5_050), ("Odd", 1), ("Labour", 7), parts=parts)
    off, _ = firm.bill()
    lines = noor.get(f"/payment-requests/{off.id}").json["lines"]
    assert [(line["description"], line["list_minor"], line["off_list"]) for line in lines] == [
        ("Pump", 5_050, True),
        ("Seal", 1_250, False),
        ("Odd", None, False),
        ("Labour", None, False),
    ]
    assert [(line["unit_minor"], line["list_currency"]) for line in lines][:3] == [
        (4_000, "EUR"),
        (1_250, "EUR"),
        (300, None),
    ]
    assert (listed(noor, off_list=True), listed(noor, off_list=False)) == ([15_050], [5_058])
    assert len(noor.get("/payment-requests").json["items"]) == 2
    assert noor.get("/payment-requests?off_list=perhaps").status_code == 422


def test_a_price_that_changes_later_changes_no_bill(firm: Firm, noor: Client) -> None:
    parts = parts_at(firm, Pump=5_050)
    firm.signed_report(("Pump", 5_050), parts=parts)
    firm.bill()
    with firm.field.begin() as uow:
        edit_part(uow, SYSTEM, parts["Pump"], price_minor=4_000)
    firm.signed_report(("Pump", 5_050), parts=parts)
    old, new = firm.bill()
    prices = [noor.get(f"/payment-requests/{each.id}").json["lines"][0]["list_minor"] for each in (old, new)]
    assert prices == [5_050, 4_000]
    assert listed(noor, off_list=False) == [5_050]


def test_the_same_figure_in_another_currency_is_another_price(firm: Firm, noor: Client) -> None:
    firm.signed_report(("Pump", 5_050), currency="USD", parts=parts_at(firm, Pump=5_050))
    (request,) = firm.bill()
    (line,) = noor.get(f"/payment-requests/{request.id}").json["lines"]
    assert (line["list_minor"], line["list_currency"], line["off_list"]) == (5_050, "EUR", True)
    assert listed(noor, off_list=True) == [5_050]
