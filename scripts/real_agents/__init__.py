"""Runs the real coding agents offline after `setup` alone, and compares what was recorded with what happened."""
