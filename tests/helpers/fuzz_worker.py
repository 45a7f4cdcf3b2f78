"""The process that imports damaged files, one case after the other, and checks the effects of each."""

import contextlib
import faulthandler
import hashlib
import io
import logging
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from dicom_samples import PATIENT
from fuzz_cases import Case, make_case
from fuzz_hdf5 import canary_hdf5
from fuzz_seeds import COLOUR, picture
from PIL import Image

from busapp import paths
from busapp.engine.imports.arrays import hdf5_reader

MOST_SECONDS: Final = 5.0
"""Processor time for preview, import and decoding of one input together, with all threads."""
MOST_MEMORY: Final = 4 * 2**30
"""Bytes of address space that the worker may use, if the system can limit them."""
_STUDY_LASTS: Final = 25
"""Number of inputs imported into the same study."""
_SECRETS: Final = (PATIENT, "Doe^Jane")
"""Name of the patient in the tests' DICOM files."""


@dataclass
class Outcome:
    """Outcome of a case. `findings` is empty if all is well."""

    number: int
    kind: str
    how: str
    result: str = "refused"
    """`imported`, `refused`, `crashed`, `hung` or `escaped`."""
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak_memory: int = 0

    def found(self, result: str, what: str) -> None:
        self.result = result
        self.findings.append(what)


class Watch:
    """Records writes outside of one folder and started programs, while it is `on`. The process that reads HDF5 does
    not count: it belongs to the program."""

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
        elif event in self._NEVER and not _is_reader(event, args):
            self.seen.append(f"{event} {args!r:.200}")

    def _note(self, event: str, path: object) -> None:
        if isinstance(path, int) or path == os.devnull:
            return
        full = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]
        is_nothing_new = event == "os.mkdir" and Path(full).is_dir()
        if not is_nothing_new and not Path(full).is_relative_to(self._inside):
            self.seen.append(f"{event} {full}")


def _is_reader(event: str, args: tuple[Any, ...]) -> bool:
    """True if the program starts the process that reads HDF5, in the way it always does."""
    command, folder = paths.own_command(hdf5_reader.COMMAND)
    return event == "subprocess.Popen" and args[:3] == (command[0], command, folder)


class Bench:
    """The place where one worker imports: a folder with a study, the input, and other files that must not change."""

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
        """Create the folders, and the files that a user has before the first import."""
        from busapp.engine.study.patients import pseudonym

        pseudonym("makes the key")
        self.canary = picture("PNG", COLOUR[5:25])
        for place in (self.folder, self.incoming, self.folder / "canaries"):
            place.mkdir(exist_ok=True)
            (place / "canary.png").write_bytes(self.canary)
            (place / "canary.h5").write_bytes(canary_hdf5(COLOUR[5:25]))
        (self.folder / "canaries" / "benign.csv").write_text("file,class\ncanary.png,benign\n", encoding="utf-8")

    def run(self, case: Case, importer: "Importer", tell: Callable[[str], None]) -> Outcome:
        """Import one case and check its effects."""
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
        began = _processor_time()
        with self._watch.on(self.study):
            try:
                outcome.result = importer(case, root / case.source, self.study)
            except BaseException:  # the fuzzing looks for exactly these
                outcome.found("crashed", traceback.format_exc())
        outcome.seconds = _processor_time() - began
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
        """Content of all files except those of the study."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            for path in self.folder.rglob("*")
            if not path.is_relative_to(self.study.parent) and path.name != "stderr.txt"
        }


class _Log(logging.Handler):
    """Collects logged unexpected errors. Pillow's messages about a bad file do not count."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or (record.levelno >= logging.ERROR and record.name.startswith("busapp")):
            self.records.append(logging.Formatter().format(record))


Importer = Callable[[Case, Path, Path], str]
"""Imports a case from a path into the study at a path. Returns `imported` or `refused`."""


def import_case(case: Case, source: Path, study: Path) -> str:
    """Preview and import an input, and decode it as a plain image."""
    from busapp.engine import jobs
    from busapp.engine.events import Finished
    from busapp.engine.images.preprocessing import decode, size_of
    from busapp.engine.imports.preview import preview
    from busapp.engine.settings import ImportSettings
    from busapp.engine.study.workspace import Workspace
    from busapp.errors import UserError

    for look in (size_of, decode):
        with contextlib.suppress(UserError):
            look(case.content, file="input")
    workspace = Workspace.create(study)
    result = "refused"
    try:
        # Half of the users insist, so that codestreams are read that their file describes otherwise.
        settings = ImportSettings(sources=(source,), take_anyway=case.number % 2 == 1)
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
    """Check that the catalog opens, and that each image exists, matches the catalog, and was part of the input. Images
    in `checked` are not decoded again.

    Raises:
        AssertionError, UserError: something is wrong.
    """
    from busapp.engine.images.preprocessing import decode
    from busapp.engine.study.workspace import Workspace
    from busapp.engine.utils.png import bare_png

    with Image.open(io.BytesIO(canary)) as seen:
        foreign = {hashlib.sha256(content).hexdigest() for content in (canary, bare_png(seen))}
    workspace = Workspace.open(study)
    try:
        for image in workspace.catalog.images():
            assert image.sha256 not in foreign, f"{image.file} comes from outside of what was imported"
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


def _processor_time() -> float:
    """Processor time in seconds of this process, and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_memory() -> int:
    """Peak memory of the process in bytes since the last call; 0 if the system does not report it. The process that
    reads HDF5 has a limit of its own."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def work(pipe: Connection, folder: Path, seed: int, importer: Importer) -> None:
    """Run the worker: import the cases whose numbers arrive through the pipe, until None arrives."""
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
    with contextlib.suppress(ImportError, OSError, ValueError):  # not every system supports limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.fsync = lambda _: None  # power cuts are not tested here, and waiting for the disk takes most of the time
    bench = Bench(folder)
    bench.prepare()
    while (number := pipe.recv()) is not None:
        case = make_case(seed, number)
        pipe.send(bench.run(case, importer, pipe.send))
