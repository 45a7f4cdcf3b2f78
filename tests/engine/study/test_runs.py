"""The record of a run is correct, whatever happens to the job, the process or the disk."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from busapp.engine.events import Finished, Job, Note, Progress, RunStarted
from busapp.engine.study import runs
from busapp.engine.study.runs import Run, record
from busapp.engine.utils.files import write_atomically
from busapp.errors import BadInput, CannotResume, NoSpace, TrainingDiverged


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "runs", "curate", {"min_correlation": 0.97}, "fingerprint", "")


def notes(count: int, *, cleaned_up: list[bool] | None = None) -> Job:
    try:
        for number in range(count):
            yield Note(str(number))
        yield Finished({"notes": count})
    finally:
        if cleaned_up is not None:
            cleaned_up.append(True)


def test_a_finished_run_holds_its_events_and_result(run: Run) -> None:
    pulled = list(record(run, notes(3)))
    opened = Run.open(run.folder)
    assert opened.info.state == "finished"
    assert opened.result() == {"notes": 3}
    assert list(opened.events()) == pulled
    assert isinstance(pulled[0], RunStarted) and isinstance(pulled[-1], Finished)
    assert not opened.can_resume


def test_ids_of_runs_made_in_one_second_differ_and_sort_by_age(tmp_path: Path) -> None:
    ids = [Run.create(tmp_path, "import", {}, "", "").id for _ in range(3)]
    assert len(set(ids)) == 3


def test_progress_is_recorded_at_most_once_in_an_interval(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(runs.time, "monotonic", lambda: now)

    def job() -> Job:
        nonlocal now
        for number in range(100):
            now += 0.1
            yield Progress(number, 100, "")
        yield Finished()

    list(record(run, job()))
    recorded = [event for event in run.events() if isinstance(event, Progress)]
    assert 9 <= len(recorded) <= 11


def test_cancelling_closes_the_job_and_says_so(run: Run) -> None:
    cleaned_up: list[bool] = []
    job = record(run, notes(5, cleaned_up=cleaned_up))
    next(job), next(job)
    job.close()
    assert cleaned_up == [True]
    assert Run.open(run.folder).info.state == "cancelled"
    assert not run.is_locked()


def test_closing_after_the_end_leaves_the_run_finished(run: Run) -> None:
    job = record(run, notes(0))
    assert isinstance(next(job), RunStarted)
    assert isinstance(next(job), Finished)
    job.close()
    assert Run.open(run.folder).info.state == "finished"


def test_an_error_for_people_is_kept_as_its_sentence(run: Run) -> None:
    def job() -> Job:
        yield Note("so far so good")
        raise TrainingDiverged("The loss is not a number", remedy="Lower the learning rate.")

    with pytest.raises(TrainingDiverged):
        list(record(run, job()))
    info = Run.open(run.folder).info
    assert info.state == "failed"
    assert info.error == "The loss is not a number. Lower the learning rate."
    assert not run.is_locked()


def test_a_defect_is_kept_with_its_type(run: Run) -> None:
    def job() -> Job:
        yield Note("so far so good")
        raise ZeroDivisionError("oh")

    with pytest.raises(ZeroDivisionError):
        list(record(run, job()))
    assert Run.open(run.folder).info.error == "ZeroDivisionError: oh"


def test_a_run_at_work_cannot_be_executed_a_second_time(run: Run) -> None:
    first = record(run, notes(3))
    next(first)
    assert run.is_locked()
    assert Run.open(run.folder).info.state == "running"
    with pytest.raises(CannotResume, match="in progress"):
        next(record(Run.open(run.folder), notes(3)))
    assert isinstance(next(first), Note)
    first.close()


DIES = """
import os, sys
from pathlib import Path
from busapp.engine.events import Note
from busapp.engine.study.runs import Run, record
run = Run.open(Path(sys.argv[1]))
def job():
    yield Note("first")
    yield Note("second")
    with open(run.folder / "events.jsonl", "a") as stream:
        stream.write('{"event": "Note", "te')  # a line that the power cut interrupts
    run.checkpoint.write_bytes(b"checkpoint")
    os._exit(9)  # no finally, no atexit, no flush: as after kill -9
for _ in record(run, job()):
    pass
"""


def test_a_killed_process_leaves_an_interrupted_run_that_goes_on(run: Run) -> None:
    assert subprocess.run([sys.executable, "-c", DIES, str(run.folder)], check=False).returncode == 9
    interrupted = Run.open(run.folder)
    assert interrupted.info.state == "interrupted"
    assert interrupted.can_resume
    assert [event for event in interrupted.events() if isinstance(event, Note)] == [Note("first"), Note("second")]

    list(record(interrupted, notes(1)))
    texts = [event.text for event in interrupted.events() if isinstance(event, Note)]
    assert texts == ["first", "second", "0"], "the torn line must not swallow the one after it"
    assert Run.open(run.folder).info.state == "finished"


def test_seconds_add_up_over_a_resumed_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(runs.time, "monotonic", lambda: now)
    for _ in range(2):
        job = record(run, notes(3))
        next(job)
        now += 10
        job.close()
    assert Run.open(run.folder).info.seconds == pytest.approx(20)


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"id": "x"}', b"\xff\xfe"])
def test_a_folder_without_a_readable_run_is_bad_input(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(BadInput, match="no such run"):
        Run.open(tmp_path)


def test_a_damaged_result_reads_as_none(run: Run) -> None:
    assert run.result() is None
    (run.folder / "result.json").write_text('{"a": ')
    assert run.result() is None


def test_renaming_keeps_the_rest(run: Run) -> None:
    run.rename("Better name", "a note")
    run.rename("Best name")
    info = Run.open(run.folder).info
    assert (info.name, info.note, info.settings) == ("Best name", "a note", {"min_correlation": 0.97})


def _full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_file_and_no_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr("busapp.engine.utils.files.os.fsync", _full_disk)
    with pytest.raises(NoSpace, match="disk is full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_what_they_may_read_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_another_disk_error_is_not_called_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("busapp.engine.utils.files.os.fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        write_atomically(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_during_a_run_fails_it_with_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def job() -> Job:
        yield Note("before")
        with monkeypatch.context() as full:
            full.setattr("busapp.engine.utils.files.os.fsync", _full_disk)
            write_atomically(run.checkpoint, b"checkpoint")
        yield Finished()

    with pytest.raises(NoSpace):
        list(record(run, job()))
    info = Run.open(run.folder).info
    assert info.state == "failed"
    assert "disk is full" in info.error


def _cannot_be_written(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refused(self: Path, target: Path) -> Path:
        raise OSError(number, "Refused", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", refused)


def test_where_even_the_state_cannot_be_written_the_cause_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def job() -> Job:
        yield Note("before")
        monkeypatch.setattr("busapp.engine.utils.files.os.fsync", _full_disk)
        write_atomically(run.checkpoint, b"checkpoint")

    with pytest.raises(NoSpace) as raised:
        list(record(run, job()))
    monkeypatch.undo()
    assert str(run.checkpoint) in str(raised.value)
    assert Run.open(run.folder).info.state == "interrupted"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_disk_that_is_full_for_events_says_so(run: Run) -> None:
    """Closing the file tries the failed write again, and fails again."""
    (run.folder / "events.jsonl").symlink_to("/dev/full")
    with pytest.raises(NoSpace, match="disk is full"):
        list(record(run, notes(1)))
    assert Run.open(run.folder).info.state == "failed"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_may_not_be_replaced_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Windows behaves like this while a spreadsheet has the table of predictions open."""

    def job() -> Job:
        yield Note("before")
        _cannot_be_written(monkeypatch, number)
        write_atomically(run.folder / "predictions.csv", b"")

    with pytest.raises(BadInput, match=r"predictions\.csv.*no other program has it open"):
        list(record(run, job()))


def test_a_study_that_cannot_be_written_to_gets_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(BadInput, match="cannot be written to"):
        Run.create(tmp_path / "runs", "curate", {}, "", "")


def test_what_a_killed_run_left_aside_is_removed_when_it_goes_on(run: Run) -> None:
    left = [run.folder / f".checkpoint.safetensors.{0:032x}", run.folder / "generators" / "g" / f".c.{1:032x}"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"torn")
    kept = run.folder / ".hidden"
    kept.write_bytes(b"not ours")
    list(record(run, notes(1)))
    assert not any(path.exists() for path in left)
    assert kept.exists()
