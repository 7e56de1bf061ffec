import os
import signal

import pytest

from standalone.stopping import SIGNALS, Stopping


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_block_at_the_next_pause_and_not_before(number: signal.Signals) -> None:
    came_to: list[str] = []
    with Stopping() as stopping:
        os.kill(os.getpid(), number)
        came_to.append("after the signal")
        stopping.pause(0)
        came_to.append("after the pause")
    assert came_to == ["after the signal"]


def test_more_signals_do_not_disturb_the_end() -> None:
    with Stopping() as stopping:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            stopping.pause(0)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)


def test_the_former_handlers_come_back() -> None:
    former = [signal.getsignal(number) for number in SIGNALS]
    with Stopping():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == former


def test_without_a_signal_the_block_ends_as_it_would() -> None:
    with pytest.raises(ZeroDivisionError), Stopping() as stopping:
        _divide(stopping)


def _divide(stopping: Stopping) -> float:
    stopping.pause(0)
    return 1 / 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_ignored_stays_so(number: signal.Signals) -> None:
    former = signal.signal(number, signal.SIG_IGN)  # as `nohup` does
    try:
        with Stopping() as stopping:
            os.kill(os.getpid(), number)
            stopping.pause(0)
            assert signal.getsignal(number) is signal.SIG_IGN
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, former)
