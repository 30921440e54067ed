"""The trade of the firm that `doorstep seed` makes: skills, parts, kits and types of work, as data."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.parts import PartKind

CURRENCY = "EUR"


@dataclass(frozen=True)
class Good:
    """A part or tool of the catalogue; the price is in minor units of CURRENCY, None for tools."""

    sku: str
    name: str
    kind: PartKind = PartKind.PART
    price_minor: int | None = None


@dataclass(frozen=True)
class Work:
    """A type of work: what it asks of a technician, how long it takes, and what must be in the van.

    `skills` are (code, least level); `kit` is (stock number, how many).
    """

    code: str
    name: str
    minutes: int
    skills: tuple[tuple[str, int], ...]
    kit: tuple[tuple[str, int], ...]


SKILLS = {
    "gas": "Gas fitter",
    "electric": "Electrician",
    "water": "Plumber",
    "cooling": "Refrigeration",
}

TOOL = PartKind.TOOL

GOODS = (
    Good("TL-MULTI", "Multimeter", TOOL),
    Good("TL-PRESS", "Pressure gauge", TOOL),
    Good("TL-LEAK", "Gas leak detector", TOOL),
    Good("TL-SHEET", "Floor protection sheet", TOOL),
    Good("BO-PUMP", "Circulation pump 25-60", price_minor=18_900),
    Good("BO-IGN", "Ignition electrode", price_minor=3_450),
    Good("BO-SEAL", "Burner door seal", price_minor=1_290),
    Good("WM-PUMP", "Drain pump, washing machine", price_minor=4_790),
    Good("WM-DOOR", "Door seal, washing machine", price_minor=5_900),
    Good("DW-HOSE", "Inlet hose with safety valve", price_minor=2_690),
    Good("TA-CART", "Ceramic cartridge 35 mm", price_minor=1_990),
    Good("RA-VALVE", "Thermostatic valve head", price_minor=2_250),
    Good("OV-ELEM", "Oven heating element", price_minor=4_300),
    Good("RF-THERM", "Refrigerator thermostat", price_minor=3_800),
    Good("SA-BATT", "Lithium battery 9 V", price_minor=990),
)

WORK = (
    Work(
        "boiler",
        "Boiler",
        60,
        (("gas", 2),),
        (("TL-LEAK", 1), ("TL-PRESS", 1), ("BO-SEAL", 1), ("BO-IGN", 1)),
    ),
    Work(
        "washing-machine",
        "Washing machine",
        45,
        (("electric", 1),),
        (("TL-MULTI", 1), ("WM-PUMP", 1), ("WM-DOOR", 1)),
    ),
    Work("dishwasher", "Dishwasher", 45, (("electric", 1), ("water", 1)), (("TL-MULTI", 1), ("DW-HOSE", 1))),
    Work("tap", "Tap", 30, (("water", 1),), (("TL-SHEET", 1), ("TA-CART", 1))),
    Work("radiator", "Radiator", 30, (("water", 1),), (("TL-SHEET", 1), ("RA-VALVE", 2))),
    Work("oven", "Oven", 45, (("electric", 2),), (("TL-MULTI", 1), ("OV-ELEM", 1))),
    Work("refrigerator", "Refrigerator", 45, (("cooling", 1),), (("TL-MULTI", 1), ("RF-THERM", 1))),
    # No trade: everybody may change a battery, so the visits that `seed` makes suit every technician.
    Work("smoke-alarm", "Smoke alarm", 15, (), (("SA-BATT", 2),)),
)

TECHNICIANS = (
    "Amara Diallo",
    "Ben Fischer",
    "Chiara Romano",
    "Dmitri Petrov",
    "Elif Yilmaz",
    "Farid Rahmani",
)
"""Names to begin with; further technicians are numbered."""

OFFICE = (
    ("dispatcher", "Dana Okafor"),
    ("manager", "Mirela Pop"),
    ("finance", "Felix Brandt"),
    ("administrator", "Ada Lindqvist"),
)
"""(role, name). The manager calls back: that needs somebody who had no part in the case."""
