"""The table of permissions and the guard: who may not is refused, what was done is signed and kept."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from backend.access import actions
from backend.access.actor import ANONYMOUS, SYSTEM_USER_ID, Actor
from backend.access.models import AuditEntry
from backend.access.permissions import GRANTS, PERMISSIONS, SYSTEM, check, requires
from backend.access.queries import users
from backend.db.paging import PageRequest
from backend.db.unit_of_work import UnitOfWork
from schemas.access import Role
from schemas.errors import PermissionRefused
from sync.transaction import write_what_is_left
from tests.api import Api
from tests.databases import Database

CREATED = {"email": "grace@example.org", "display_name": "Grace", "role": Role.TECHNICIAN}


def entries(uow: UnitOfWork) -> list[AuditEntry]:
    write_what_is_left(uow.session)
    return list(uow.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def somebody(role: Role) -> Actor:
    return Actor(user_id=uuid4(), role=role, permissions=PERMISSIONS[role], device_id=uuid4())


def test_permissions_are_named_by_the_law() -> None:
    for name in GRANTS:
        assert re.fullmatch(r"[a-z_]+:[a-z_]+", name), name
    assert Role.SYSTEM not in {role for roles in GRANTS.values() for role in roles}
    assert PERMISSIONS[Role.SYSTEM] == frozenset(GRANTS)
    assert ANONYMOUS.permissions == frozenset()


def test_only_administrators_manage_people_and_read_the_log() -> None:
    for name in (
        "user:create",
        "user:edit",
        "user:disable",
        "user:enable",
        "user_password:set",
        "audit_log:read",
    ):
        assert GRANTS[name] == {Role.ADMINISTRATOR}, name


def test_whoever_lacks_the_permission_is_refused_before_anything_happens(uow: UnitOfWork) -> None:
    for role in set(Role) - {Role.ADMINISTRATOR, Role.SYSTEM}:
        with pytest.raises(PermissionRefused) as refused:
            actions.create_user(uow, somebody(role), None, **CREATED)
        assert refused.value.extensions == {"permission": "user:create"}
    assert len(users(uow.session, PageRequest()).items) == 1, "the server itself"
    assert entries(uow) == []


def test_what_was_done_is_in_the_log_with_names_of_fields_and_no_values(uow: UnitOfWork) -> None:
    admin = somebody(Role.ADMINISTRATOR)
    user = actions.create_user(uow, admin, None, **CREATED)
    actions.edit_user(uow, admin, user.id, email="new@example.org", time_zone=None)
    created, edited = entries(uow)
    assert (created.action, created.subject_id) == ("user.create", user.id)
    assert created.detail == {"fields": ["display_name", "email", "role"]}
    assert (edited.action, edited.actor_id, edited.role, edited.device_id, edited.subject_id) == (
        "user.edit",
        admin.user_id,
        Role.ADMINISTRATOR,
        admin.device_id,
        user.id,
    )
    assert edited.detail == {"fields": ["email"]}
    assert edited.at == uow.now


def test_an_action_that_fails_leaves_nothing_in_the_log(uow: UnitOfWork) -> None:
    actions.create_user(uow, SYSTEM, None, **CREATED)
    with pytest.raises(IntegrityError), uow.savepoint():
        actions.create_user(uow, SYSTEM, None, **CREATED)
    assert len(entries(uow)) == 1


def test_changes_are_signed_by_the_innermost_actor(uow: UnitOfWork) -> None:
    seen: list[UUID | None] = []

    @requires("user:edit")
    def inner(uow: UnitOfWork, actor: Actor, record_id: UUID) -> None:
        seen.append(uow.session.info["actor_id"])

    @requires("user:create")
    def outer(uow: UnitOfWork, actor: Actor, record_id: UUID) -> None:
        seen.append(uow.session.info["actor_id"])
        inner(uow, SYSTEM, record_id)
        seen.append(uow.session.info["actor_id"])

    admin = somebody(Role.ADMINISTRATOR)
    outer(uow, admin, uuid4())
    assert seen == [admin.user_id, SYSTEM_USER_ID, admin.user_id]
    assert uow.session.info["actor_id"] is None
    assert outer.permission == "user:create"
    assert [entry.action for entry in entries(uow)] == ["user.edit", "user.create"]


def test_reading_leaves_no_row(uow: UnitOfWork) -> None:
    @requires("user:read")
    def look(uow: UnitOfWork, actor: Actor) -> int:
        return 7

    assert look(uow, somebody(Role.MANAGER)) == 7
    assert entries(uow) == []
    check(somebody(Role.MANAGER), "user:read")
    with pytest.raises(PermissionRefused):
        check(somebody(Role.TECHNICIAN), "user:read")


def test_a_permission_outside_the_table_cannot_be_asked_for() -> None:
    with pytest.raises(LookupError, match="safe:open"):
        requires("safe:open")


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log"])
def test_the_log_can_only_grow(database: Database, statement: str) -> None:
    with database.factory.begin() as uow:
        actions.create_user(uow, SYSTEM, None, **CREATED)
    with pytest.raises(IntegrityError, match="audit_log"), database.factory.begin() as uow:
        uow.session.execute(text(statement))
    with database.factory.begin(write=False) as uow:
        assert [entry.action for entry in entries(uow)] == ["user.create"]


def test_administrators_read_the_log_newest_first(firm: Api) -> None:
    admin, dispatcher = firm.as_(Role.ADMINISTRATOR), firm.as_(Role.DISPATCHER)
    admin.post(f"/users/{dispatcher.user_id}/disable")
    listed = admin.get("/audit-log", limit=100).json["items"]
    assert [entry["at"] for entry in listed] == sorted((entry["at"] for entry in listed), reverse=True)
    (entry,) = admin.get("/audit-log", action="user.disable").json["items"]
    assert entry["actor_id"] == str(admin.user_id)
    assert entry["subject_id"] == str(dispatcher.user_id)
    about = admin.get("/audit-log", subject_id=str(dispatcher.user_id)).json["items"]
    assert {entry["action"] for entry in about} == {"user.create", "user.disable"}
    for role in (Role.TECHNICIAN, Role.FINANCE, Role.MANAGER):
        assert firm.as_(role).get("/audit-log").status_code == 403


def test_the_server_has_a_user_that_nobody_signs_in_as(database: Database) -> None:
    with database.factory.begin(write=False) as uow:
        (server,) = users(uow.session, PageRequest()).items
    assert (server.id, server.role, server.password_hash) == (SYSTEM_USER_ID, Role.SYSTEM, None)
