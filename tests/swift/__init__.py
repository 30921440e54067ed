"""OpenStack Swift with its S3 API on the loopback: the real S3 of the tests (decision 80)."""
