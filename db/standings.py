"""How far jobs are, and what they took: what the rows of their work add up to, in one statement."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Connection, Row, Select, Uuid, and_, bindparam, cast, func, or_, select
from sqlalchemy.orm import Session

from db.models import OPEN_WORK_STATES, Fetch, Segment, Window


class Round(NamedTuple):
    """Which pass over its video a job is at (0: the first look), how many windows that has, and how many of these have ended."""

    pass_: int = 0
    planned: int = 0
    ended: int = 0


class Arrival(NamedTuple):
    """How many bytes of its video a job has brought in, and of how many; null: nobody knows yet. `furthest`: the largest share that it had
    before it began anew.
    """

    bytes_done: int
    bytes_total: int | None
    furthest: float = 0.0


class Tally(NamedTuple):
    """What a job's windows add up to."""

    windows_done: int = 0
    windows_failed: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    uncertain_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)


class Standing(NamedTuple):
    """`arrival`: None where the video was there before."""

    tally: Tally = Tally()
    at: Round = Round()
    arrival: Arrival | None = None


JOB_IDS = func.any(bindparam("job_ids", type_=ARRAY(Uuid)))
"""One statement, however many: it is put together once, which takes longer than to ask, and prepared."""


def _each_pass(kind: type[Segment | Window], *sums: ColumnElement[Any]) -> Select[Any]:
    is_open = func.bool_or(kind.state.in_(OPEN_WORK_STATES)).label("is_open")
    return select(kind.job_id, kind.pass_.label("pass_"), is_open, *sums).where(kind.job_id == JOB_IDS).group_by(kind.job_id, kind.pass_)


_SET_ASIDE = and_(Window.pass_ > 0, Window.look.is_(None))
_SUMS: dict[str, ColumnElement[Any]] = {
    "windows_done": func.count().filter(Window.state == "done"),
    "windows_failed": func.count().filter(Window.state == "failed"),
} | {name: cast(func.sum(column := getattr(Window, name)), column.type) for name in Tally._fields[2:]}
_ENDED = func.count().filter(or_(Window.state.in_(("done", "failed")), _SET_ASIDE)).label("ended")

_fetches = select(Fetch.job_id, *(getattr(Fetch, name) for name in Arrival._fields)).where(Fetch.job_id == JOB_IDS).subquery()
_segments = _each_pass(Segment, func.sum(func.jsonb_array_length(Segment.windows)).label("planned")).subquery()
_windows = _each_pass(Window, _ENDED, *(total.label(name) for name, total in _SUMS.items())).subquery()
_same_pass = and_(_segments.c.job_id == _windows.c.job_id, _segments.c.pass_ == _windows.c.pass_)
_job_id = func.coalesce(_segments.c.job_id, _windows.c.job_id)
_STANDINGS = select(
    func.coalesce(_job_id, _fetches.c.job_id).label("job_id"),
    *(_fetches.c[name] for name in Arrival._fields),
    _segments.c.pass_,
    _segments.c.planned,
    func.coalesce(_windows.c.ended, 0).label("ended"),
    or_(_segments.c.is_open, func.coalesce(_windows.c.is_open, False)).label("is_open"),
    *(func.coalesce(_windows.c[name], 0).label(name) for name in Tally._fields),
).select_from(_segments.join(_windows, _same_pass, full=True).join(_fetches, _fetches.c.job_id == _job_id, full=True))


_Pass = Row[tuple[Any, ...]]
"""One of a job's, and what its fetch has, which every one of them has; where there is no pass yet, that alone."""


def standings(asked: Session | Connection, job_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Job id -> how far it is, for each of them."""
    passes: dict[UUID, list[_Pass]] = {job_id: [] for job_id in job_ids}
    found: Iterable[_Pass] = asked.execute(_STANDINGS, {"job_ids": list(job_ids)}) if job_ids else ()
    for each in found:
        passes[each.job_id].append(each)
    return {job_id: _standing(those) for job_id, those in passes.items()}


def _standing(passes: Sequence[_Pass]) -> Standing:
    tally = Tally(*(sum(getattr(each, name) for each in passes) for name in Tally._fields))
    arrived = [Arrival(*(getattr(each, name) for name in Arrival._fields)) for each in passes if each.bytes_done is not None]
    return Standing(tally, _round(passes), arrived[0] if arrived else None)


def _round(passes: Sequence[_Pass]) -> Round:
    """The first pass in which there is work, the last one where there is none."""
    planned = sorted((each for each in passes if each.planned is not None), key=attrgetter("pass_"))
    here = next((each for each in planned if each.is_open), planned[-1] if planned else None)
    return Round(here.pass_, here.planned, here.ended) if here else Round()
