"""The history of the tables of payments; `backend.db.upgrade` runs it."""
