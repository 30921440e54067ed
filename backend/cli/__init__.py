"""The `doorstep` command: each subcommand reads its settings and makes one call; a module per subject."""

from backend.cli import filling, keeping, media, payments, protocol, sealing, serving
from backend.cli.entry import main

__all__ = ["filling", "keeping", "main", "media", "payments", "protocol", "sealing", "serving"]
