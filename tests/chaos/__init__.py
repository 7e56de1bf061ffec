"""Breaks the whole real stack on purpose while it works, and proves afterwards from its rows, its blobs and the model server's book that
nothing was lost and nothing was done twice.

`python -m tests.chaos --help` tells how to run it; `docs/reliability.md` what it is for.
"""
