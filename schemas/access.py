"""What travels about people, devices and sessions."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Who somebody is in the firm. `customer` comes by a link, `system` is the server: neither signs in."""

    TECHNICIAN = "technician"
    DISPATCHER = "dispatcher"
    FINANCE = "finance"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"
    CUSTOMER = "customer"
    SYSTEM = "system"
