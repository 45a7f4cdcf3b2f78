"""The finished synthesis runs of a study, with their curves, samples and example images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast

from PIL import Image

from busapp.engine.catalog import ImageRecord, Kind
from busapp.engine.contract.synthesis import SynthesizeResult
from busapp.engine.events import GanEpochEnded, SamplesDrawn
from busapp.engine.images.preprocessing import read_image
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.errors import UnreadableImage

EXAMPLES: Final = 6
"""Number of images of each kind to show."""


@dataclass(frozen=True)
class Synthesis:
    """One finished synthesis run of a study and its result."""

    workspace: Workspace
    run: Run

    @cached_property
    def result(self) -> SynthesizeResult:
        return cast(SynthesizeResult, self.run.result() or {})

    @property
    def class_name(self) -> str:
        return str(self.result["class"])

    @property
    def title(self) -> str:
        """`malignant, quick, 150 epochs`."""
        return f"{self.class_name}, {self.result['preset']}, {many(self.result['epochs'], 'epoch')}"

    @cached_property
    def epochs(self) -> list[GanEpochEnded]:
        """All epochs in order. If a resumed run recorded an epoch twice, the later record counts."""
        latest = {event.epoch: event for event in self.run.events() if isinstance(event, GanEpochEnded)}
        return [latest[number] for number in sorted(latest)]

    @cached_property
    def samples(self) -> list[SamplesDrawn]:
        """The grids of samples whose files exist, in the order of the epochs."""
        drawn = {event.epoch: event for event in self.run.events() if isinstance(event, SamplesDrawn)}
        return [drawn[number] for number in sorted(drawn) if (self.run.folder / drawn[number].file).is_file()]

    def examples(self, kind: Kind) -> list[tuple[ImageRecord, Image.Image]]:
        """A few images of the class that are in use: real images, at most one of each group, or images that this run
        drew."""
        run = self.run.id if kind == "synthetic" else None
        images = self.workspace.catalog.images(class_name=self.class_name, kind=kind, run=run, with_excluded=False)
        return readable_examples(self.workspace, images, EXAMPLES)


def finished_syntheses(workspace: Workspace) -> list[Synthesis]:
    """The finished syntheses to report: those with drawn images in use, and the newest of each class. Sorted by class
    name, then newest first."""
    in_use = {image.run for image in workspace.catalog.images(kind="synthetic", with_excluded=False)}
    of_class: dict[str, list[Synthesis]] = {}
    for run in workspace.runs("synthesize"):
        if run.info.state == "finished" and run.result() is not None:
            one = Synthesis(workspace, run)
            known = of_class.setdefault(one.class_name, [])
            if not known or run.id in in_use:
                known.append(one)
    return [one for name in sorted(of_class) for one in of_class[name]]


def readable_examples(
    workspace: Workspace, images: Sequence[ImageRecord], most: int
) -> list[tuple[ImageRecord, Image.Image]]:
    """The first images that can be read, at most one real image of each group. Images that may have burned-in text are
    skipped: figures are passed on, and text may name a patient."""
    flags, groups = workspace.catalog.flags(), set[int]()
    found: list[tuple[ImageRecord, Image.Image]] = []
    for record in images:
        if "text" in flags.get(record.id, ()) or (record.kind == "real" and record.group in groups):
            continue
        try:
            picture = read_image(workspace.image_path(record))
        except UnreadableImage:
            continue
        groups.add(record.group)
        found.append((record, picture))
        if len(found) == most:
            break
    return found
