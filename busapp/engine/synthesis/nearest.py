"""The nearest training image of every image that a run drew, as the run wrote them down."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from busapp.engine.catalog import ImageRecord
from busapp.engine.gan.drawing import COPIES, DrawnImage, read_drawn
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


class Neighbours(NamedTuple):
    """A drawn image, the `number`th of its run, and its nearest training image: None where the study has that no more.

    `correlation` is of their small grey pictures, in [-1, 1], the training image mirrored where that is nearer. `copy`:
    too near to be used, so that it was left out of the study. `is_gone`: it was in the study, and is not any more."""

    number: int
    drawn: ImageRecord
    nearest: ImageRecord | None
    nearest_file: str
    correlation: float
    mirrored: bool
    copy: bool
    is_gone: bool

    def lines(self) -> list[str]:
        """What is to be known of the two, a line each: the likeness first, then the training image, then what became
        of the drawn one where it is not in use."""
        lines = [f"Correlation {self.correlation:.2f}{', mirrored' if self.mirrored else ''}", self.nearest_file]
        if self.nearest is None:
            lines[1] = f"{self.nearest_file} (not in the study any more)"
        if self.copy:
            lines.append("Copy: left out of the study")
        elif self.is_gone:
            lines.append("Not in the study any more")
        elif self.drawn.excluded is not None:
            lines.append(f"Set aside: {self.drawn.excluded}")
        return lines


@dataclass(frozen=True)
class StudyWithCopies(Workspace):
    """A study together with the images that a run drew and left out, which are in the run's folder only."""

    run_folder: Path = Path()

    @classmethod
    def of(cls, workspace: Workspace, run: Run) -> "StudyWithCopies":
        """A study seen with the copies of one of its runs."""
        return cls(workspace.root, workspace.name, workspace.phantoms, run.folder)

    def image_path(self, image: ImageRecord) -> Path:
        is_copy = image.id < 0 and image.file.startswith(f"{COPIES}/")
        return self.run_folder / image.file if is_copy else super().image_path(image)


def read_neighbours(workspace: Workspace, run: Run) -> list[Neighbours]:
    """What a run wrote down of the images that it added or left out as copies, the most alike first.

    Raises:
        BadInput: the run wrote nothing down, as older runs did not, or the file cannot be read.
    """
    try:
        rows = read_drawn(run.folder)
    except FileNotFoundError as error:
        raise BadInput(
            "Which training images are nearest is not known of this run",
            remedy="Runs write that down when they draw images; start it again with more images to draw.",
        ) from error
    images = workspace.catalog.images()
    # Of a covered image the generator may have seen either content, and have drawn the first.
    drawn = {sha256: image for image in images if image.run == run.id for sha256 in (image.original, image.sha256)}
    real = {sha256: image for image in images if image.kind == "real" for sha256 in (image.original, image.sha256)}
    # Those without a file were drawn to be scored alone.
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
    """A record, with a negative id, for a drawn image that the catalog does not have."""
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
