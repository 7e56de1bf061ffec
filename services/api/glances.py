"""Jobs as they were last told of by this process, for those who ask again and again.

Unless something of a job changed, the versions of its rows are all that is asked of the database.
"""

from collections import OrderedDict
from typing import NamedTuple
from uuid import UUID

from db import changes
from db.changes import Version
from db.session import Sessions
from services.api.hub import Told
from services.api.jobs import find

KEPT = 1000


class _Glance(NamedTuple):
    workspace_id: UUID
    version: Version
    told: Told


class Glances:
    """One for an app; threads may share it."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._kept: OrderedDict[UUID, _Glance] = OrderedDict()

    def told(self, workspace_id: UUID, job_id: UUID) -> Told:
        """The job as it is now. Raises `NotFound`, also for another workspace's job, and `DatabaseUnavailable`."""
        with self._sessions.look() as session:
            version = changes.versions(session, [job_id]).get(job_id)
        known = self._kept.get(job_id)
        if known and known[:2] == (workspace_id, version):
            return known.told
        with self._sessions.begin() as session:
            told = Told.of(*find(session, workspace_id, job_id))
        if version is not None:  # asked for before the rest was: what changed in between is read again next time
            self._keep(job_id, _Glance(workspace_id, version, told))
        return told

    def _keep(self, job_id: UUID, glance: _Glance) -> None:
        self._kept.pop(job_id, None)
        self._kept[job_id] = glance
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
