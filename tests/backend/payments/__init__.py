"""The payments process, on both engines, beside a field that is as separate as it is in service."""
