"""The database floor: tables' base classes, types that travel, engine, unit of work, paging and upgrades."""
