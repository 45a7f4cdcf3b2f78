"""The nearest training image of every image that a run drew, as the run recorded it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from busapp.engine.catalog import ImageRecord
from busapp.engine.gan.drawing import COPIES, DrawnImage, read_drawn
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


class Neighbours(NamedTuple):
    """A drawn image, the `number`th of its run, and its nearest training image, which is None if the study no longer
    has it.

    `correlation` is that of their small grey pictures, in [-1, 1]. If `mirrored`, the drawn image is nearer to the
    mirror image. `copy`: the image is so near that it was not added to the study. `is_gone`: the image was in the
    study, but no longer is.
    """

    number: int
    drawn: ImageRecord
    nearest: ImageRecord | None
    nearest_file: str
    correlation: float
    mirrored: bool
    copy: bool
    is_gone: bool

    def lines(self) -> list[str]:
        """Describe the pair: the correlation, the training image, and why the drawn image is not in use, if so."""
        lines = [f"Correlation {self.correlation:.2f}{', mirrored' if self.mirrored else ''}", self.nearest_file]
        if self.nearest is None:
            lines[1] = f"{self.nearest_file} (not in the study any more)"
        if self.copy:
            lines.append("Copy: not added to the study")
        elif self.is_gone:
            lines.append("Not in the study any more")
        elif self.drawn.excluded is not None:
            lines.append(f"Set aside: {self.drawn.excluded}")
        return lines


@dataclass(frozen=True)
class StudyWithCopies(Workspace):
    """A study together with the copies that a run drew, which are only in the run's folder."""

    run_folder: Path = Path()

    @classmethod
    def of(cls, workspace: Workspace, run: Run) -> "StudyWithCopies":
        """Return a study together with the copies of one of its runs."""
        return cls(workspace.root, workspace.name, workspace.phantoms, run.folder)

    def image_path(self, image: ImageRecord) -> Path:
        is_copy = image.id < 0 and image.file.startswith(f"{COPIES}/")
        return self.run_folder / image.file if is_copy else super().image_path(image)


def read_neighbours(workspace: Workspace, run: Run) -> list[Neighbours]:
    """The drawn images of a run that were added or kept as copies, with their nearest training images, highest
    correlation first.

    Raises:
        BadInput: the run is older and recorded nothing, or the file cannot be read.
    """
    try:
        rows = read_drawn(run.folder)
    except FileNotFoundError as error:
        raise BadInput(
            "This run has not recorded which training images are nearest",
            remedy="Runs record this when they draw images. Start a new run with images to draw.",
        ) from error
    images = workspace.catalog.images()
    # A covered image has two contents: a generator may have been trained on either, and drew the original one.
    drawn = {sha256: image for image in images if image.run == run.id for sha256 in (image.original, image.sha256)}
    real = {sha256: image for image in images if image.kind == "real" for sha256 in (image.original, image.sha256)}
    # Images without a file were drawn only to be scored.
    found = [_neighbours(row, run, drawn, real) for row in rows if row.file]
    return sorted(found, key=lambda row: (-row.correlation, row.number))


def _neighbours(
    row: DrawnImage, run: Run, drawn: dict[str | None, ImageRecord], real: dict[str | None, ImageRecord]
) -> Neighbours:
    known = None if row.copy else drawn.get(row.sha256)
    return Neighbours(
        row.number,
        known or _unknown(row, run),
        real.get(row.nearest_sha256),
        row.nearest_file,
        row.correlation,
        row.mirrored,
        row.copy,
        known is None and not row.copy,
    )


def _unknown(row: DrawnImage, run: Run) -> ImageRecord:
    """Return a record with a negative id for a drawn image that is not in the catalog."""
    size = int(run.info.settings["image_size"])
    return ImageRecord(
        id=-row.number,
        file=row.file,
        sha256=row.sha256,
        suffix=".png",
        class_name=str(run.info.settings["class_name"]),
        kind="synthetic",
        width=size,
        height=size,
        mask=None,
        source="",
        run=run.id,
        group_id=None,
        excluded=None,
    )
