"""A copy is made once, whoever asks, and stays as long as somebody uses it."""

import multiprocessing
import os
from pathlib import Path
from typing import IO

import pytest

from core.copies import Copies
from tests.polling import wait_until

TEXT = b"a video" * 1000


def calm() -> None:
    """There is no lease to keep."""


def fetch_slowly(file: IO[bytes], log: Path) -> None:
    with log.open("a") as lines:
        lines.write(f"{os.getpid()}\n")
    file.write(TEXT)
    wait_until((log.parent / "go").exists, "everybody to ask")


def use(folder: Path, log: Path) -> None:
    with Copies(folder, idle_s=60).held("v", lambda file: fetch_slowly(file, log), beat=calm) as path:
        assert path.read_bytes() == TEXT


def test_many_processes_fetch_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes = [multiprocessing.get_context("fork").Process(target=use, args=(tmp_path / "copies", log)) for _ in range(4)]
    for process in processes:
        process.start()
    wait_until(log.exists, "the first to fetch")
    (tmp_path / "go").touch()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert len(log.read_text().splitlines()) == 1


def test_the_next_one_finds_it_and_a_tidy_takes_it_once_it_is_idle(tmp_path: Path) -> None:
    def fetch(file: IO[bytes]) -> None:
        file.write(TEXT)

    def never(_: IO[bytes]) -> None:
        raise AssertionError("it is there")

    copies, impatient = Copies(tmp_path, idle_s=60), Copies(tmp_path, idle_s=0)
    with copies.held("v", fetch, beat=calm) as path:
        impatient.tidy()
        assert path.read_bytes() == TEXT, "somebody uses it"
    copies.tidy()
    with copies.held("v", never, beat=calm) as again:
        assert again == path
    impatient.tidy()
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_off_is_fetched_anew_and_its_draft_swept_up(tmp_path: Path) -> None:
    def broken(file: IO[bytes]) -> None:
        file.write(b"half a vid")
        file.flush()
        raise ConnectionError

    copies = Copies(tmp_path, idle_s=60)
    with pytest.raises(ConnectionError), copies.held("v", broken, beat=calm):
        pass
    with copies.held("v", lambda file: file.write(b"whole"), beat=calm) as path:
        assert path.read_bytes() == b"whole"
    with pytest.raises(ConnectionError), copies.held("w", broken, beat=calm):
        pass
    copies.tidy()
    assert [left.read_bytes() for left in tmp_path.iterdir()] == [b"whole"]


def test_whoever_waits_for_another_s_fetch_keeps_its_lease(tmp_path: Path) -> None:
    class Lost(Exception): ...

    def lost() -> None:
        raise Lost

    def fetch(file: IO[bytes]) -> None:
        with pytest.raises(Lost), Copies(tmp_path, idle_s=60).held("v", fetch, beat=lost):
            pass
        file.write(TEXT)

    with Copies(tmp_path, idle_s=60).held("v", fetch, beat=calm) as path:
        assert path.read_bytes() == TEXT
