"""Detections in, events out: boundaries, merge, coverage, signals. Pure functions, no I/O."""
