"""The smoke benchmark: runs the checks in the target interpreter, judges them, compares and keeps results."""
