"""The subject of a report: a study, the runs reported in full, and tests between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from busapp.engine.catalog import ImageRecord
from busapp.engine.contract.validation import PairedTest
from busapp.engine.results.measured import Measured, finished_runs, variant_of
from busapp.engine.results.stored_results import finished_validation
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace


@dataclass(frozen=True)
class Subject:
    """`measured` are the runs reported in full. `tests` are results of `comparison.paired` for pairs of runs, by their
    places in `measured`."""

    workspace: Workspace
    measured: Sequence[Measured]
    tests: Mapping[tuple[int, int], PairedTest] = field(default_factory=dict)

    @cached_property
    def real(self) -> Sequence[ImageRecord]:
        """All real images, including those set aside."""
        return self.workspace.catalog.images(kind="real")

    @cached_property
    def conflicts(self) -> int:
        """Pairs of near-duplicates with different classes."""
        return len(self.workspace.catalog.conflicts())

    @cached_property
    def validations(self) -> list[Run]:
        """Every finished validation of the study, the oldest first."""
        return finished_runs(self.workspace)[::-1]

    def newest(self, kind: str) -> Run | None:
        """The newest finished run of a kind, such as `leaks` or `gain`, that has a result."""
        runs = self.workspace.runs(kind)
        return next((run for run in runs if run.info.state == "finished" and run.result()), None)

    @property
    def titles(self) -> list[str]:
        """The unique titles of the runs; runs that would share a title get their ids appended."""
        titles = [one.title for one in self.measured]
        return [
            title if titles.count(title) == 1 else f"{title} ({one.run.id})"
            for title, one in zip(titles, self.measured, strict=True)
        ]

    def title_of(self, run_id: str) -> str:
        """The title of any run of the study; its id if the run no longer exists."""
        for title, one in zip(self.titles, self.measured, strict=True):
            if one.run.id == run_id:
                return title
        for run in self.validations:
            if run.id == run_id:
                result = finished_validation(run)
                return f"{', '.join((result['system'], *variant_of(run, result)))} ({run_id})"
        return run_id


def pairs_to_compare(measured: Sequence[Measured]) -> list[tuple[int, int]]:
    """The pairs of runs to compare, by their places.

    Up to four runs are all compared. With more, a pair may differ in one respect only, so that the cause of a
    difference is clear.
    """
    pairs = [(a, b) for b in range(len(measured)) for a in range(b)]
    if len(measured) <= 4:
        return pairs
    respects = [{one.system, *one.variant} for one in measured]
    return [(a, b) for a, b in pairs if len(respects[a] ^ respects[b]) <= 2]
