"""Somebody else's report into a Snapshot."""
