"""WatermelonDB's `synchronize()`: one pull of everything since an integer, one push of whole rows.

The contract, as tried on its npm package: docs/clients.md. What it cannot say is made up for here. All rows
travel as `updated`, because `created` revives what the user deleted. Removals wait until the device has had
a chance to push, because they destroy unsent edits. What a device pushed is sent back in its next pull,
because that is how a value of its own that does not stand is corrected.
"""
