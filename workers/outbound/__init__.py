"""Connecting to where users say: only to addresses that were checked."""
