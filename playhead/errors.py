"""Everything that this package raises on purpose.

PlayheadError
├── ApiError            the server said no, or failed: carries its problem (RFC 9457)
├── ConnectionFailed    no answer came
├── UnexpectedAnswer    something answered that is not a Playhead server, or a much newer one
├── WaitTimeout         the job is still going on after the time the caller gave it
├── BadSetting          the address or the key can't be used
└── TimecodeError       a text is not a time (a ValueError as well)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playhead.types import Job, Problem


class PlayheadError(Exception):
    """The text is for people: what happened, and what to do."""


class ApiError(PlayheadError):
    """`code` is the stable name of what went wrong; `request_id` finds the request in the server's log.

    `retry_after_s` is how long the server asked to be left alone, where it did.
    """

    def __init__(self, status: int, problem: "Problem", *, retry_after_s: float | None = None) -> None:
        super().__init__(problem.detail or problem.title or f"The server answered {status}.")
        self.status = status
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def code(self) -> str:
        return self.problem.code or f"http_{self.status}"

    @property
    def title(self) -> str | None:
        return self.problem.title

    @property
    def detail(self) -> str | None:
        return self.problem.detail

    @property
    def request_id(self) -> str | None:
        return self.problem.request_id

    @property
    def errors(self) -> tuple[dict[str, Any], ...]:
        """What is wrong with which field, one by one."""
        return self.problem.errors


class ConnectionFailed(PlayheadError):
    """No answer came: nobody listens there, the name is unknown, the connection broke or it took too long."""


class UnexpectedAnswer(PlayheadError):
    """The answer is not what a Playhead server says."""


class WaitTimeout(PlayheadError):
    """`job` is the job as it was seen last; it goes on."""

    def __init__(self, job: "Job", timeout: float) -> None:
        super().__init__(f"Job {job.id} is still {job.status} after {timeout:g} s. It goes on; wait for it again, or cancel it.")
        self.job = job


class BadSetting(PlayheadError):
    """An address or a key that can't be used."""


class TimecodeError(PlayheadError, ValueError):
    """A text that is not a time."""
