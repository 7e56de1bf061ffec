"""The evidence by what belongs together."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

from tests.chaos.away import PAIRS, Stretch, behind, overlap_s, union, while_needed
from tests.chaos.evidence import Change, Evidence, Row, Upload


@dataclass(frozen=True, slots=True)
class Recovery:
    """`took_s`: from the last sign of life of whoever had the work to the `claim` of the next; for `away_s` of that nobody
    could, or whoever could had older work."""

    claim: Change
    took_s: float
    away_s: float

    @property
    def own_s(self) -> float:
        return self.took_s - self.away_s


class Case:
    """The evidence, by what belongs together."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.rows = evidence.rows
        self.videos = {video["id"]: video for video in self.rows["videos"]}
        self.jobs = {job["id"]: job for job in self.rows["jobs"]}
        self.uploads = {upload.name: upload for upload in evidence.uploads}
        self.windows = _grouped(self.rows["windows"])
        self.events = _grouped(self.rows["events"])
        self.segments = _grouped(self.rows["segments"])
        self.deliveries = _grouped(self.rows["webhook_deliveries"])
        self.calls = {call["serial"]: call for call in evidence.calls}

    def upload_of(self, job: Row) -> Upload:
        return self.uploads[self.videos[job["video_id"]]["custom_id"]]

    @cached_property
    def lives(self) -> dict[Any, list[Change]]:
        """What became of each row, in order."""
        ordered = sorted(self.evidence.history, key=lambda change: (str(change.id), change.n))
        return {row_id: list(changes) for row_id, changes in groupby(ordered, key=lambda change: change.id)}

    @cached_property
    def recoveries(self) -> list[Recovery]:
        """One for each piece of work that a worker left in the middle."""
        away = {table: while_needed(self.evidence, table) for table in PAIRS}
        return [
            self._recovery(before, after, away[after.kind])
            for life in self.lives.values()
            for before, after in pairwise(life)
            if before.state == after.state == "running" and before.token != after.token
        ]

    def _recovery(self, before: Change, after: Change, away: list[Stretch]) -> Recovery:
        lapsed = min(before.at + timedelta(seconds=self.evidence.lease_s), after.at)
        excused = union([*away, *behind(self.lives.values(), after.kind, lapsed, after.at)])
        return Recovery(after, (after.at - before.at).total_seconds(), overlap_s(excused, before.at, after.at))

    @cached_property
    def paid_again(self) -> list[Change]:
        """Reservations for a call that were made while a good answer for the window was stored."""
        return [
            after
            for life in self.lives.values()
            for before, after in pairwise(life)
            if before.replies and after.reserved and not before.reserved
        ]


def _grouped(rows: list[Row]) -> Mapping[Any, list[Row]]:
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["job_id"]].append(row)
    return found
