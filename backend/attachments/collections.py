"""What devices hold of media, and what they may do with them."""

from backend.access.reach import TECHNICIAN
from backend.attachments.actions import register_media
from backend.attachments.models import Media
from schemas.attachments import MediaBody, RegisterMedia
from sync.collections import Collection, Edge, Kind, Root
from sync.mutations import MutationType
from sync.row_rules import RowRules, one_creation

COLLECTIONS = (
    Collection(
        "media",
        Media,
        MediaBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("kind", "sha256", "size", "content_type", "taken_at", "place"), Kind.FACT),
        # A receipt must reach the phone that holds the file, also when the visit has gone to somebody else:
        # until
        # the bytes are here (no window start: always held) and for some days after.
        roots=(Root(Media.registered_by, window=(Media.stored_at, Media.stored_at)),),
        edges=(Edge(Media.visit_id, "visits", "owner"),),
        rows=RowRules(one_creation("media.register")),
    ),
)

MUTATIONS = (
    # A revoked phone's photos exist nowhere else: it may hand them in before it forgets everything.
    MutationType("media.register", "media", RegisterMedia, register_media, Kind.FACT, from_revoked=True),
)
