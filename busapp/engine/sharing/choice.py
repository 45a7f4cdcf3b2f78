"""What an export takes of the study, where it goes, and how large it will be."""

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
    """`images` are exported, in the order of the catalog. Counted are those left out because they are set aside or
    synthetic, and among `images` those with text burned in, real ones that curation has not seen, so that nobody looked
    for text in them, and those whose patient is known."""

    images: list[ImageRecord]
    left_set_aside: int
    left_synthetic: int
    with_text: int
    unchecked: int
    with_patient: int


def choose(images: Sequence[ImageRecord], flags: Mapping[int, list[str]], settings: ShareSettings) -> Choice:
    """Which of the study's images these settings export; of those of one run, what is left out is counted, too."""
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
    """Where an export goes, in full.

    Raises:
        BadInput: something is there already, nothing can be there, or it lies inside the study.
    """
    out = settings.out.expanduser().resolve()
    if out.is_relative_to(workspace.root):
        raise BadInput("The export would lie inside the study", file=out, remedy="Choose a place outside of it.")
    if out == out.parent:
        raise BadInput("This is a whole drive", file=out, remedy="Choose a new folder on it.")
    try:
        above = next(folder for folder in out.parents if folder.exists())
        if not above.is_dir():
            raise BadInput("This is not a folder", file=above, remedy="Choose another place.")
        if settings.format == "zip":
            if out.suffix.lower() != ".zip":
                raise BadInput("The name of a ZIP file ends in .zip", file=out, remedy="Let it end so.")
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
    """About how many bytes an export takes for each pixel, from up to 12 of the images; 0 if none can be read. Before
    each, `should_stop` is asked."""
    total = pixels = 0
    for image in images[:: max(1, len(images) // _SAMPLE)][:_SAMPLE]:
        if should_stop():
            break
        with suppress(UnreadableImage):
            total += len(png(read_image(workspace.image_path(image))))
            pixels += image.width * image.height
    return total / pixels if pixels else 0.0
