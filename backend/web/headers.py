"""Headers that every answer carries: nothing is sniffed, framed, cached by accident or told to others."""

from __future__ import annotations

from flask import Flask, Response, g, request

_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI writes style attributes; nothing else of the page is inline.
_DOCS_POLICY = _PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


def install_headers(app: Flask, *, https: bool) -> None:
    """Add the headers to every answer of `app`; HSTS only when its public address is https."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Content-Security-Policy", _policy(response))
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        if https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if request_id := g.get("request_id"):
            headers["X-Request-Id"] = str(request_id)
        return response


def _policy(response: Response) -> str:
    if response.mimetype != "text/html":
        return _API_POLICY
    return _DOCS_POLICY if request.path == "/docs" else _PAGE_POLICY
