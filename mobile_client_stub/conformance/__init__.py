"""The conformance kit: asks a server of the sync protocol over HTTP whether it keeps the protocol's rules."""
