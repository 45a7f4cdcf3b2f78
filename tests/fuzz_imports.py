"""Imports thousands of damaged and hostile files, and looks whether any of them does harm.

    python tests/fuzz_imports.py [--count 10000] [--seed N] [--only KIND] [--case NUMBER] [--keep DIR]

Every input is looked at as the preview does, imported into a study, and decoded as an image. It must not end the
program, raise anything but a `UserError`, take more than 5 seconds of processor time, write or run anything outside
the study, bring in a file from elsewhere, or leave a catalog that does not open or images that are not what it says.
The exit code is 1 where any of them did. A case is made again from the seed and its number.
"""

import argparse
import contextlib
import faulthandler
import hashlib
import logging
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from dicom_samples import PATIENT
from fuzz_mutations import KINDS, Case, kind_of, make_case
from fuzz_seeds import COLOUR, picture

MOST_SECONDS: Final = 5.0
"""Of processor time, for the preview, the import and the decoding of one input together with all their threads."""
MOST_WALL_SECONDS: Final = 90.0
"""So that waiting for ever is seen, too, and a busy machine is not taken for it."""
MOST_MEMORY: Final = 4 * 2**30
"""Bytes of addresses that the worker may have, where the system can limit them."""
_STUDY_LASTS: Final = 25
"""Inputs that come into the same study."""
_SECRETS: Final = (PATIENT, "Doe^Jane")
"""What the DICOM files of the tests call their patient."""


@dataclass
class Outcome:
    """What became of a case. `findings` is empty where all is well."""

    number: int
    kind: str
    how: str
    result: str = "refused"
    """imported, refused, crashed, hung or escaped"""
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak_memory: int = 0

    def found(self, result: str, what: str) -> None:
        self.result = result
        self.findings.append(what)


# -- the worker: a process of its own --------------------------------------------------------------------------


class Watch:
    """Notes what the process writes outside of one folder, and whatever it starts, while it is `on`."""

    _PATHS: Final = frozenset(
        {
            "os.mkdir",
            "os.rename",
            "os.remove",
            "os.rmdir",
            "os.link",
            "os.symlink",
            "os.truncate",
            "os.chmod",
            "os.utime",
        }
        | {"os.chown", "os.mkfifo", "os.mknod", "shutil.move", "shutil.rmtree", "sqlite3.connect", "tempfile.mkstemp"}
    )
    _NEVER: Final = frozenset(
        {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile"}
        | {"socket.connect", "socket.bind", "socket.getaddrinfo", "pickle.find_class", "webbrowser.open"}
    )

    def __init__(self) -> None:
        self._inside = ""
        self.seen: list[str] = []
        sys.addaudithook(self._look)

    @contextlib.contextmanager
    def on(self, inside: Path) -> Iterator[None]:
        self.seen, self._inside = [], str(inside)
        try:
            yield
        finally:
            self._inside = ""

    def _look(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._inside:
            return
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
                self._note(event, path)
        elif event in self._PATHS:
            for path in args[: 2 if event in ("os.rename", "os.link", "os.symlink", "shutil.move") else 1]:
                self._note(event, path)
        elif event in self._NEVER:
            self.seen.append(f"{event} {args!r:.200}")

    def _note(self, event: str, path: object) -> None:
        if isinstance(path, int) or path == os.devnull:
            return
        full = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]
        is_nothing_new = event == "os.mkdir" and Path(full).is_dir()
        if not is_nothing_new and not Path(full).is_relative_to(self._inside):
            self.seen.append(f"{event} {full}")


class Bench:
    """Where one worker imports: a folder with a study, the input, and other files that must stay as they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study = folder / "studies" / "study"
        self.incoming = folder / "incoming"
        self._log = _Log()
        logging.getLogger().addHandler(self._log)
        self._watch = Watch()
        self._used = _STUDY_LASTS
        self._checked: set[int] = set()

    def prepare(self) -> None:
        """Make the folders and what a user has already when the first import begins."""
        from busapp.engine.patients import pseudonym

        pseudonym("makes the key")
        self.canary = picture("PNG", COLOUR[5:25])
        for place in (self.folder, self.incoming, self.folder / "canaries"):
            place.mkdir(exist_ok=True)
            (place / "canary.png").write_bytes(self.canary)
        (self.folder / "canaries" / "benign.csv").write_text("file,class\ncanary.png,benign\n", encoding="utf-8")

    def run(self, case: Case, importer: "Importer", tell: Callable[[str], None]) -> Outcome:
        """Import one case and look at what it did."""
        if self._used >= _STUDY_LASTS:
            self._used = 0
            self._checked = set()
            shutil.rmtree(self.study.parent, ignore_errors=True)
            self.study.parent.mkdir()
        self._used += 1
        outcome = Outcome(case.number, case.kind, case.how)
        root = self.incoming / "case"
        shutil.rmtree(root, ignore_errors=True)
        for name, content in case.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        before = self._surroundings()
        self._log.records.clear()
        tell("started")
        began = time.process_time()
        with self._watch.on(self.study):
            try:
                outcome.result = importer(case, root / case.source, self.study)
            except BaseException:  # that is what is looked for
                outcome.found("crashed", traceback.format_exc())
        outcome.seconds = time.process_time() - began
        tell("checking")
        if outcome.seconds > MOST_SECONDS:
            outcome.found("hung", f"It took {outcome.seconds:.1f} seconds of processor time")
        for text in self._log.records:
            outcome.found("crashed", f"In the log: {text}")
        for text in self._watch.seen:
            outcome.found("escaped", text)
        after = self._surroundings()
        if before != after:
            changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
            outcome.found("escaped", f"Changed outside of the study: {changed}")
        if outcome.result in ("imported", "refused"):
            try:
                check_study(self.study, self.canary, self._checked)
            except BaseException:
                outcome.found("crashed", traceback.format_exc())
        outcome.peak_memory = _peak_memory()
        if outcome.findings:
            self._used = _STUDY_LASTS
        return outcome

    def _surroundings(self) -> dict[str, str]:
        """All files but those of the study, by their content."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            for path in self.folder.rglob("*")
            if not path.is_relative_to(self.study.parent) and path.name != "stderr.txt"
        }


class _Log(logging.Handler):
    """Keeps what is logged of errors that nobody expected; what Pillow says of a bad file is none."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or (record.levelno >= logging.ERROR and record.name.startswith("busapp")):
            self.records.append(logging.Formatter().format(record))


Importer = Callable[[Case, Path, Path], str]
"""Imports a case from a path into the study at a path; imported or refused."""


def import_case(case: Case, source: Path, study: Path) -> str:
    """The preview, the import, and decoding as a plain image."""
    from busapp.engine import jobs
    from busapp.engine.events import Finished
    from busapp.engine.imports.preview import preview
    from busapp.engine.preprocessing import decode, size_of
    from busapp.engine.settings import ImportSettings
    from busapp.engine.workspace import Workspace
    from busapp.errors import UserError

    for look in (size_of, decode):
        with contextlib.suppress(UserError):
            look(case.content, file="input")
    workspace = Workspace.create(study)
    result = "refused"
    try:
        settings = ImportSettings(sources=(source,))
        with contextlib.suppress(UserError):
            _says_nothing_of_patients(case, preview(settings, workspace.catalog.known()))
        known = set(workspace.catalog.known())
        with contextlib.suppress(UserError):
            for event in jobs.start(workspace, settings):
                _says_nothing_of_patients(case, event)
                if isinstance(event, Finished) and event.result["imported"] + event.result["already_present"]:
                    result = "imported"
        _says_nothing_of_patients(case, set(workspace.catalog.known()) - known)
    finally:
        workspace.close()
    return result


def _says_nothing_of_patients(case: Case, told: object) -> None:
    if case.kind == "dicom":
        assert not any(secret in repr(told) for secret in _SECRETS), f"It names the patient: {told!r}"


def check_study(study: Path, canary: bytes, checked: set[int]) -> None:
    """The catalog opens, and each image is there, is what the catalog says, and was among the input. Those `checked`
    are not decoded again.

    Raises:
        AssertionError, UserError: something is wrong.
    """
    from busapp.engine.preprocessing import decode
    from busapp.engine.workspace import Workspace

    foreign = hashlib.sha256(canary).hexdigest()
    workspace = Workspace.open(study)
    try:
        for image in workspace.catalog.images():
            assert image.sha256 != foreign, f"{image.file} comes from outside of what was imported"
            content = workspace.image_path(image).read_bytes()
            assert hashlib.sha256(content).hexdigest() == image.sha256, f"{image.file} is not what it was"
            if image.id in checked:
                continue
            checked.add(image.id)
            assert decode(content, file=image.file).size == (image.width, image.height)
            if image.mask is not None:
                assert decode(workspace.mask_path(image.mask).read_bytes(), file=image.file)
    finally:
        workspace.close()


def _peak_memory() -> int:
    """Bytes that the process has held at most since this was asked last; 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _work(pipe: Connection, folder: Path, seed: int, importer: Importer) -> None:
    """The worker: imports the cases whose numbers come through the pipe until None comes."""
    sys.dont_write_bytecode = True
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        os.environ[name] = str(folder / "home")
    tempfile.tempdir = os.environ["TMPDIR"] = os.environ["TEMP"] = os.environ["TMP"] = str(folder / "temp")
    for name in ("home", "temp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    os.chdir(folder / "home")
    with (folder / "stderr.txt").open("wb") as stderr:
        os.dup2(stderr.fileno(), 2)
    faulthandler.enable()
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.fsync = lambda _: None  # what a power cut leaves is not looked at here, and waiting for the disk takes longest
    bench = Bench(folder)
    bench.prepare()
    while (number := pipe.recv()) is not None:
        case = make_case(seed, number)
        pipe.send(bench.run(case, importer, pipe.send))


# -- the parent ------------------------------------------------------------------------------------------------


class Fuzzing:
    """Hands cases to a worker, and starts another one where the first has died or had to be ended."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        importer: Importer = import_case,
        most_seconds: float = MOST_SECONDS,
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._importer = importer
        self._most_seconds = most_seconds
        self._workers = 0
        self._process: multiprocessing.process.BaseProcess | None = None

    def __enter__(self) -> "Fuzzing":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def outcomes(self, numbers: Iterable[int]) -> Iterator[Outcome]:
        """What becomes of each of these cases."""
        for number in numbers:
            if self._process is None:
                self._start()
            self._pipe.send(number)
            yield self._outcome(number)

    def _start(self) -> None:
        self._workers += 1
        self._own_folder = self._folder / f"worker {self._workers}"
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, self._own_folder, self._seed, self._importer), daemon=True
        )
        self._process.start()
        theirs.close()

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.join()
        self._process = None
        self._pipe.close()
        shutil.rmtree(self._own_folder, ignore_errors=True)

    def _outcome(self, number: int) -> Outcome:
        """Wait for what the worker says of this case, or for it to die or to take too long."""
        phase, began, used = "", time.monotonic(), 0.0
        while True:
            try:
                if self._pipe.poll(0.2):
                    told = self._pipe.recv()
                    if isinstance(told, Outcome):
                        return told
                    phase, began, used = told, time.monotonic(), self._processor_seconds()
                    continue
            except (EOFError, ConnectionError):
                return self._died(number, phase)
            seconds, wall = self._processor_seconds() - used, time.monotonic() - began
            if phase == "started" and (seconds > 2 * self._most_seconds or wall > MOST_WALL_SECONDS):
                return self._hangs(number, seconds, wall)

    def _died(self, number: int, phase: str) -> Outcome:
        assert self._process is not None
        self._process.join()
        errors = (self._own_folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")[-3000:]
        outcome = self._blank(number)
        outcome.found("crashed", f"The process died ({self._process.exitcode}) when it had {phase}: {errors}")
        self._end()
        return outcome

    def _hangs(self, number: int, seconds: float, wall: float) -> Outcome:
        outcome = self._blank(number)
        outcome.seconds = seconds
        outcome.found("hung", f"Ended after {seconds:.1f} seconds of processor time, {wall:.1f} seconds in all")
        self._end()
        return outcome

    def _blank(self, number: int) -> Outcome:
        case = make_case(self._seed, number)
        return Outcome(number, case.kind, case.how)

    def _processor_seconds(self) -> float:
        """What the worker has used; the time since some moment where the system does not say."""
        assert self._process is not None
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def summary(outcomes: Iterable[Outcome]) -> str:
    """How many of each kind ended how."""
    results = ("imported", "refused", "crashed", "hung", "escaped")
    counts = Counter((outcome.kind, outcome.result) for outcome in outcomes)
    lines = ["".join(f"{title:>10}" for title in ("", *results, "all"))]
    for kind in (*KINDS, "all"):
        numbers = [sum(n for (k, r), n in counts.items() if r == result and kind in (k, "all")) for result in results]
        lines.append(f"{kind:>10}" + "".join(f"{number:>10,}" for number in (*numbers, sum(numbers))))
    return "\n".join(lines)


def keep(folder: Path, seed: int, outcome: Outcome) -> None:
    """Write the input of a case beside what was found."""
    case = make_case(seed, outcome.number)
    place = folder / f"{outcome.kind}-{seed}-{outcome.number}"
    for name, content in case.files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    text = "\n\n".join([f"Case {outcome.number} of seed {seed}: {outcome.how}", *outcome.findings])
    (place / "finding.txt").write_text(text, encoding="utf-8", errors="replace")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="how many inputs there are")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KINDS, help="leave out those of other kinds")
    parser.add_argument("--case", type=int, help="one input alone, by its number")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that did harm")
    asked = parser.parse_args()
    numbers = [asked.case] if asked.case is not None else range(asked.first, asked.first + asked.count)
    numbers = [number for number in numbers if asked.only in (None, kind_of(number))]
    done: list[Outcome] = []
    began = told = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Fuzzing(Path(folder), asked.seed) as fuzzing:
        for outcome in fuzzing.outcomes(numbers):
            done.append(outcome)
            if outcome.findings:
                print(f"case {outcome.number} of seed {asked.seed}, {outcome.how}: {outcome.result}", flush=True)
                print("    " + outcome.findings[0].strip().replace("\n", "\n    ")[-1500:], flush=True)
                if asked.keep:
                    keep(asked.keep, asked.seed, outcome)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                rate = len(done) / (told - began)
                print(f"{len(done):,} of {len(numbers):,} inputs, {rate:.0f} a second", flush=True)
    longest, largest = max(done, key=lambda o: o.seconds), max(done, key=lambda o: o.peak_memory)
    print(summary(done))
    print(f"{len(done):,} inputs of seed {asked.seed} in {time.monotonic() - began:.0f} seconds")
    print(f"longest: {longest.seconds:.1f} s of processor time, case {longest.number} ({longest.how})")
    print(f"largest: {largest.peak_memory / 2**20:.0f} MiB, case {largest.number} ({largest.how})")
    return int(any(outcome.findings for outcome in done))


if __name__ == "__main__":
    raise SystemExit(main())
