"""The truth: rows, sessions and every query."""
