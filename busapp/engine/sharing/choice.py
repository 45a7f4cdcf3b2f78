"""The images of an export, its target, and its size."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from busapp.engine.catalog import ImageRecord
from busapp.engine.images.preprocessing import read_image
from busapp.engine.settings import ShareSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.png import png
from busapp.errors import BadInput, UnreadableImage

TEXT: Final = "text"
"""The quality flag of images with text burned in, which could name a patient."""
_SAMPLE: Final = 12


class Choice(NamedTuple):
    """The images to export, in the order of the catalog, and counts of images that need attention."""

    images: list[ImageRecord]
    left_set_aside: int
    """Images left out because they are set aside."""
    left_synthetic: int
    """Images left out because they are synthetic."""
    with_text: int
    """Exported images with text burned in."""
    unchecked: int
    """Exported real images that curation has not checked, so that nobody looked for text in them."""
    with_patient: int
    """Exported images whose patient is known."""


def choose_images(images: Sequence[ImageRecord], flags: Mapping[int, list[str]], settings: ShareSettings) -> Choice:
    """Choose the study's images that these settings export. For an export of one run, only its images are counted."""
    if settings.run is not None:
        images = [image for image in images if image.run == settings.run]
    wanted = [image for image in images if settings.synthetic or image.kind == "real"]
    chosen = [image for image in wanted if settings.set_aside or image.excluded is None]
    return Choice(
        images=chosen,
        left_set_aside=len(wanted) - len(chosen),
        left_synthetic=len(images) - len(wanted),
        with_text=sum(TEXT in flags.get(image.id, ()) for image in chosen),
        unchecked=sum(image.kind == "real" and not image.checked for image in chosen),
        with_patient=sum(image.patient is not None for image in chosen),
    )


def target_of(workspace: Workspace, settings: ShareSettings) -> Path:
    """The absolute path of an export.

    Raises:
        BadInput: it exists already, cannot be created, or lies inside the study.
    """
    out = settings.out.expanduser().resolve()
    if out.is_relative_to(workspace.root):
        raise BadInput("The export would lie inside the study", file=out, remedy="Choose a place outside the study.")
    if out == out.parent:
        raise BadInput("This is a whole drive", file=out, remedy="Choose a new folder on it.")
    try:
        above = next(folder for folder in out.parents if folder.exists())
        if not above.is_dir():
            raise BadInput("This is not a folder", file=above, remedy="Choose another place.")
        if settings.format == "zip":
            if out.suffix.lower() != ".zip":
                raise BadInput("The name of a ZIP file ends in .zip", file=out, remedy="Add .zip to the name.")
            if out.exists():
                raise BadInput("This file is there already", file=out, remedy="Choose another name.")
        elif out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise BadInput("This is not an empty folder", file=out, remedy="Choose an empty or a new one.")
    except OSError as error:
        raise BadInput("The place cannot be opened", file=out, remedy=f"{error.strerror}.") from error
    return out


def bytes_per_pixel(
    workspace: Workspace, images: Sequence[ImageRecord], should_stop: Callable[[], bool] = lambda: False
) -> float:
    """Estimate the bytes of an export for each pixel, from up to 12 of the images; 0 if none can be read.

    `should_stop` is called before each image; True ends the estimate early.
    """
    total = pixels = 0
    for image in images[:: max(1, len(images) // _SAMPLE)][:_SAMPLE]:
        if should_stop():
            break
        with suppress(UnreadableImage):
            total += len(png(read_image(workspace.image_path(image))))
            pixels += image.width * image.height
    return total / pixels if pixels else 0.0
