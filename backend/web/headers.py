"""Headers that every answer carries: nothing is sniffed, framed, cached by accident or told to others."""

from __future__ import annotations

from flask import Flask, Response, g, request

_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_HSTS = ("Strict-Transport-Security", "max-age=31536000")
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI writes style attributes; nothing else of the page is inline.
_DOCS_POLICY = _PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


def headers_of_data(*, https: bool) -> list[tuple[str, str]]:
    """What every answer carries that is no page."""
    return [*_ALWAYS, *((_HSTS,) if https else ()), ("Content-Security-Policy", _API_POLICY)]


def install_headers(app: Flask, *, https: bool) -> None:
    """Add the headers to every answer of `app`; HSTS only when its public address is https."""
    always = _ALWAYS + ((_HSTS,) if https else ())

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        given = {name.lower() for name in headers.keys()}  # noqa: SIM118  # iterating gives pairs
        headers.extend([(name, value) for name, value in always if name.lower() not in given])
        if "content-security-policy" not in given:
            headers.add("Content-Security-Policy", _policy(response))
        if request_id := g.get("request_id"):
            headers["X-Request-Id"] = str(request_id)
        return response


def _policy(response: Response) -> str:
    if response.mimetype != "text/html":
        return _API_POLICY
    return _DOCS_POLICY if request.path == "/docs" else _PAGE_POLICY
