"""How every page that people see looks: one style sheet, the same in all processes that show pages."""

from __future__ import annotations

from flask import Blueprint, Response, send_from_directory

style = Blueprint("style", __name__, static_folder=None)
_FOLDER = "static"


@style.get("/style.css")
def style_sheet() -> Response:
    """The style sheet; each page may add one of its own."""
    return send_from_directory(f"{style.root_path}/{_FOLDER}", "style.css")
