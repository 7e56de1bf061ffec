"""What a run says at its end."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.chaos.case import Case
from tests.chaos.checker import Violation
from tests.chaos.evidence import Evidence
from tests.chaos.faults import KINDS
from tests.chaos.run import Outcome

SHOWN = 10


def lines(outcome: Outcome, found: Mapping[str, list[Violation]]) -> Iterator[str]:
    evidence, skipped = outcome.evidence, outcome.skipped
    case = Case(evidence)
    injected = Counter(fault.kind for fault in evidence.faults)
    yield "Faults injected:"
    for kind in KINDS:
        nothing = f"   ({skipped[kind]} more found nothing to break)" if skipped.get(kind) else ""
        yield f"  {kind:24}{'not possible here' if kind in outcome.lacking else injected[kind]}{nothing}"
    yield f"  {'in all':24}{injected.total()}"
    statuses = Counter(job["status"] for job in evidence.rows["jobs"])
    acknowledged = sum(upload.accepted_at is not None for upload in evidence.uploads)
    yield f"Uploads acknowledged: {acknowledged} of {len(evidence.uploads)}, after {_refusals(evidence)}"
    yield f"Answers given again: {sum(upload.replayed for upload in evidence.uploads)}"
    yield f"Jobs: {statuses.total()} ({', '.join(f'{count} {status}' for status, count in statuses.most_common())})"
    answered = sum(call.get("status") == 200 for call in evidence.calls)
    stored = sum(change.replies or 0 for life in case.lives.values() for change in life[-1:])
    yield f"Windows: {len(evidence.rows['windows'])}; calls: {len(evidence.calls)}, {answered} answered, {stored} answers stored"
    yield f"Calls paid twice: {len(case.paid_again)}"
    yield from _recoveries(case)
    answers = Counter(f"{message.status or 'nothing'}" for message in evidence.messages).most_common()
    yield f"Webhooks: {len(evidence.rows['webhook_deliveries'])} messages; answered " + ", ".join(
        f"{count} times {how}" for how, count in answers
    )
    yield "Slowest upload, by the state of the broker: " + ", ".join(
        f"{max(times):.2f} s {state}" for state, times in evidence.waits.items()
    )
    yield from (f"Unexpected: {answer}" for answer in outcome.unexpected[:SHOWN])
    left = [key for key in evidence.blobs if "#" in key]
    yield f"Blobs: {len(evidence.blobs)}; half-written and left: {len(left)}"
    yield f"Told to stop, the slowest took {max(evidence.stopped_s.values(), default=0):.1f} s"
    yield "Invariants:"
    for name, violations in found.items():
        yield f"  {'BROKEN' if violations else 'ok':7} {name}"
        yield from (f"          {violation}" for violation in violations[:SHOWN])
        if len(violations) > SHOWN:
            yield f"          and {len(violations) - SHOWN} more"


def _recoveries(case: Case) -> Iterator[str]:
    longest = max(case.recoveries, key=lambda each: each.own_s, default=None)
    yield f"Work left in the middle by a worker: {len(case.recoveries)} times"
    if longest:
        took_s, lease_s = max(each.took_s for each in case.recoveries), case.evidence.lease_s
        yield f"Longest recovery: {longest.own_s:.1f} s (a lease is {lease_s:g} s), or {took_s:.1f} s with waits for what was away or busy"


def _refusals(evidence: Evidence) -> str:
    refused = Counter(reason for upload in evidence.uploads for reason in upload.refused)
    return ", ".join(f"{count} times {reason}" for reason, count in refused.most_common()) or "no refusal"
