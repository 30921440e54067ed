"""The upload contract on the wire: what a device is told when it asks how to send a file."""

from marshmallow import fields

from schemas.base import Instant, Shape


class UploadInstructions(Shape):
    """How to send the bytes of a media record.

    `needed` false: the server has these bytes already, go straight to `complete`. Otherwise make one request,
    `method` `url` with exactly these `headers` and the bytes as its body, before `expires_at`.
    A `url` without a host is relative to the server's own address.
    """

    needed = fields.Boolean(required=True)
    method = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), allow_none=True)
    expires_at = Instant(allow_none=True)
