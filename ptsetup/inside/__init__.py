"""Scripts that run in a child, never imported by ptsetup itself."""
