"""The invariants, each a pure function of the evidence that gives the violations of it; `INVARIANTS` has them all."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.chaos.broker import WELL
from tests.chaos.case import Case
from tests.chaos.evidence import Evidence, Message, Row, Upload

TERMINAL = frozenset({"succeeded", "partial", "failed", "canceled"})
OVER = frozenset({"done", "failed", "canceled"})
ANSWER = re.compile(r"answer (\d+)")
NAME = re.compile(r"upload-\d+\.")
ROUNDING_USD = Decimal("0.0000001")
TAKEN = 204
MORE_S = 1.0
"""How much longer an upload may take without the broker."""

RECOVERY_S = 15.0
"""How much longer than a lease it may take until somebody goes on with what a dead worker had."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong, and with which rows."""

    what: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what}: {' '.join(self.ids)}"


def _ids(*rows: Row) -> tuple[str, ...]:
    return tuple(str(row["id"]) for row in rows)


def uploads_end(case: Case) -> Iterator[Violation]:
    """Every acknowledged upload is there, byte for byte, and has ended as it must."""
    for upload in case.evidence.uploads:
        if upload.accepted_at is None:
            yield Violation(f"never accepted ({', '.join(upload.refused[-3:])})", (upload.name,))
        elif not any(str(job_id) == upload.job_id for job_id in case.jobs):
            yield Violation("acknowledged, and its job is lost", (upload.name, upload.job_id))
    for job in case.jobs.values():
        upload, video = case.upload_of(job), case.videos[job["video_id"]]
        if job["status"] not in TERMINAL or job["completed_at"] is None:
            yield Violation(f"{job['status']} for ever", (upload.name, *_ids(job)))
        elif not _ended_well(job, upload):
            gaps = (job["coverage"] or {}).get("gaps")
            yield Violation(f"{job['status']}, {job['error']}, gaps {gaps}", (upload.name, *_ids(job)))
        if case.evidence.sources.get(video["blob_key"]) != case.evidence.clips[upload.clip].sha256:
            yield Violation("its blob holds other bytes than were sent", (upload.name, *_ids(video)))


def _ended_well(job: Row, upload: Upload) -> bool:
    """Only a job whose budget is small may end with gaps, and for no other reason."""
    reasons = {gap["reason"] for gap in (job["coverage"] or {}).get("gaps", ())}
    return job["status"] == "succeeded" or (_is_poor(upload) and reasons == {"budget"})


def _is_poor(upload: Upload) -> bool:
    return upload.budget_usd is not None and upload.budget_usd < 1


def nothing_is_mixed(case: Case) -> Iterator[Violation]:
    """What a window tells is from the one answer that is stored with it, and what an event tells is from the windows that it names."""
    stored = {window["id"]: _serials(reply["text"] for reply in _replies(window)) for window in case.rows["windows"]}
    for window in case.rows["windows"]:
        told = _serials(detection["description"] for detection in window["detections"] or ())
        if window["state"] == "done" and not told <= stored[window["id"]]:
            yield Violation(f"tells of answers {told}, and has stored {stored[window['id']]}", _ids(window))
        for serial in stored[window["id"]]:
            call = case.calls.get(serial)
            if call is None or not _is_about(call, window, case.upload_of(case.jobs[window["job_id"]])):
                yield Violation(f"answer {serial} was given to another question", _ids(window))
    for event in case.rows["events"]:
        named = set().union(*(stored.get(_uuid_in(stored, window_id), set()) for window_id in event["source"]["window_ids"]))
        if event["provisional"] or not _serials([event["description"]]) <= named:
            yield Violation(f"tells of {event['description']!r}, and its windows have stored {named}", _ids(event))
    for life in case.lives.values():
        for before, after in pairwise(life):
            if before.attempts is not None and (after.attempts or 0) + (after.outages or 0) < before.attempts + (before.outages or 0):
                yield Violation("has fewer attempts than before", (before.kind, str(before.id)))


def _uuid_in(stored: Mapping[Any, Any], window_id: str) -> Any:
    return next((known for known in stored if str(known) == window_id), None)


def _replies(window: Row) -> list[Row]:
    return list((window["raw_reply"] or {}).get("replies", ()))


def _serials(texts: Any) -> set[int]:
    return {int(serial) for text in texts for serial in ANSWER.findall(text)}


def _is_about(call: Row, window: Row, upload: Upload) -> bool:
    shown = {frame["mark_ms"] for frame in call["frames"]}
    return call["status"] == 200 and upload.name in call["question"] and shown <= set(window["frame_pts_ms"])


def jobs_settle_once(case: Case) -> Iterator[Violation]:
    """`succeeded` if and only if every window is done; what is over stays as it is."""
    for job in case.jobs.values():
        windows = case.windows[job["id"]]
        whole = len(windows) == job["windows_total"] and all(window["state"] == "done" and not window["gaps"] for window in windows)
        if (job["status"] == "succeeded") != whole:
            yield Violation(f"{job['status']}, and of its {job['windows_total']} windows {_tally(windows)}", _ids(job))
    for life in case.lives.values():
        over = TERMINAL if life[0].kind == "jobs" else OVER
        for before, after in pairwise(life):
            if before.state in over and (after.state != before.state or life[0].kind == "jobs"):
                yield Violation(f"was {before.state} and became {after.state}", (before.kind, str(before.id)))


def _tally(windows: list[Row]) -> dict[str, int]:
    return {state: sum(window["state"] == state for window in windows) for state in sorted({window["state"] for window in windows})}


def windows_cover(case: Case) -> Iterator[Violation]:
    """The windows leave no hole in the timeline, and each event lies inside those that it came from."""
    for job in case.jobs.values():
        duration_ms, reached_ms = case.videos[job["video_id"]]["duration_ms"], 0
        for _, start_ms, end_ms in sorted(tuple(cut) for segment in case.segments[job["id"]] for cut in segment["windows"]):
            reached_ms = max(reached_ms, end_ms) if start_ms <= reached_ms else reached_ms
        if duration_ms is not None and reached_ms != duration_ms:
            yield Violation(f"its windows reach to {reached_ms} of {duration_ms} ms", _ids(job))
        spans = {str(window["id"]): (window["start_ms"], window["end_ms"]) for window in case.windows[job["id"]]}
        for event in case.events[job["id"]]:
            seen = [spans[window_id] for window_id in event["source"]["window_ids"] if window_id in spans]
            inside = seen and min(start for start, _ in seen) <= event["start_ms"] and event["end_ms"] <= max(end for _, end in seen)
            if not inside or len(seen) < len(event["source"]["window_ids"]):
                yield Violation("lies outside of the windows that it came from", _ids(event))


def events_are_true(case: Case) -> Iterator[Violation]:
    """A job that succeeded tells of what is to be seen in its clip, each event once and nothing else."""
    for job in case.jobs.values():
        if job["status"] != "succeeded":
            continue
        drawn = case.evidence.clips[case.upload_of(job).clip].drawn
        told = sorted(case.events[job["id"]], key=lambda event: (event["start_ms"], event["type"]))
        if [event["type"] for event in told] != [kind for kind, _, _ in drawn]:
            lost, twice = len(drawn) > len(told), len(drawn) < len(told)
            yield Violation("events were lost" if lost else "events came twice" if twice else "the wrong events", _ids(job))
            continue
        for event, (_, start_ms, end_ms) in zip(told, drawn, strict=True):
            off_ms = (
                abs(event["start_ms"] - start_ms) - event["start_uncertainty_ms"],
                abs(event["end_ms"] - end_ms) - event["end_uncertainty_ms"],
            )
            if max(off_ms) > 0:
                yield Violation(f"{event['start_ms']} to {event['end_ms']} ms, drawn from {start_ms} to {end_ms}", _ids(job, event))


def nothing_is_paid_twice(case: Case) -> Iterator[Violation]:
    """No call is made for a window whose answer is stored, and none without a reservation."""
    for change in case.paid_again:
        yield Violation("a call was permitted though its answer was stored", (str(change.id),))
    permitted: defaultdict[tuple[str, int], int] = defaultdict(int)
    for window in case.rows["windows"]:
        place = case.upload_of(case.jobs[window["job_id"]]).name, window["seq"]
        permitted[place] += sum(1 for before, after in pairwise(case.lives[window["id"]]) if after.reserved and not before.reserved)
    made: defaultdict[tuple[str, int], int] = defaultdict(int)
    starts = {
        (case.upload_of(case.jobs[window["job_id"]]).name, window["frame_pts_ms"][0]): window["seq"]
        for window in case.rows["windows"]
        if window["frame_pts_ms"]
    }
    for call in case.evidence.calls:
        if call.get("frames"):
            name = NAME.search(call["question"])
            assert name
            made[name[0], starts.get((name[0], call["frames"][0]["mark_ms"]), -1)] += 1
    for place, count in made.items():
        if count > permitted[place]:
            yield Violation(f"{count} calls were made, and {permitted[place]} permitted", (f"{place[0]} window {place[1]}",))


def budgets_hold(case: Case) -> Iterator[Violation]:
    """What is spent is what the windows cost, never more than the budget, and never less than the model's server billed."""
    budgets = {budget["job_id"]: budget for budget in case.rows["budgets"]}
    spent: defaultdict[str, Decimal] = defaultdict(Decimal)
    for job in case.jobs.values():
        budget, windows = budgets[job["id"]], case.windows[job["id"]]
        spent[case.upload_of(job).name] += budget["spent_usd"]
        if budget["reserved_usd"] or budget["spent_usd"] != sum(window["cost_usd"] for window in windows):
            yield Violation(f"spent {budget['spent_usd']}, reserved {budget['reserved_usd']}: not what its windows say", _ids(job))
        if budget["limit_usd"] is not None and budget["spent_usd"] > budget["limit_usd"]:
            yield Violation(f"spent {budget['spent_usd']} of {budget['limit_usd']}", _ids(job))
    billed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for call in case.evidence.calls:
        if call.get("usage") and (name := NAME.search(call["question"])):
            billed[name[0]] += Decimal(str(call["usage"]["cost"]))
    for upload_name, usd in billed.items():
        if usd > spent[upload_name] + ROUNDING_USD:
            yield Violation(f"the server billed {usd:.8f}, and {spent[upload_name]} counts as spent", (upload_name,))


def blobs_match_rows(case: Case) -> Iterator[Violation]:
    """Every row has its blob, and every blob its row, or a place on the list of what is to be deleted."""
    blobs, doomed = case.evidence.blobs, {row["prefix"] for row in case.rows["doomed_blobs"]}
    for video in case.rows["videos"]:
        if blobs.get(video["blob_key"]) != video["bytes"]:
            yield Violation("its bytes are not in the storage", _ids(video))
    for window in case.rows["windows"]:
        if window["frame_pts_ms"] and window["frames_key"] not in blobs:
            yield Violation("its frames are not in the storage", _ids(window))
    known = {f"videos/{video_id}" for video_id in case.videos} | doomed
    for key in blobs:
        if "/".join(key.split("/")[:2]) not in known:
            yield Violation("a blob without a row", (key,))


def uploads_happen_once(case: Case) -> Iterator[Violation]:
    """What was sent until its answer came, with one key, is one video and one job, and each answer was about these."""
    for upload in case.evidence.uploads:
        videos = [video for video in case.videos.values() if video["custom_id"] == upload.name]
        jobs = [job for job in case.jobs.values() if case.upload_of(job).name == upload.name]
        if upload.accepted_at is None:
            continue
        if len(videos) > 1 or len(jobs) > 1:
            yield Violation(f"became {len(videos)} videos and {len(jobs)} jobs", (upload.name, *_ids(*videos, *jobs)))
        if len(set(upload.answers)) > 1:
            yield Violation("was answered in different ways", (upload.name, *(job_id for _, job_id in upload.answers)))
    for name in ("job_id", "video_id"):
        acknowledged = [getattr(upload, name) for upload in case.evidence.uploads if upload.accepted_at is not None]
        for shared in {one for one in acknowledged if acknowledged.count(one) > 1}:
            yield Violation("was given to two uploads", (shared,))


def work_recovers(case: Case) -> Iterator[Violation]:
    """What a worker left in the middle is gone on with soon after its lease."""
    longest_s = case.evidence.lease_s + RECOVERY_S
    for recovery in case.recoveries:
        if recovery.own_s > longest_s:
            what = f"went on after {recovery.took_s:.1f} s, of which what it needs was away or busy for {recovery.away_s:.1f} s"
            yield Violation(what, (recovery.claim.kind, str(recovery.claim.id)))


def uploads_need_no_broker(case: Case) -> Iterator[Violation]:
    """They are accepted within a second more while it is down, frozen or wiped."""
    waits = case.evidence.waits
    for state, times in waits.items():
        if max(times) > max(waits[WELL]) + MORE_S:
            yield Violation(f"an upload took {max(times):.2f} s, and {max(waits[WELL]):.2f} s with the broker well", (f"broker {state}",))


def webhooks_are_told(case: Case) -> Iterator[Violation]:
    """Of each job that ended and each of its events one message is written, and of nothing else; each is delivered, under its id alone."""
    for job in case.jobs.values():
        found = [("event.created", str(event["id"])) for event in case.events[job["id"]] if event["verification"]["status"] != "rejected"]
        wanted = Counter([(f"job.{job['status']}", str(job["id"])), *found] if job["status"] in TERMINAL else [])
        written = Counter(_told(delivery) for delivery in case.deliveries[job["id"]])
        if written != wanted:
            yield Violation(f"{job['status']}; written besides {written - wanted}, not written {wanted - written}", _ids(job))
    arrived: defaultdict[str, list[Message]] = defaultdict(list)
    for message in case.evidence.messages:
        arrived[message.id].append(message)
    for delivery in case.rows["webhook_deliveries"]:
        came = arrived.pop(str(delivery["id"]), [])
        if delivery["state"] != "delivered" or not any(message.status == TAKEN for message in came):
            yield Violation(f"is {delivery['state']}, and was answered with {[message.status for message in came]}", _ids(delivery))
        if {(message.type, message.about) for message in came} - {_told(delivery)} or not all(message.is_signed for message in came):
            yield Violation(f"arrived as {came[0]}", _ids(delivery))
    for message_id in arrived:
        yield Violation("arrived, and no row has it", (message_id,))


def _told(delivery: Row) -> tuple[str, str]:
    return delivery["type"], str(delivery["event_id"] or delivery["job_id"])


def everything_ends(case: Case) -> Iterator[Violation]:
    """What is told to stop does, and no process is left over."""
    for survivor in case.evidence.survivors:
        yield Violation("is left over", (survivor,))
    for name, seconds in case.evidence.stopped_s.items():
        if seconds >= 30:
            yield Violation(f"took {seconds:.0f} s to stop", (name,))


INVARIANTS: Mapping[str, Callable[[Case], Iterator[Violation]]] = {
    "1. every acknowledged upload ends as it must": uploads_end,
    "2. a window's events come from its last attempt": nothing_is_mixed,
    "3. jobs are settled once, and succeed if and only if every window is done": jobs_settle_once,
    "4. windows cover the timeline, and hold their events": windows_cover,
    "   events are lost or told twice by nobody": events_are_true,
    "5. budgets hold": budgets_hold,
    "   no stored answer is paid for again": nothing_is_paid_twice,
    "6. every blob has a row, every row its blob": blobs_match_rows,
    "7. an upload sent until its answer comes is one video and one job": uploads_happen_once,
    "8. webhooks are told of what ended, and of nothing else": webhooks_are_told,
    "   what a dead worker had is gone on with in time": work_recovers,
    "   uploads need no broker": uploads_need_no_broker,
    "   everything ends, and leaves no process": everything_ends,
}


def check(evidence: Evidence) -> dict[str, list[Violation]]:
    """The violations of each invariant."""
    case = Case(evidence)
    return {name: list(invariant(case)) for name, invariant in INVARIANTS.items()}
