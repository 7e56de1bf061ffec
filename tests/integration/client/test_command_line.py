"""The command line as a process of its own, against the scripted server."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import Response

from tests.integration.client.script import Script, event, job, listed, ok, problem, text
from tests.polling import wait_until

ROOT = Path(__file__).parents[3]

Run = Callable[..., subprocess.CompletedProcess[str]]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "playhead", *arguments]


def environment(url: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PLAYHEAD_URL": url, "PLAYHEAD_API_KEY": "key-1"}


@pytest.fixture
def run(script: Script, tmp_path: Path) -> Run:
    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env={**environment(script.url), **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def video(tmp_path: Path) -> str:
    (tmp_path / "street.mp4").write_bytes(b"not looked at by the command line")
    return "street.mp4"


def ends_as(script: Script, ended: dict[str, object], *events: dict[str, object]) -> None:
    script.on("/v1/videos", ok({"video": {"id": "v1"}, "job": job("queued")}, 202))
    script.on("/v1/videos/v1", ok({"id": "v1", "duration_ms": 60_000}))
    script.on("/v1/jobs/j1", ok(job("processing", progress={"percent": 50})), ok(ended))
    script.on("/v1/videos/v1/events", listed(*events))


GAP = {"ratio": 0.9999, "gaps": [{"start_ms": 61_000, "end_ms": 62_500, "reason": "unreadable"}]}


def test_analyze_shows_the_table_and_after_it_what_was_not_analysed(run: Run, script: Script, video: str) -> None:
    warning = {"code": "start_cut", "detail": "The first frames are missing."}
    ends_as(script, job("partial", coverage=GAP, warnings=[warning]), event(63, start_uncertainty_ms=250), event(64))
    done = run("analyze", video)
    assert done.returncode == 3
    assert [line.split() for line in done.stdout.splitlines()[:2]] == [
        ["start", "end", "±", "type", "what", "was", "seen"],
        ["1:03.000", "1:03.500", "0.25", "s", "/", "0.5", "s", "cut", "Cut", "63"],
    ]
    assert done.stdout.splitlines()[-3:] == [
        "2 events; 99.9% of the video analysed",
        "Not analysed: 1:01.000 to 1:02.500 (unreadable)",
        "Warning: The first frames are missing. (start_cut)",
    ]


def test_warnings_are_told_while_the_job_runs_and_each_once(script: Script, tmp_path: Path, video: str) -> None:
    paused, other = {"code": "model_paused", "detail": "The key was refused."}, {"code": "start_cut", "detail": "No start."}
    script.on("/v1/videos", ok({"video": {"id": "v1"}, "job": job("queued")}, 202))
    script.on("/v1/jobs/j1", ok(job("queued")), ok(job("processing", warnings=[paused])), ok(job("processing", warnings=[paused, other])))
    with subprocess.Popen(
        command("analyze", video), cwd=tmp_path, env=environment(script.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(3)]
        asked = len(script.paths())
        wait_until(lambda: len(script.paths()) > asked + 1, "the job to be looked at again")
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
    assert told[1:] == ["Warning: The key was refused. (model_paused)\n", "Warning: No start. (start_cut)\n"]
    assert "Warning" not in rest


def test_without_events_it_says_so_and_draws_no_table(run: Run, script: Script, video: str) -> None:
    ends_as(script, job(coverage={"ratio": 1, "gaps": []}))
    assert run("analyze", video).stdout.splitlines() == ["No events.", "0 events; 100% of the video analysed"]


def test_both_outputs_into_one_pipe_stay_in_order(script: Script, tmp_path: Path, video: str) -> None:
    ends_as(script, job(), event(1))
    done = subprocess.run(
        command("analyze", video),
        cwd=tmp_path,
        env=environment(script.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [line.split()[0] for line in done.stdout.splitlines()]
    assert lines == ["street.mp4:", "start", "0:01.000", "1", "Ask"]


def test_nothing_that_drives_a_terminal_goes_into_a_pipe(run: Run, script: Script, video: str) -> None:
    spell = "\x1b]0;owned\x07\x1b[31mred\u202e\x9b2J [bold]not markup[/bold]\r\nsecond line"
    ends_as(script, job(warnings=[{"code": "x", "detail": spell}]), event(1, description=spell, type=spell))
    done = run("analyze", video)
    assert done.returncode == 0
    assert not [
        char for char in done.stdout + done.stderr if (ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160 or char == "\u202e"
    ]
    assert "[bold]not markup[/bold] second line" in done.stdout
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["street.mp4", "Warning", "Ask again"]


def test_json_is_one_line_for_each_file_and_nothing_else(run: Run, script: Script, video: str) -> None:
    ends_as(script, job(coverage={"ratio": 1, "gaps": []}, invented_later=[1]), event(1, description="ü", invented_later=True))
    done = run("analyze", video, video, "--json")
    assert done.returncode == 0
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == second
    assert first["file"] == "street.mp4"
    assert first["video"]["duration_ms"] == 60_000
    assert first["job"] == job(coverage={"ratio": 1, "gaps": []}, invented_later=[1])
    assert first["events"] == [event(1, description="ü", invented_later=True)]


def test_options_become_the_request_and_nothing_more(run: Run, script: Script, video: str) -> None:
    ends_as(script, job())
    run(
        "analyze",
        video,
        "--type",
        "crossing=A person = crosses",
        "--type",
        "car=A car",
        "--fps",
        "2",
        "--analyzer",
        "model",
        "--refine",
        "--budget",
        "0.25",
    )
    run("analyze", video)
    asked, plain = (seen for seen in script.seen if seen.method == "POST")
    assert json.loads(asked.query["request"][0]) == {
        "analyzer": "model",
        "event_types": [{"id": "crossing", "description": "A person = crosses"}, {"id": "car", "description": "A car"}],
        "sampling": {"fps": 2.0},
        "refine": True,
        "budget_usd": 0.25,
    }
    assert plain.query == {"filename": ["street.mp4"]}


ASKED_REQUEST = {
    "event_types": [{"id": "car", "description": "A car"}],
    "sampling": {"fps": 2.0, "skip_static": False},
    "refine": True,
    "verify": {"votes": 3},
    "budget_usd": 0.25,
}
ASKING = ("--type", "car=A car", "--fps", "2", "--all-frames", "--votes", "3")


def test_a_stored_video_is_asked_again_by_the_same_options_and_not_sent(run: Run, script: Script) -> None:
    ends_as(script, job("partial", coverage=GAP), event(1))
    script.on("/v1/videos/v1/jobs", ok(job("queued"), 202))
    done = run("ask", "v1", *ASKING, "--budget", "0.25")
    assert done.returncode == 3, done.stderr
    assert "Cut 1" in done.stdout
    assert "Not analysed: 1:01.000 to 1:02.500 (unreadable)" in done.stdout
    assert "playhead events v1 --job j1 --at 0:01" in done.stderr
    (posted,) = (seen for seen in script.seen if seen.method == "POST")
    assert (posted.path, posted.sha256) == ("/v1/videos/v1/jobs", sha256_of(ASKED_REQUEST))


def test_asking_again_answers_in_json_and_need_not_wait(run: Run, script: Script) -> None:
    ends_as(script, job(), event(1))
    script.on("/v1/videos/v1/jobs", ok(job("queued"), 202))
    video = {"id": "v1", "duration_ms": 60_000}
    assert json.loads(run("ask", "v1", "--json").stdout) == {"video": video, "job": job(), "events": [event(1)]}
    script.seen.clear()
    assert json.loads(run("ask", "v1", "--json", "--no-wait").stdout) == {"video": video, "job": job("queued")}
    assert script.paths() == ["GET /v1/videos/v1", "POST /v1/videos/v1/jobs"]
    assert run("ask", "nowhere").returncode == 1


def test_analyze_and_estimate_take_votes_and_all_frames_too(run: Run, script: Script, video: str) -> None:
    script.on("/v1/videos/v1/estimate", ok({"passes": [], "price": None}))
    ends_as(script, job())
    run("analyze", video, *ASKING, "--budget", "0.25")
    run("estimate", "v1", *ASKING)
    sent, estimated = (seen for seen in script.seen if seen.method == "POST")
    assert json.loads(sent.query["request"][0]) == ASKED_REQUEST
    assert estimated.sha256 == sha256_of({name: value for name, value in ASKED_REQUEST.items() if name != "budget_usd"})


def sha256_of(request: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(request, separators=(",", ":")).encode()).hexdigest()


def test_a_job_that_failed_says_why_and_ends_with_1(run: Run, script: Script, video: str) -> None:
    ends_as(script, job("failed", error={"code": "unsupported_video", "detail": "No decoder for vvc."}))
    done = run("analyze", video)
    assert done.returncode == 1
    assert "Job j1 failed: No decoder for vvc. (unsupported_video)" in done.stdout


def test_a_file_that_is_refused_does_not_keep_the_others_back(run: Run, script: Script, video: str) -> None:
    script.on("/v1/videos", problem(422, "not_a_video", "This is text."))
    ends_as(script, job("partial"), event(1))
    done = run("analyze", video, video)
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == ["Error: street.mp4: This is text.", "(not_a_video, request req-1)"]
    assert "1 event" in done.stdout


def test_no_wait_says_how_to_follow(run: Run, script: Script, video: str) -> None:
    ends_as(script, job())
    done = run("analyze", video, "--no-wait")
    assert done.returncode == 0
    assert "playhead jobs j1 --wait" in done.stderr
    assert script.paths() == ["POST /v1/videos"]


def test_ctrl_c_leaves_and_says_that_the_job_goes_on(script: Script, tmp_path: Path, video: str) -> None:
    ends_as(script, job())
    script.answers["/v1/jobs/j1"].pop()
    with subprocess.Popen(
        command("analyze", video), cwd=tmp_path, env=environment(script.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "job j1" in process.stderr.readline()
        while "GET /v1/jobs/j1" not in script.paths():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (out, err.splitlines()[0]) == ("", "The job goes on without you.")
    assert "playhead jobs j1 --wait" in err
    assert "playhead cancel j1" in err
    assert "POST /v1/jobs/j1/cancel" not in script.paths()


def test_events_takes_timecodes_and_tells_of_the_gaps_in_what_was_asked(run: Run, script: Script) -> None:
    before, around = (
        {"start_ms": 0, "end_ms": 63_200, "reason": "unreadable"},
        {"start_ms": 63_200, "end_ms": 63_300, "reason": "model_rejected"},
    )
    gaps = [before, around, {"start_ms": 63_201, "end_ms": 64_000, "reason": "unreadable"}]
    script.on("/v1/videos/v1/events", listed(event(63)))
    script.on("/v1/jobs", listed(job("partial", coverage={"ratio": 0.5, "gaps": gaps}), job("processing", progress={"percent": 40})))
    done = run("events", "v1", "--at", "1:03.2", "--type", "cut", "--type", "black", "--text", "a red car")
    assert done.returncode == 0
    assert script.seen[0].query == {"at_ms": ["63200"], "type": ["cut", "black"], "q": ["a red car"], "limit": ["1000"]}
    assert done.stdout.splitlines()[2:] == [
        "Not analysed: 1:03.200 to 1:03.300 (model_rejected)",
        "Job j1 is processing (40%): more events may come, and provisional ones may change.",
    ]


def test_no_events_in_a_hole_is_not_said_without_the_hole(run: Run, script: Script) -> None:
    script.on("/v1/videos/v1/events", listed())
    script.on("/v1/jobs", listed(job("partial", coverage=GAP)))
    done = run("events", "v1", "--from", "1:00", "--to", "1:02")
    assert (done.stderr, done.stdout) == ("No such events.\n", "Not analysed: 1:01.000 to 1:02.500 (unreadable)\n")


def test_events_as_json_are_lines_as_the_server_sent_them_up_to_the_limit(run: Run, script: Script) -> None:
    script.on("/v1/events", listed(event(1, odd={"a": 1}), event(2), next_cursor="c2"), listed(event(3)))
    done = run("events", "--json", "--limit", "2")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [event(1, odd={"a": 1}), event(2)]
    assert script.seen[0].query == {"limit": ["2"]}
    assert len(script.seen) == 1


def test_jobs_and_videos_are_listed_and_one_job_is_shown_with_its_holes(run: Run, script: Script) -> None:
    script.on("/v1/jobs", listed(job("partial", coverage=GAP)))
    script.on("/v1/jobs/j1", ok(job("partial", coverage=GAP)))
    script.on("/v1/videos", listed({"id": "v1", "bytes": 1_500_000, "filename": "a.mp4", "width": 1920, "height": 1080, "codec": "h264"}))
    assert run("jobs").stdout.splitlines()[1].split() == ["j1", "partial", "0%", "99.9%", "v1"]
    assert "Not analysed: 1:01.000 to 1:02.500 (unreadable)" in run("jobs", "j1").stdout
    assert run("jobs", "j1", "--wait").returncode == 3
    assert run("videos").stdout.splitlines()[1].split() == ["v1", "1.5", "MB", "1920x1080", "h264", "a.mp4"]


def test_delete_asks_and_without_anyone_to_ask_does_nothing(run: Run, script: Script) -> None:
    script.on("/v1/videos/v1", ok({"id": "v1"}))
    refused = run("delete", "v1")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert "DELETE /v1/videos/v1" not in script.paths()
    assert run("delete", "v1", "--yes").returncode == 0
    assert "DELETE /v1/videos/v1" in script.paths()


def test_cancel_says_what_became_of_the_job(run: Run, script: Script) -> None:
    script.on("/v1/jobs/j1/cancel", ok(job("canceling")), ok(job("succeeded")))
    assert "is canceling" in run("cancel", "j1").stderr
    assert "had ended before: succeeded" in run("cancel", "j1").stderr


def test_retry_begins_what_is_missing_again_and_waits_if_told_to(run: Run, script: Script) -> None:
    script.on("/v1/jobs/j1/retry", ok(job("processing"), 202))
    assert "playhead jobs j1 --wait" in run("retry", "j1").stderr
    script.on("/v1/jobs/j1", ok(job("succeeded")))
    waited = run("retry", "j1", "--budget", "0.5", "--wait")
    assert waited.returncode == 0
    assert "succeeded" in waited.stdout
    script.on("/v1/jobs/j2/retry", problem(409, "nothing_to_retry"))
    assert run("retry", "j2").returncode == 1


def test_an_upload_that_was_interrupted_is_gone_on_with(run: Run, script: Script, video: str) -> None:
    size = len(b"not looked at by the command line")

    def at(offset: int) -> Callable[[], Response]:
        return lambda: Response(headers={"Upload-Offset": str(offset), "Upload-Length": str(size)})

    ends_as(script, job())
    script.on("/v1/uploads/u1", at(4), at(size), ok({"id": "u1", "state": "whole", "video": {"id": "v1"}, "job": job()}))
    assert run("analyze", video, "--resume", "u1").returncode == 0
    assert script.seen[1].sha256 == hashlib.sha256(b"looked at by the command line").hexdigest()
    refused = run("analyze", video, "--resume", "u1", "--refine")
    assert (refused.returncode, "--resume" in refused.stderr) == (2, True)


def test_what_is_known_of_a_video_goes_with_it(run: Run, script: Script, video: str) -> None:
    ends_as(script, job())
    run("analyze", video, "--title", "A street", "--recorded-at", "2026-03-01T09:00:00+01:00", "--custom-id", "camera-7")
    assert script.seen[0].query == {
        "title": ["A street"],
        "recorded_at": ["2026-03-01T09:00:00+01:00"],
        "custom_id": ["camera-7"],
        "filename": ["street.mp4"],
    }


def test_an_address_is_the_server_s_to_fetch(run: Run, script: Script) -> None:
    ends_as(script, job("succeeded"), event(1))
    done = run("analyze", "https://example.com/street.mp4?token=secret", "--analyzer", "signals")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "https://example.com/street.mp4: video v1, job j1"
    asked = {"url": "https://example.com/street.mp4?token=secret", "request": {"analyzer": "signals"}}
    assert (script.seen[0].query, script.seen[0].sha256) == ({}, sha256_of(asked))


def stream(*messages: tuple[str, dict[str, object]]) -> str:
    return "".join(f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for number, (kind, data) in enumerate(messages))


def test_follow_tells_of_each_event_as_it_comes_and_ends_as_the_job_does(run: Run, script: Script) -> None:
    changed = event(1, end_ms=1700, verification={"status": "confirmed"})
    told = stream(
        ("job", job("processing", progress={"percent": 10})),
        ("event", event(1)),
        ("event", event(2)),
        ("event", changed),
        ("withdrawn", {"id": "e2"}),
        ("end", job("partial", coverage=GAP)),
    )
    script.on("/v1/jobs/j1/stream", text(told))
    done = run("follow", "j1")
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        "+ 0:01.000 to 0:01.500  cut  Cut 1",
        "+ 0:02.000 to 0:02.500  cut  Cut 2",
        "~ 0:01.000 to 0:01.700  cut (confirmed)  Cut 1",
        "- 0:02.000 to 0:02.500  cut  Cut 2",
        "1 event; 99.9% of the video analysed",
        "Not analysed: 1:01.000 to 1:02.500 (unreadable)",
    ]
    lines = [json.loads(line) for line in run("follow", "j1", "--json", "--after", "7").stdout.splitlines()]
    assert lines[1] == {"id": "1", "kind": "event", "data": event(1)}
    assert script.seen[-1].headers["last-event-id"] == "7"


def test_a_key_is_shown_once_on_standard_output_alone(run: Run, script: Script) -> None:
    key = {"id": "k1", "name": "camera", "prefix": "ph_ab", "scopes": ["read"]}
    script.on("/v1/keys", ok({**key, "key": "ph_abcd"}, 201))
    made = run("keys", "create", "camera", "--scope", "read", "--expires", "2036-01-01")
    assert (made.returncode, made.stdout) == (0, "ph_abcd\n")
    assert "playhead keys revoke k1" in made.stderr
    script.answers.clear()
    script.on("/v1/keys", listed({**key, "revoked_at": "2026-01-01T00:00:00Z"}))
    script.on("/v1/keys/k1", ok({}))
    script.on(
        "/v1/me", ok({"key": key, "workspace": {"id": "w1", "name": "default"}, "limits": {"max_open_jobs": 50, "max_jobs_a_day": None}})
    )
    assert run("keys", "list").stdout.splitlines()[1].split() == ["k1", "ph_ab", "read", "revoked", "camera"]
    assert run("keys", "revoke", "k1").returncode == 0
    assert run("me").stderr.splitlines() == ["Workspace: default (w1)", "Max open jobs: 50"]


def test_a_key_is_shown_and_changed_by_what_is_given(run: Run, script: Script) -> None:
    script.on("/v1/keys/k1", ok({"id": "k1", "name": "camera", "prefix": "ph_ab", "scopes": ["read", "write"]}))
    assert run("keys", "show", "k1").stdout.splitlines()[1].split() == ["k1", "ph_ab", "read,", "write", "camera"]
    changes: dict[tuple[str, ...], object] = {
        ("--scope", "read", "--scope", "write"): {"scopes": ["read", "write"]},
        ("--name", "camera", "--never-expires"): {"name": "camera", "expires_at": None},
        ("--expires", "2036-01-01"): {"expires_at": "2036-01-01T00:00:00+00:00"},
    }
    for options, body in changes.items():
        assert run("keys", "change", "k1", *options, TZ="UTC").returncode == 0
        assert (script.seen[-1].method, script.seen[-1].sha256) == ("PATCH", sha256_of(body))
    refused = run("keys", "change", "k1", "--expires", "2036-01-01", "--never-expires")
    assert (refused.returncode, "--never-expires" in refused.stderr) == (2, True)


def test_one_thing_is_shown_as_a_table_or_as_the_server_sends_it(run: Run, script: Script) -> None:
    hook = {"id": "h1", "url": "https://example.com", "events": ["job.failed"], "enabled": True}
    script.on("/v1/webhooks/h1", ok(hook))
    script.on("/v1/events/e1", ok(event(1)))
    script.on("/v1/uploads/u1", ok({"id": "u1", "state": "open", "offset": 1_500_000, "length": 3_000_000, "job": job()}))
    for arguments, row in {
        ("webhooks", "show", "h1"): ["h1", "enabled", "job.failed", "https://example.com"],
        ("event", "e1"): ["0:01.000", "0:01.500", "0.5", "s", "cut", "Cut", "1", "v1"],
        ("uploads", "show", "u1"): ["u1", "open", "1.5", "MB", "3.0", "MB", "j1"],
    }.items():
        assert run(*arguments).stdout.splitlines()[1].split() == row
        sent = script.answers[script.seen[-1].path][0]().body
        assert json.loads(run(*arguments, "--json").stdout) == json.loads(bytes(sent))


def test_an_upload_is_given_up(run: Run, script: Script) -> None:
    script.on("/v1/uploads/u1", text("", 204))
    assert (run("uploads", "delete", "u1").returncode, script.paths()) == (0, ["DELETE /v1/uploads/u1"])


def test_it_says_whether_the_server_answers_and_how_its_parts_do(run: Run, script: Script) -> None:
    script.on("/healthz", ok({"status": "ok"}))
    assert run("alive").stderr == f"{script.url} answers.\n"
    parts = {"database": "ok", "model": "paused"}
    script.on(
        "/readyz", ok({"status": "degraded", "parts": parts, "reasons": {"model": "No credit left."}}), ok({"status": "unavailable"}, 503)
    )
    told = run("ready")
    assert [line.split() for line in told.stdout.splitlines()[1:]] == [["database", "ok"], ["model", "paused", "No", "credit", "left."]]
    assert (told.returncode, told.stderr) == (0, f"{script.url} is degraded.\n")
    assert [run("ready").returncode, run("alive", PLAYHEAD_URL="http://127.0.0.1:9").returncode] == [1, 1]


def test_webhooks_are_made_tried_and_looked_after(run: Run, script: Script) -> None:
    hook = {"id": "h1", "url": "https://example.com", "events": ["job.failed"], "enabled": True}
    tried = {"status": 500, "error": "Answered with 500.", "at": "2026-01-01T00:00:00Z"}
    delivery = {"id": "d1", "webhook_id": "h1", "type": "job.failed", "state": "failed", "attempts": 3, "last_try": tried}
    script.on("/v1/webhooks", ok({**hook, "secret": "whsec_1"}, 201))
    assert run("webhooks", "create", "https://example.com", "--event", "job.failed").stdout == "whsec_1\n"
    assert script.seen[0].sha256 == sha256_of({"url": "https://example.com", "events": ["job.failed"]})
    script.on("/v1/webhooks/h1", ok({**hook, "enabled": False}))
    assert "disabled" in run("webhooks", "change", "h1", "--disable").stdout
    assert (script.seen[-1].method, script.seen[-1].sha256) == ("PATCH", sha256_of({"enabled": False}))
    script.on("/v1/webhooks/h1/test", ok(delivery, 202))
    assert "playhead webhooks delivery h1 d1" in run("webhooks", "test", "h1").stderr
    script.on("/v1/webhooks/h1/deliveries", listed(delivery))
    assert run("webhooks", "deliveries", "h1").stdout.splitlines()[1].split() == [
        "d1",
        "job.failed",
        "failed",
        "3",
        *["500", "Answered", "with", "500."],
    ]
    script.on("/v1/webhooks/h1/rotate", ok({"secret": "whsec_2", "old_secret_until": "2026-01-02T00:00:00Z"}))
    assert run("webhooks", "secret", "h1", "--rotate").stdout == "whsec_2\n"


def test_exports_go_into_a_file_or_a_pipe(run: Run, script: Script, tmp_path: Path) -> None:
    script.on("/v1/videos/v1/events.edl", text("TITLE: street"))
    script.on("/v1/videos/v1/chapters.vtt", text("WEBVTT"))
    done = run("export", "v1", "edl", "-o", "street.edl", "--frame-rate", "29.97", "--type", "cut")
    assert (done.returncode, done.stdout, (tmp_path / "street.edl").read_text()) == (0, "", "TITLE: street")
    assert script.seen[0].query == {"frame_rate": ["29.97"], "type": ["cut"]}
    assert run("export", "v1", "chapters", "--from", "0:10").stdout == "WEBVTT"
    assert script.seen[1].query == {"from_ms": ["10000"]}
    script.on("/v1/videos/v1/storyboard.jpg", text("jpeg"))
    script.on("/v1/videos/v1/storyboard.vtt", text("WEBVTT"))
    assert run("storyboard", "v1", "-o", "there").returncode == 0
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["storyboard.jpg", "storyboard.vtt"]


def test_a_timeline_shows_where_something_is_and_where_nobody_looked(run: Run, script: Script) -> None:
    buckets = [
        {"start_ms": 0, "end_ms": 1000, "events": 2, "counts": {"cut": 2}, "not_analysed_ms": 0},
        {"start_ms": 1000, "end_ms": 2000, "events": 1, "counts": {"cut": 1}, "not_analysed_ms": 500},
    ]
    script.on("/v1/videos/v1/timeline", ok({"video_id": "v1", "duration_ms": 2000, "buckets": buckets}))
    shown = run("timeline", "v1", "--buckets", "2").stdout.splitlines()[1:]
    assert [line.split() for line in shown] == [
        ["0:00.000", "0:01.000", "2", "█" * 30, "cut", "2"],
        ["0:01.000", "0:02.000", "1", "█" * 15, "cut", "1", "50%"],
    ]


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("events", "v1", "--at", "1:99"), "must stay below"),
        (("events", "v1", "--at", "1", "--to", "2"), "one moment"),
        (("analyze", "nowhere.mp4"), "does not exist"),
        (("analyze", __file__, "--type", "crossing"), "is not id=description"),
        (("jobs", "--wait"), "which job"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_right(run: Run, script: Script, arguments: tuple[str, ...], advice: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert advice in " ".join(done.stderr.replace("│", " ").split())
    assert script.seen == []


def test_errors_are_a_line_or_two_that_say_what_to_do(run: Run, script: Script) -> None:
    script.on("/v1/videos", problem(401, "invalid_api_key", "This key is not known."))
    script.on("/v1/events", problem(422, "invalid_request", "Start again without one.", errors=[{"field": "cursor", "message": "bad"}]))
    refused = run("videos")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == "Error: This key is not known."
    assert "PLAYHEAD_API_KEY" in refused.stderr.splitlines()[1]
    assert run("events").stderr == "Error: Start again without one.\n(invalid_request, field cursor, request req-1)\n"
    nobody = run("videos", PLAYHEAD_URL="http://127.0.0.1:1")
    assert nobody.returncode == 1
    assert len(nobody.stderr.splitlines()) == 1
    assert "make up" in nobody.stderr
    assert run("videos", PLAYHEAD_URL="127.0.0.1:8000").stderr.startswith("Error: '127.0.0.1:8000' is not an address.")


def test_the_version_and_the_help_need_no_server(run: Run, script: Script) -> None:
    version = run("--version", PLAYHEAD_URL="nonsense")
    assert version.returncode == 0
    assert version.stdout == "playhead 0.1.0\n"
    shown = run("analyze", "--help", PLAYHEAD_URL="nonsense")
    assert shown.returncode == 0
    assert "playhead analyze street.mp4 --type 'crossing=A person crosses the street'" in shown.stdout
    assert script.seen == []


COST = {
    "windows": 65,
    "frames": 4112,
    "calls": 65,
    "input_tokens": 943_838,
    "output_tokens": 39_000,
    "expected_usd": 0.095,
    "at_most_usd": 1.5,
}
PRICE = {"model": "test/model", "input_usd": 0.08, "output_usd": 0.5, "image_usd": 0.001, "call_usd": 0, "source": "provider"}


def test_an_estimate_is_a_row_for_each_pass_with_its_price_and_what_at_most_covers(run: Run, script: Script) -> None:
    passes = [{"name": "localize", **COST}, {"name": "refine", **COST}]
    script.on("/v1/videos/v1/estimate", ok({**COST, "calls": 130, "expected_usd": 0.19, "passes": passes, "price": PRICE}))
    done = run("estimate", "v1", "--type", "crossing=A person crosses", "--refine")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1] == ["localize", "65", "4,112", "65", "943,838", "39,000", "$0.0950", "$1.5000"]
    assert lines[3] == ["all", "65", "4,112", "130", "943,838", "39,000", "$0.1900", "$1.5000"]
    price = "Price of test/model, as its provider tells: $0.08 for a million tokens in, $0.5 out, $0.001 an image."
    assert done.stdout.splitlines()[4] == price
    assert "if no reply could be used" in done.stdout
    assert "rule of thumb and no bound" in done.stdout.splitlines()[-1]
    script.answers.clear()
    script.on("/v1/videos/v1/estimate", ok({**COST, "passes": passes[:1], "price": PRICE}))
    assert "rule of thumb" not in run("estimate", "v1").stdout
    seen, _ = script.seen
    assert (seen.method, seen.size) == ("POST", len(json.dumps(REFINED_REQUEST, separators=(",", ":"))))


REFINED_REQUEST = {"event_types": [{"id": "crossing", "description": "A person crosses"}], "refine": True}


def test_what_costs_nothing_is_said_so(run: Run, script: Script) -> None:
    script.on("/v1/videos/v1/estimate", ok({"windows": 3, "frames": 300, "passes": [], "price": None, "expected_usd": 0, "at_most_usd": 0}))
    done = run("estimate", "v1", "--analyzer", "signals")
    assert done.stdout.splitlines()[1].split() == ["all", "3", "300", "0", "0", "0", "$0.0000", "$0.0000"]
    assert "No model is asked" in done.stdout
    assert json.loads(run("estimate", "v1", "--json").stdout)["frames"] == 300


def test_an_estimate_of_a_video_that_nobody_looked_at_says_so(run: Run, script: Script) -> None:
    script.on("/v1/videos/v1/estimate", problem(409, "not_probed", "How long this video is, is not known."))
    done = run("estimate", "v1")
    assert (done.returncode, "not known" in done.stderr) == (1, True)


def test_a_diff_tells_what_cannot_be_compared_apart_and_how_the_jobs_ended(run: Run, script: Script) -> None:
    incomparable = [
        {"event": event(3), "of": "against", "reason": "not_analysed"},
        {"event": event(4), "of": "job", "reason": "not_asked"},
        {"event": event(5), "of": "against", "reason": "not_analysed"},
    ]
    told = {"job_id": "j2", "status": "partial", "against": "j1", "against_status": "succeeded", "unchanged": 7}
    script.on("/v1/jobs/j2/diff", ok({**told, "appeared": [event(1)], "vanished": [], "moved": [], "incomparable": incomparable}))
    done = run("diff", "j2", "j1")
    assert done.stderr.splitlines() == [
        "Appeared: 1",
        "In j1 alone, not analysed by j2: 2",
        "In j2 alone, not asked for by j1: 1",
        "Unchanged: 7",
        "Job j2 is partial: playhead jobs j2",
    ]
    assert [line.split()[-1] for line in done.stdout.splitlines() if "Cut" in line] == ["1", "3", "5", "4"]
