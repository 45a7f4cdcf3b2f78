"""The finished syntheses of a study, and what can be shown of them."""

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
"""Images of each kind that are shown."""


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
        """All epochs in their order; of one that a resumed run recorded twice, the last."""
        latest = {event.epoch: event for event in self.run.events() if isinstance(event, GanEpochEnded)}
        return [latest[number] for number in sorted(latest)]

    @cached_property
    def samples(self) -> list[SamplesDrawn]:
        """The epochs of which there is a grid of samples."""
        drawn = {event.epoch: event for event in self.run.events() if isinstance(event, SamplesDrawn)}
        return [drawn[number] for number in sorted(drawn) if (self.run.folder / drawn[number].file).is_file()]

    def examples(self, kind: Kind) -> list[tuple[ImageRecord, Image.Image]]:
        """A few images of the class in use: real ones, no two of one group; or those that this run drew."""
        run = self.run.id if kind == "synthetic" else None
        images = self.workspace.catalog.images(class_name=self.class_name, kind=kind, run=run, with_excluded=False)
        return readable_examples(self.workspace, images, EXAMPLES)


def finished_syntheses(workspace: Workspace) -> list[Synthesis]:
    """The finished syntheses to tell of: those that drew images which are in use, and of each class the newest; in the
    order of the classes' names, the newest of a class first."""
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
    """The first images that can be read, one of each group, without those that may have text burned in: figures are
    handed on, and text may name a patient."""
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
