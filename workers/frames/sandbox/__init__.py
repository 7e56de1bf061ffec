"""The decoder's process, which hostile bytes may take over: its limits, and the talk with it."""
