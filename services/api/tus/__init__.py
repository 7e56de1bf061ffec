"""Resumable uploads: the tus protocol, version 1.0.0 (tus.io), over `db.uploads`. Why not by a library: docs/decisions/0014."""
