"""docs/api.md does what it says: its `sh` and `python` blocks are run in order, in one shell, against the whole stack, and answer as the
blocks after them say.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from standalone.stack import Stack
from tests.model_server.running import ModelServer

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "api.md"
PATIENCE_S = 780

STEPS = frozenset({"sh", "python"})
PROMISES = frozenset({"json", "text", "sse"})


@dataclass(frozen=True)
class Block:
    """What stands between two fences, the first of which is on line `line`."""

    kind: str
    section: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"docs/api.md, {self.section!r}, line {self.line}"


def blocks(document: str) -> Iterator[Block]:
    section, lines = "", enumerate(document.splitlines(), 1)
    for number, line in lines:
        if line.startswith("#"):
            section = line.lstrip("# ")
        elif line.startswith("```"):
            held = []
            while (inside := next(lines)[1]) != "```":
                held.append(inside)
            yield Block(line.removeprefix("```"), section, number, "\n".join(held))


def script(steps: list[Block], outputs: Path) -> str:
    """The document without anything but its commands, so that a line has the same number in both. What a step writes goes into a file named
    after its line; the shell says on which line it gives up.
    """
    lines = ["""trap 'echo "line $LINENO: exit code $?" >&2' ERR"""]
    for step in steps:
        lines += [""] * (step.line - 1 - len(lines))
        begin, end = ("; python - << 'PYTHON'", ["PYTHON"]) if step.kind == "python" else ("", [])
        lines += [f"exec > {outputs}/{step.line}{begin}", *step.text.splitlines(), *end]
    return "\n".join(lines) + "\n"


def run(steps: list[Block], work: Path, environment: Mapping[str, str]) -> dict[int, str]:
    """What each step wrote, by its line. Fails with the step that did, and all that it said."""
    outputs, source, errors = work / "outputs", work / "api.md", work / "errors"
    outputs.mkdir()
    source.write_text(script(steps, outputs))
    with errors.open("wb") as stderr:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", source], cwd=ROOT, env={**os.environ, **environment}, stderr=stderr, start_new_session=True
        )
        try:
            code = shell.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):  # it, and what it left running
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    written = {int(file.name): file.read_text(errors="replace") for file in outputs.iterdir()}
    if code != 0:
        last = max(written, default=0)
        step = next((step for step in steps if step.line == last), "docs/api.md")
        what = "did not come to an end" if code is None else "failed"
        pytest.fail(f"{step}: {what}\n{errors.read_text(errors='replace')}\n{written.get(last, '')}", pytrace=False)
    return written


def missing(promised: Any, given: Any, at: str = "") -> Iterator[str]:
    """What of the promised shape is not given: keys, and items of lists. Values may be others; `null` promises only the key."""
    if isinstance(promised, dict) and isinstance(given, dict):
        for key, value in promised.items():
            if key in given:
                yield from missing(value, given[key], f"{at}.{key}")
            else:
                yield f"{at}.{key}"
    elif isinstance(promised, list) and isinstance(given, list):
        if len(given) < len(promised):
            yield f"{at}[{len(given)}]"
        for number, (value, other) in enumerate(zip(promised, given, strict=False)):
            yield from missing(value, other, f"{at}[{number}]")
    elif isinstance(promised, dict | list):
        yield f"{at} as {type(promised).__name__}"


def broken_promises(promise: Block, output: str) -> Iterator[str]:
    """`json`: all keys are there. `sse`: all messages are there, with all keys of their data. `text`: all lines are there, whatever their
    numbers.
    """
    if promise.kind == "json":
        try:
            given = json.loads(output)
        except ValueError:
            given = output
        for what in missing(json.loads(promise.text), given):
            yield f"{promise}: {what} is missing in\n{output}"
    elif promise.kind == "sse":
        given = list(messages(output))
        for message in messages(promise.text):
            if all(one["event"] != message["event"] or any(missing(message, one)) for one in given):
                yield f"{promise}: {message} is missing in\n{output}"
    else:
        written = {_without_numbers(line) for line in output.splitlines()}
        for line in promise.text.splitlines():
            if _without_numbers(line) not in written:
                yield f"{promise}: {line!r} is missing in\n{output}"


def messages(stream: str) -> Iterator[dict[str, Any]]:
    """The server-sent events of a stream that have data: their fields, of which `data` is JSON."""
    for block in stream.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            yield {**fields, "data": json.loads(fields["data"])}


def _without_numbers(line: str) -> str:
    return re.sub(r"\d+(,\d{3})*", "0", line).strip()


@pytest.mark.timeout(PATIENCE_S + 120)
def test_the_commands_of_the_api_s_document_do_what_it_says(whole: Stack, model: ModelServer, tmp_path: Path) -> None:
    model.control.honest()
    document = list(blocks(DOCUMENT.read_text(encoding="utf-8")))
    steps = [block for block in document if block.kind in STEPS]
    (tmp_path / "files").mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"URL": whole.url, "KEY": whole.api_key, "PLAYHEAD_DATA_DIR": str(whole.data_dir), "TMPDIR": str(tmp_path / "files")}
    written = run(steps, tmp_path, {**environment, "PATH": path, "LC_ALL": "C.UTF-8"})
    broken = list[str]()
    for step, promise in pairwise(document):
        if promise.kind in PROMISES:
            broken += broken_promises(promise, written[step.line])
    assert not broken, "\n".join(broken)


def test_each_block_is_run_or_says_what_the_one_before_it_answers() -> None:
    document = list(blocks(DOCUMENT.read_text(encoding="utf-8")))
    assert [str(block) for block in document if block.kind not in STEPS | PROMISES] == []
    assert [str(block) for step, block in pairwise(document) if block.kind in PROMISES and step.kind not in STEPS] == []


@pytest.mark.parametrize(
    ("kind", "promised", "kept", "broken"),
    [
        ("json", '{"a": [{"b": 1}]}', '{"a": [{"b": 2, "c": 3}]}', '{"a": [{"c": 3}]}'),
        ("text", "r=5,987;t=42", "more\nr=1;t=7\r", "r=5987;u=42"),
        ("sse", 'id: 1\nevent: end\ndata: {"a": 1}', 'retry: 5\n\nid: 7\nevent: end\ndata: {"a": 2}', 'id: 7\nevent: job\ndata: {"a": 1}'),
        ("sse", 'event: end\ndata: {"a": 1}', ': still here\n\nevent: end\ndata: {"a": 2}', 'event: end\ndata: {"b": 1}'),
    ],
)
def test_a_promise_that_is_broken_is_seen(kind: str, promised: str, kept: str, broken: str) -> None:
    promise = Block(kind, "Title", 1, promised)
    assert list(broken_promises(promise, kept)) == []
    assert list(broken_promises(promise, broken)) != []


def test_python_gets_the_line_numbers_of_the_document(tmp_path: Path) -> None:
    steps = [block for block in blocks("# Title\n```python\nprint(1)\n```\n```sh\necho 2\nfalse\n```\n") if block.kind in STEPS]
    with pytest.raises(pytest.fail.Exception, match=r"(?s)line 5: failed\nline 7: exit code 1\n\n2"):
        run(steps, tmp_path, {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
    assert (tmp_path / "outputs" / "2").read_text() == "1\n"


def test_a_step_that_fails_is_named(tmp_path: Path) -> None:
    steps = [block for block in blocks("# Title\n\n## One\n```sh\nA=1\n```\n## Two\n```sh\necho $A\nfalse\n```\n") if block.kind == "sh"]
    with pytest.raises(pytest.fail.Exception, match=r"(?s)'Two', line 8: failed\nline 10: exit code 1\n\n1"):
        run(steps, tmp_path, {})
