"""An orderly end when a signal asks for it."""

import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


def listen(handler: Handler) -> dict[signal.Signals, Handler]:
    """Handle the signals that ask for an end, but for those that are ignored, as `nohup` has it; returns the former handlers."""
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}


class Stop(BaseException):
    """A signal asked for an end."""


class Stopping:
    """Inside its `with` block signals are only noted, and `pause` raises `Stop`, which ends the block and goes no further.

    A handler that raises would be no use: what it raises is lost where Python ignores exceptions, as around a fork. That signals after the
    first change nothing is on purpose: a terminal, `make` and a script may each send one.
    """

    def __init__(self) -> None:
        self._asked = False

    def __enter__(self) -> Self:
        self._former = listen(self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        return isinstance(error, Stop)

    def pause(self, seconds: float) -> None:
        """Sleep, unless somebody wants an end.

        Raises:
            Stop: a signal came, before or meanwhile.
        """
        if not self._asked:
            time.sleep(seconds)
        if self._asked:
            raise Stop

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
