"""The gate before the model's provider, in a real Valkey: how many may call, who tries first, and what it does without one."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.errors import CircuitOpen, ModelBusy, ModelPaused, ModelUnavailable
from standalone.processes import free_port
from standalone.valkey import Valkey
from tests.polling import wait_until
from workers.model.gate import OPEN_AFTER, RAISE_AFTER, START, Gate

MakeGate = Callable[..., Gate]
BUSY = ModelUnavailable("429", failure=429)
AWAY = ModelUnavailable("502", failure=502)


@pytest.fixture
def make_gate(valkey_server: Valkey) -> Iterator[MakeGate]:
    """Gates of one key, as different workers have them."""
    scope = uuid4().hex
    with ExitStack() as stack:

        def make(*, rest_s: float = 60, lease_s: float = 30, patience_s: float = 0, of: str = scope) -> Gate:
            broker = stack.enter_context(redis.Redis.from_url(valkey_server.url(0)))
            return Gate(broker, of, rest=timedelta(seconds=rest_s), lease=timedelta(seconds=lease_s), patience_s=patience_s)

        yield make


def permit() -> None:
    """Go on."""


def call(gate: Gate, error: Exception | None = None, model: str = "m") -> None:
    with suppress(ModelUnavailable, ModelPaused), gate.slot(model, permit):
        if error:
            raise error


def room(gate: Gate) -> int:
    """How many calls may be in flight at once."""
    with ExitStack() as stack:
        for taken in range(1000):
            try:
                stack.enter_context(gate.slot("m", permit))
            except ModelBusy:
                return taken
    raise AssertionError("no end of slots")


def test_the_workers_share_one_limit(make_gate: MakeGate) -> None:
    one, other = make_gate(), make_gate()
    with one.slot("m", permit), one.slot("other model", permit), other.slot("m", permit), other.slot("m", permit):
        for gate in (one, other):
            with pytest.raises(ModelBusy), gate.slot("m", permit):
                pass
        assert room(make_gate(of=uuid4().hex)) == START
    assert room(one) == START


def test_one_more_after_twenty_replies_and_half_after_a_429(make_gate: MakeGate) -> None:
    gate = make_gate()
    for _ in range(RAISE_AFTER):
        call(gate)
    assert room(gate) == START + 1
    call(gate, BUSY)
    assert room(gate) == 2
    for _ in range(3):
        call(gate, BUSY)
    assert room(gate) == 1


def test_calls_that_were_in_flight_together_cut_the_limit_once(make_gate: MakeGate) -> None:
    gate = make_gate()
    with ThreadPoolExecutor(START) as pool:
        together = threading.Barrier(START)

        def refused() -> None:
            with suppress(ModelUnavailable), gate.slot("m", permit):
                together.wait(20)
                raise BUSY

        for each in [pool.submit(refused) for _ in range(START)]:
            each.result()
    assert room(gate) == START // 2


def test_a_slot_that_is_free_again_is_taken_by_who_waits(make_gate: MakeGate) -> None:
    gate, patient = make_gate(), make_gate(patience_s=30)
    permitted: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        with ExitStack() as stack:
            for _ in range(START):
                stack.enter_context(gate.slot("m", permit))

            def wait() -> bool:
                with patient.slot("m", lambda: permitted.append(1)):
                    return True

            waiting = pool.submit(wait)
            wait_until(lambda: permitted, "the one who waits to ask whether it still may")
            assert not waiting.done()
        assert waiting.result(20)


def test_the_slots_of_a_killed_worker_come_back_and_those_that_are_kept_stay(make_gate: MakeGate, valkey_server: Valkey) -> None:
    scope = uuid4().hex
    killed, alive = make_gate(lease_s=0.3, of=scope), make_gate(lease_s=3, of=scope)
    with redis.Redis.from_url(valkey_server.url(0)) as broker, ExitStack() as stack:
        keep = stack.enter_context(alive.slot("m", permit))

        def until() -> float:
            keep()
            return float(broker.zrange(f"playhead:model:{scope}:slots", -1, -1, withscores=True)[0][1])

        first = until()
        for _ in range(START - 1):
            stack.enter_context(killed.slot("m", permit))
        wait_until(lambda: until() > first and room(alive) == START - 1, "the leases to run out, and one to be renewed")


def test_a_refused_key_stops_all_and_lets_one_try(make_gate: MakeGate) -> None:
    one, other = make_gate(rest_s=0.5), make_gate(rest_s=0.5)
    call(one, ModelPaused("no credit left", failure=402))
    for model in ("m", "another"):
        with pytest.raises(ModelPaused, match="no credit left") as told, other.slot(model, permit):
            pass
        assert 0 < (told.value.retry_after_s or 0) <= 0.5

    def tries() -> bool:
        try:
            with other.slot("m", permit):
                with pytest.raises(ModelPaused), one.slot("m", permit):
                    pass
                return True
        except ModelPaused:
            return False

    wait_until(tries, "the first who may try")
    assert room(one) == START, "it worked, so all may call"


def test_a_key_that_is_refused_again_stays_paused(make_gate: MakeGate) -> None:
    gate = make_gate(rest_s=0.3)
    call(gate, ModelPaused("first", failure=401))
    wait_until(lambda: _refused(gate, "second"), "the probe")
    with pytest.raises(ModelPaused, match="second"), gate.slot("m", permit):
        pass


def _refused(gate: Gate, reason: str) -> bool:
    try:
        with gate.slot("m", permit):
            raise ModelPaused(reason, failure=401)
    except ModelPaused as error:
        return error.detail == reason


def test_a_probe_that_nobody_waited_for_leaves_the_place_to_another(make_gate: MakeGate) -> None:
    gate = make_gate(rest_s=0.2)
    call(gate, ModelPaused("refused", failure=401))

    def left() -> bool:
        try:
            with gate.slot("m", permit):
                raise KeyError
        except KeyError:
            return True
        except ModelPaused:
            return False

    wait_until(left, "the probe")
    with gate.slot("m", permit):
        pass


def test_ten_failures_in_a_row_open_the_circuit_of_that_model_alone(make_gate: MakeGate) -> None:
    one, other = make_gate(rest_s=0.5), make_gate(rest_s=0.5)
    for _ in range(OPEN_AFTER - 1):
        call(one, AWAY)
    call(one)
    for _ in range(OPEN_AFTER):
        call(other, AWAY)
    with pytest.raises(CircuitOpen, match="502"), one.slot("m", permit):
        pass
    call(one, model="another")

    def tries() -> bool:
        try:
            with other.slot("m", permit):
                with pytest.raises(CircuitOpen), one.slot("m", permit):
                    pass
                return True
        except CircuitOpen:
            return False

    wait_until(tries, "the first who may try")
    call(one)


def test_without_redis_each_process_keeps_to_a_cap_of_its_own() -> None:
    with redis.Redis(port=free_port(), socket_connect_timeout=1, retry=Retry(NoBackoff(), 1)) as nobody:
        gate = Gate(nobody, "scope", rest=timedelta(seconds=60), lease=timedelta(seconds=30), patience_s=0)
        assert room(gate) == START
        assert room(gate) == START
