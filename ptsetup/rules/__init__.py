"""All rules, and how they are put to a Snapshot."""
