"""Import thousands of damaged and hostile files, and check that none of them does harm.

    python tests/helpers/fuzz_imports.py [--count 10000] [--seed N] [--only KIND] [--case NUMBER] [--keep DIR]

Every input is previewed, imported into a study, and decoded as an image. It must not end the program, raise any error
but a `UserError`, take more than 5 seconds of processor time, write or run anything outside the study, import a file
from elsewhere, or leave a catalog that does not open or does not match its images. The exit code is 1 if any input did.
The seed and the number of a case reproduce it.
"""

import argparse
import itertools
import multiprocessing
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from fuzz_cases import kind_of, make_case
from fuzz_seeds import KINDS
from fuzz_worker import MOST_SECONDS, Importer, Outcome, import_case, work

MOST_WALL_SECONDS: Final = 90.0
"""Detects endless waiting, too, without mistaking a busy machine for it."""


class Fuzzing:
    """Passes cases to a worker, and starts another worker if the first has died or had to be ended."""

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
        """Yield the outcome of each of these cases."""
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
            target=work, args=(theirs, self._own_folder, self._seed, self._importer), daemon=True
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
        """Wait until the worker reports the outcome of this case, dies, or takes too long."""
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
        """Processor time of the worker in seconds; on systems that do not report it, the time of a clock."""
        assert self._process is not None
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def summary(outcomes: Iterable[Outcome]) -> str:
    """A table of the number of cases by kind and outcome."""
    results = ("imported", "refused", "crashed", "hung", "escaped")
    counts = Counter((outcome.kind, outcome.result) for outcome in outcomes)
    lines = ["".join(f"{title:>10}" for title in ("", *results, "all"))]
    for kind in (*KINDS, "all"):
        numbers = [sum(n for (k, r), n in counts.items() if r == result and kind in (k, "all")) for result in results]
        lines.append(f"{kind:>10}" + "".join(f"{number:>10,}" for number in (*numbers, sum(numbers))))
    return "\n".join(lines)


def keep(folder: Path, seed: int, outcome: Outcome) -> None:
    """Save the input of a case beside its findings."""
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
    parser.add_argument("--only", choices=KINDS, help="that many inputs of one kind")
    parser.add_argument("--case", type=int, help="one input alone, by its number")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that did harm")
    asked = parser.parse_args()
    of_kind = (number for number in itertools.count(asked.first) if asked.only in (None, kind_of(number)))
    numbers = [asked.case] if asked.case is not None else list(itertools.islice(of_kind, asked.count))
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
