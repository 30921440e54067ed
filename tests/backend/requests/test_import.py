"""Importing files of service requests into both databases: once, whole, and again after any accident."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import func, select

from backend.access.permissions import SYSTEM
from backend.customers.models import Customer, Site
from backend.requests import importing
from backend.requests.importing import import_requests, run_import
from backend.requests.models import CaseTouch, ServiceRequest
from schemas.access import Role
from schemas.errors import PermissionRefused
from schemas.requests import Channel, RequestStatus, Touch
from tests.backend.requests.files import a_line, a_row, csv_bytes, rows
from tests.databases import Database
from tests.given.access import an_actor

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Puts bytes into a file."""

    def put(data: bytes) -> Path:
        path = tmp_path / "requests.csv"
        path.write_bytes(data)
        return path

    return put


def _run(database: Database, path: Path, time_zone: str | None = None) -> tuple[int, list[str], list[str]]:
    """Exit code, lines on stdout, lines on stderr of the command."""
    out, err = io.StringIO(), io.StringIO()
    code = run_import(database.factory, SYSTEM, path, Console(file=err), time_zone, out=out)
    return code, out.getvalue().splitlines(), err.getvalue().splitlines()


def _count(database: Database, model: type[object] = ServiceRequest) -> int:
    with database.factory.begin(write=False) as uow:
        return uow.session.scalar(select(func.count()).select_from(model)) or 0


def _requests(database: Database) -> dict[str | None, ServiceRequest]:
    with database.factory.begin(write=False) as uow:
        return {row.external_key: row for row in uow.session.scalars(select(ServiceRequest))}


def test_the_real_file_goes_in_once(database: Database, shared_data: Path) -> None:
    path = shared_data / "nyc311-service-requests.csv"
    code, out, err = _run(database, path)
    assert (code, out) == (0, ["import: 591 new, 0 known, 0 damaged"])
    assert err, "progress is shown"
    found = _requests(database)
    assert len(found) == 591
    assert sum(request.needs_location for request in found.values()) == 21
    assert len({request.number for request in found.values()}) == 591
    assert found["19937901"].received_at.isoformat() == "2011-03-01T15:41:13+00:00"
    assert _run(database, path)[:2] == (0, ["import: 0 new, 591 known, 0 damaged"])
    assert len(_requests(database)) == 591


def test_damaged_rows_are_told_with_line_and_reason_and_the_rest_goes_in(
    database: Database, write: Write
) -> None:
    damaged = [a_row(Latitude="north"), a_row(**{"Created Date": "?"}), a_row(**{"Unique Key": ""})]
    code, out, _ = _run(database, write(csv_bytes([*rows(2), *damaged, a_row()])))
    assert code == 1
    assert [line.split(":")[0] for line in out[:-1]] == ["line 4", "line 5", "line 6"]
    assert "Latitude 'north'" in out[0]
    assert out[-1] == "import: 3 new, 0 known, 3 damaged"
    assert _requests(database).keys() == {"k0", "k1", "19937901"}


def test_a_row_becomes_a_request_of_its_agency_at_its_address(database: Database, write: Write) -> None:
    _run(database, write(csv_bytes([a_row()])))
    (request,) = _requests(database).values()
    with database.factory.begin(write=False) as uow:
        customer = uow.session.get_one(Customer, request.customer_id)
        site = uow.session.get_one(Site, request.site_id)
        (touch,) = uow.session.scalars(select(CaseTouch))
    assert (request.channel, request.status, request.number) == (
        Channel.IMPORT,
        RequestStatus.NEW,
        "SR-000001",
    )
    assert (request.category, request.descriptor) == ("Street Sign - Dangling", "Street Cleaning")
    assert customer.name == "Department of Transportation"
    assert (site.address, site.city, site.time_zone) == ("186 25 STREET", "BROOKLYN", "America/New_York")
    assert site.customer_id == customer.id
    assert (touch.user_id, touch.how) == (SYSTEM.user_id, Touch.INTAKE)
    assert request.due_at is not None
    assert request.due_at.isoformat() == "2011-03-15T21:32:23+00:00"
    assert request.first_response_due_at > database.clock(), "nobody promised anything in 2011"


def test_one_address_of_one_agency_is_one_site(database: Database, write: Write) -> None:
    same = [a_row(**{"Unique Key": "1"}), a_row(**{"Unique Key": "2", "Incident Address": "186 25 street"})]
    other = a_row(**{"Unique Key": "3", "Agency": "DPR"})
    _run(database, write(csv_bytes([*same, other])))
    assert (_count(database), _count(database, Site), _count(database, Customer)) == (3, 2, 2)
    _run(database, write(csv_bytes([a_row(**{"Unique Key": "4"})])))
    assert (_count(database), _count(database, Site), _count(database, Customer)) == (4, 2, 2)


def test_a_row_without_a_place_flags_request_and_site_and_takes_the_usual_zone(
    database: Database, write: Write
) -> None:
    chicago = rows(1, Latitude="41.88", Longitude="-87.63")
    unplaced = a_row(Latitude="", **{"Incident Address": "9 ELM STREET"})
    _run(database, write(csv_bytes([*chicago, *rows(2)[1:], a_row(**{"Unique Key": "ny"}), unplaced])))
    request = _requests(database)["19937901"]
    with database.factory.begin(write=False) as uow:
        site = uow.session.get_one(Site, request.site_id)
    assert (request.needs_location, site.needs_location, site.point) == (True, True, None)
    assert site.time_zone == "America/New_York"
    assert request.received_at.isoformat() == "2011-03-01T15:41:13+00:00"
    assert _requests(database)["k0"].received_at.isoformat() == "2011-03-01T16:41:13+00:00"


def test_a_site_is_located_by_any_of_its_rows(database: Database, write: Write) -> None:
    _run(database, write(csv_bytes([a_row(Latitude=""), a_row(**{"Unique Key": "2"})])))
    with database.factory.begin(write=False) as uow:
        (site,) = uow.session.scalars(select(Site))
    assert not site.needs_location
    assert [request.needs_location for request in _requests(database).values()] == [True, False]


def test_a_later_file_locates_a_site_and_with_it_the_requests_there(database: Database, write: Write) -> None:
    _run(database, write(csv_bytes([a_row(Latitude="")])))
    assert _requests(database)["19937901"].needs_location
    _run(database, write(csv_bytes([a_row(**{"Unique Key": "2"})])))
    with database.factory.begin(write=False) as uow:
        (site,) = uow.session.scalars(select(Site))
    assert (site.needs_location, site.time_zone) == (False, "America/New_York")
    assert not any(request.needs_location for request in _requests(database).values())


def test_the_firms_zone_wins_over_the_usual_one_where_there_is_no_place(
    database: Database, write: Write
) -> None:
    _run(database, write(csv_bytes([*rows(2), a_row(Latitude="")])), "Europe/Berlin")
    found = _requests(database)
    assert found["19937901"].received_at.isoformat() == "2011-03-01T09:41:13+00:00"
    assert found["k0"].received_at.isoformat() == "2011-03-01T15:41:13+00:00"


def test_a_file_without_any_place_goes_in_as_utc(database: Database, write: Write) -> None:
    assert _run(database, write(csv_bytes([a_row(Latitude="")])))[0] == 0
    assert _requests(database)["19937901"].received_at.isoformat() == "2011-03-01T10:41:13+00:00"


def test_a_key_twice_in_one_file_is_known_the_second_time_and_the_first_row_counts(
    database: Database, write: Write
) -> None:
    path = write(csv_bytes([a_row(Descriptor="first"), a_row(Descriptor="second")]))
    assert _run(database, path)[1] == ["import: 1 new, 1 known, 0 damaged"]
    assert _requests(database)["19937901"].descriptor == "first"


def test_a_known_row_stays_as_it_is(database: Database, write: Write) -> None:
    _run(database, write(csv_bytes([a_row()])))
    _run(database, write(csv_bytes([a_row(Descriptor="changed", Latitude="")])))
    (request,) = _requests(database).values()
    assert (request.descriptor, request.revision) == ("Street Cleaning", 1)


def test_an_import_that_broke_half_way_is_simply_run_again(
    database: Database, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 5)
    path = write(csv_bytes(rows(23)))

    class PowerCut(Exception):
        pass

    def cut(done: int, total: int) -> None:
        if _count(database) >= 10:
            raise PowerCut

    with pytest.raises(PowerCut):
        import_requests(database.factory, SYSTEM, path, progress=cut)
    assert _count(database) == 10
    assert str(import_requests(database.factory, SYSTEM, path)) == "import: 13 new, 10 known, 0 damaged"


def test_two_imports_at_once_bring_every_row_in_once(
    database: Database, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 10)
    path = write(csv_bytes(rows(40)))
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: import_requests(database.factory, SYSTEM, path), range(2)))
    assert sum(count.new for count in counts) == 40
    assert sum(count.known for count in counts) == 40
    assert sorted(request.number for request in _requests(database).values()) == [
        f"SR-{number:06}" for number in range(1, 41)
    ]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfeU\x00n\x00", b"Unique Key;Created Date\n1;2\n", b"\x7fELF\x00\xff"]
)
def test_a_file_that_is_no_such_csv_is_refused_in_one_line(
    sqlite_database: Database, write: Write, data: bytes
) -> None:
    code, out, err = _run(sqlite_database, write(data))
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("import refused: ")
    assert _count(sqlite_database) == 0


def test_a_file_that_cannot_be_read_is_refused_in_one_line(sqlite_database: Database, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        code, out, err = _run(sqlite_database, path)
        assert (code, out, len(err)) == (2, [], 1)


def test_an_unknown_time_zone_is_refused_in_one_line(sqlite_database: Database, write: Write) -> None:
    path = write(csv_bytes([a_row(Latitude="")]))
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        code, out, err = _run(sqlite_database, path, zone)
        assert (code, out, len(err)) == (2, [], 1)


def test_what_a_file_says_cannot_write_to_the_terminal(sqlite_database: Database, write: Write) -> None:
    data = csv_bytes(rows(1)) + a_line(Latitude="\x1b[2J\x1b]0;owned\x07").encode()
    code, out, _ = _run(sqlite_database, write(data))
    assert code == 1
    assert all(line.isprintable() for line in out)


def test_a_dispatcher_imports_nothing(sqlite_database: Database, write: Write) -> None:
    with sqlite_database.factory.begin() as uow:
        dispatcher = an_actor(uow, Role.DISPATCHER)
    with pytest.raises(PermissionRefused):
        import_requests(sqlite_database.factory, dispatcher, write(csv_bytes(rows(1))))
