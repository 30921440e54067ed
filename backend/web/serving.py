"""Lays the web floor in a Flask app: the one call that `backend/app.py` makes before it adds rooms."""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from flask import Flask
from flask.json.provider import JSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix

from backend.settings import Settings
from backend.web import health
from backend.web.documents import Api, make_api
from backend.web.headers import install_headers
from backend.web.journal import configure_log, install_request_log
from backend.web.limits import LIMITS, Limits
from backend.web.places import PLACES, BodyPlaces
from backend.web.problems import install_problems
from backend.web.style import style

_FORM_PARTS, _FORM_MEMORY = 200, 512 << 10


class OrjsonProvider(JSONProvider):
    """JSON by orjson: refuses NaN and writes UTF-8."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)


def install_web(app: Flask, settings: Settings) -> Api:
    """Install limits, log, problems, headers, health and documents; register rooms on what it returns."""
    app.json = OrjsonProvider(app)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.body_limit_bytes,
        MAX_FORM_MEMORY_SIZE=_FORM_MEMORY,
        MAX_FORM_PARTS=_FORM_PARTS,
        TRAP_HTTP_EXCEPTIONS=False,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    if settings.trusted_proxies:
        # Only for whom: our own address is a setting, and nothing else that a header says is believed.
        trusting = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)
        app.wsgi_app = trusting  # type: ignore[method-assign]  # Flask's own way to wrap it
    if not structlog.is_configured():
        configure_log()
    app.extensions[PLACES] = BodyPlaces(settings.server_threads)
    app.extensions[LIMITS] = Limits(enabled=settings.throttle)
    install_request_log(app)
    install_problems(app)
    install_headers(app, https=settings.public_url.startswith("https://"))
    api = make_api(app)
    api.register_blueprint(health.room)
    app.register_blueprint(style)
    return api
