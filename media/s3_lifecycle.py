"""The rule by which a store ends abandoned uploads itself, where it knows such rules."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from botocore.exceptions import ClientError

from media.errors import StorageUnavailable
from media.s3 import INCOMING, S3Store
from media.s3_bucket import code_of

ABANDONED_DAYS = 7
RULE = "doorstep-abandoned-uploads"
_KNOWS_NONE = frozenset({"NoSuchLifecycleConfiguration", "NotImplemented", "404", "501"})


def set_lifecycle(store: S3Store) -> bool:
    """Set our rule beside those that others have set; False when the store takes no such rules."""
    rule = {
        "ID": RULE,
        "Status": "Enabled",
        "Filter": {"Prefix": INCOMING},
        "Expiration": {"Days": ABANDONED_DAYS},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
    }
    others = [each for each in _rules(store) if each.get("ID") != RULE]
    try:
        with store.bucket.asking():
            store.bucket.client.put_bucket_lifecycle_configuration(
                Bucket=store.bucket.name, LifecycleConfiguration={"Rules": [*others, rule]}
            )
    except StorageUnavailable as error:
        if isinstance(error.__cause__, ClientError):
            return False
        raise
    return has_lifecycle(store)


def has_lifecycle(store: S3Store) -> bool:
    """Whether the store has our rule in force, as it says itself."""
    return any(rule.get("ID") == RULE and rule.get("Status") == "Enabled" for rule in _rules(store))


def _rules(store: S3Store) -> Sequence[Mapping[str, Any]]:
    with store.bucket.asking():
        try:
            answer = store.bucket.client.get_bucket_lifecycle_configuration(Bucket=store.bucket.name)
        except ClientError as error:
            if code_of(error) in _KNOWS_NONE:
                return ()
            raise
    return cast("Sequence[Mapping[str, Any]]", answer.get("Rules", ()))
