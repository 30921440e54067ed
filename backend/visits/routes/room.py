"""The blueprint of visits, which the modules beside this one fill."""

from typing import Any, TypeAlias

from backend.web.blueprint import Room

Fields: TypeAlias = dict[str, Any]
"""The loaded fields of a body or a query string; their names are those of the action's parameters."""

room = Room("visits", __name__, description="Work types, work orders, visits and their arrival windows.")
