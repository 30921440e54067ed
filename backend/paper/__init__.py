"""What every PDF of ours is set in: letters for every script, sizes, colours. No database, no web."""
