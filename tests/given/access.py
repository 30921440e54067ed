"""People that tests act as."""

from backend.access.actions import create_user
from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS, SYSTEM
from backend.db.unit_of_work import UnitOfWork
from schemas.access import Role


def an_actor(uow: UnitOfWork, role: Role = Role.DISPATCHER) -> Actor:
    """A new user of this role, as the actor that he or she is."""
    user_id = uow.mint_id()
    create_user(
        uow, SYSTEM, user_id, email=f"{user_id.hex}@example.org", display_name=role.value.title(), role=role
    )
    return Actor(user_id, role, PERMISSIONS[role])
