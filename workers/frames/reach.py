"""From wanted times to frames: plans, decodes, checks that what came is what was planned, and falls back where it is not. Runs in the
decoder's process.
"""

from collections.abc import Callable, Iterator, Sequence

from workers.frames.cost import costs
from workers.frames.decode import Missing, Picture, decode, decode_keys
from workers.frames.plan import Run, Ways, plan
from workers.frames.probe import Source

Alive = Callable[[], None]

# Key frames in a row that are marked as such and do not come, or refer to others, before the rest is decoded frame by frame.
PATIENCE = 8


def frames(source: Source, wanted_ms: Sequence[int], *, tolerance_ms: int, alive: Alive) -> Iterator[Picture | Missing]:
    """Each wanted frame, what stands in its stead, or that it is missing: in order of time."""
    return _Reach(source, tolerance_ms, alive).all(wanted_ms, ways(source))


def ways(source: Source) -> Ways:
    """What may be done with this file. Where frames lag, those that come alone bear the times of others; where they are counted anew after
    damage, all depends on where the count began.
    """
    return Ways(keys_alone=source.codec.obeys and not source.index.lags, seek=source.index.rejoin is None)


class _Reach:
    def __init__(self, source: Source, tolerance_ms: int, alive: Alive) -> None:
        self._source = source
        self._costs = costs(source.width, source.height)
        self._tolerance_ms = tolerance_ms
        self._alive = alive

    def all(self, wanted_ms: Sequence[int], allowed: Ways) -> Iterator[Picture | Missing]:
        for run in plan(self._source.index, wanted_ms, self._costs, allowed):
            if run.keys_alone:
                yield from self._keys(run)
            else:
                yield from decode(self._source, run, tolerance_ms=self._tolerance_ms, alive=self._alive)

    def _keys(self, run: Run) -> Iterator[Picture | Missing]:
        """Key frames alone; those that do not come that way are decoded with all the frames before them."""
        owed: list[int] = []
        for found in decode_keys(self._source, run, alive=self._alive):
            if isinstance(found, Missing):
                owed.append(found.pts_ms)
                if len(owed) == PATIENCE:
                    owed += [time for time in run.wanted_ms if time > owed[-1]]
                    break
            else:
                yield from (other for other in self._slowly(owed) if other.pts_ms < found.pts_ms)
                owed = []
                yield found
        yield from self._slowly(owed)

    def _slowly(self, wanted_ms: Sequence[int]) -> Iterator[Picture | Missing]:
        return self.all(wanted_ms, ways(self._source)._replace(keys_alone=False))
