"""Steers a running model server, and reads its book."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Self

import httpx

from tests.model_server.misbehaving import Behaviour


class Control:
    """`root` is the server's address, without /v1. Behaviours come from `tests.model_server.misbehaving`."""

    def __init__(self, root: str) -> None:
        # A new connection for each request: the server closes one that rests, maybe just as it is used again.
        self._http = httpx.Client(base_url=root, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))

    def next(self, *behaviours: Behaviour) -> None:
        """For the next calls, one each; replaces what was told for them before."""
        self._tell(next=behaviours)

    def always(self, behaviour: Behaviour | None) -> None:
        """For every call that nothing else was told for; None: the truth again."""
        self._tell(always=behaviour)

    def chance(self, *shares: tuple[float, Behaviour], seed: int = 0) -> None:
        """Each behaviour for that share (0 to 1) of the calls, drawn with a fixed seed; without any: no more chance."""
        self._tell(chance={"seed": seed, "of": [{"p": share, "behaviour": behaviour} for share, behaviour in shares]})

    def honest(self) -> None:
        """Back to the truth, whatever was told."""
        self._tell(next=(), always=None, chance=None, prices=None)

    def prices(self, **told: Any) -> None:
        """How its list of prices is answered: `endpoints` (`prices.offer`), what the model `takes`, `status`, `delay_s`."""
        self._tell(prices=told)

    def asked_for_prices(self) -> list[bool]:
        """For each time since that was told, whether the key was right."""
        state = self._http.post("/control", json={}).raise_for_status().json()
        return list(state["asked_for_prices"])

    def pending(self) -> int:
        """How many of the behaviours told for the next calls have not been used."""
        return len(self.pending_behaviours())

    def pending_behaviours(self) -> list[Behaviour]:
        """Those told for the next calls that have not been used."""
        return list(self._http.post("/control", json={}).raise_for_status().json()["next"])

    def log(self) -> list[dict[str, Any]]:
        """The calls in order of arrival; see `scripting.Book` and `scripting.described` for the members."""
        found: list[dict[str, Any]] = self._http.get("/log").raise_for_status().json()
        return found

    def clear(self) -> None:
        self._http.delete("/log").raise_for_status()

    def windows(self) -> Counter[int]:
        """How often each window was asked about, whatever it was answered; by its start in the video, in milliseconds."""
        return Counter(entry["offset_ms"] for entry in self.log() if entry.get("offset_ms") is not None)

    def cost_usd(self) -> float:
        """What was billed so far."""
        return sum(float((entry.get("usage") or {}).get("cost", 0)) for entry in self.log())

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, **told: Mapping[str, Any] | tuple[Behaviour, ...] | None) -> None:
        self._http.post("/control", json=told).raise_for_status()
