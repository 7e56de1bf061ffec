"""Every number that is claimed comes from a command here."""
