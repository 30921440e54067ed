"""The upload contract on the wire: what a device is told when it asks how to send a file."""

from marshmallow import fields, validate

from schemas.base import Count, Instant, Shape

MOST_PARTS = 64


class AskUpload(Shape):
    """What a device says when it asks how to send a file.

    `part_hashes`: for a file of more than 8 MiB (8,388,608 bytes) the SHA-256 of each 8 MiB of it in order,
    the last part shorter; 64 lower-case hexadecimal digits each. Shorter files need none.
    """

    part_hashes = fields.List(
        fields.String(validate=validate.Regexp(r"\A[0-9a-f]{64}\Z")), validate=validate.Length(max=MOST_PARTS)
    )


class PartInstructions(Shape):
    """How to send one part: the `size` bytes from `offset` on, unless they have `arrived`."""

    number = Count(required=True, min=1)
    offset = Count(required=True)
    size = Count(required=True, min=1)
    arrived = fields.Boolean(required=True)
    method = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), allow_none=True)


class UploadInstructions(Shape):
    """How to send the bytes of a media record.

    `needed` false: the server has these bytes already, go straight to `complete`. Otherwise make one request,
    `method` `url` with exactly these `headers` and the bytes as its body, before `expires_at`; or, where
    there are `parts`, one such request for each that has not `arrived`, in any order. Asking again tells
    which have. A `url` without a host is relative to the server's own address.
    """

    needed = fields.Boolean(required=True)
    method = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), allow_none=True)
    expires_at = Instant(allow_none=True)
    parts = fields.List(fields.Nested(PartInstructions), allow_none=True)
