"""Starts the whole real stack on one machine without Docker."""
