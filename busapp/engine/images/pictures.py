"""The one way from a file, or from bytes, to the pictures in it that can be diagnosed: a still one, or the frames of a
loop. What a file is called does not count, only what is in it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image

from busapp.engine.images.dicom import DicomLoop, evenly_spaced, is_dicom, open_loop
from busapp.engine.images.preprocessing import FORMATS, decode, frames_of, read_content
from busapp.errors import UnreadableImage

SMALLEST_SIDE: Final = 16
"""Pixels; whatever is narrower or lower shows nothing that could be diagnosed."""
_HEAD: Final = 132
"""So many bytes say what kind of file it is."""


class _Kind(NamedTuple):
    """What is not opened, but often tried: the bytes by which it is known, at a place, and what is said of it."""

    at: int
    magic: bytes
    what: str
    remedy: str


_BEGINNINGS: Final = (b"\x89PNG", b"\xff\xd8", b"BM", b"II*\0", b"MM\0*")
"""Of the kinds that are opened."""
_AS_PNG: Final = "Save the picture that you want as PNG, and open that."
_KINDS: Final = (
    *(_Kind(0, magic, "GIF pictures, animated or not, cannot be read", _AS_PNG) for magic in (b"GIF87a", b"GIF89a")),
    _Kind(8, b"WEBP", "WebP pictures, animated or not, cannot be read", _AS_PNG),
    *(
        _Kind(4, b"ftyp" + brand, "HEIC and AVIF pictures cannot be read", _AS_PNG)
        for brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
    ),
    *(
        _Kind(at, magic, "It is a video, which cannot be read", "Export the loop as DICOM, or a frame of it as PNG.")
        for at, magic in ((4, b"ftyp"), (8, b"AVI "), (0, b"\x1a\x45\xdf\xa3"), (0, b"\0\0\1\xba"))
    ),
    _Kind(0, b"%PDF-", "It is a PDF, not a picture", "Export the picture in it as PNG, and open that."),
    _Kind(0, b"PK\3\4", "It is a ZIP archive, not a picture", "Unpack it, and open the folder."),
)


@dataclass(frozen=True)
class Picture:
    """A picture, or the `frames` of a loop, each decoded when it is asked for; frames count from 1."""

    file: str
    frames: int
    _decoded: Callable[[int], Image.Image] = field(repr=False, compare=False)

    @property
    def middle(self) -> int:
        """The frame that stands for a loop."""
        return evenly_spaced(self.frames, 1)[0] + 1

    def frame(self, number: int) -> Image.Image:
        """Frame `number`, 1 to `frames`, as 8-bit RGB. No other one is decoded, except of an animated PNG those before
        it, which its frames only change.

        Raises:
            UnreadableImage: its pixels are damaged, or it is too small to show anything.
        """
        if not 1 <= number <= self.frames:
            raise ValueError(f"there is no frame {number} of {self.frames}")
        image = self._decoded(number)
        if min(image.size) < SMALLEST_SIDE:
            raise UnreadableImage(
                f"The image has {image.width}×{image.height} pixels, which is too small to show anything",
                file=self.file,
                remedy=f"Choose an image of {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels or more.",
            )
        return image


def open_picture(source: Path | bytes, file: str = "") -> Picture:
    """Look through a file, or the bytes of one, without decoding a pixel. `file` is what sentences call it; a path's
    own name if it is left empty.

    DICOM files are cropped to their ultrasound regions, which leaves out the machine's banner.

    Raises:
        UnreadableImage: it is missing, or no picture that can be read.
    """
    name = file or (str(source) if isinstance(source, Path) else "")
    content = read_content(source) if isinstance(source, Path) else source
    if not content:
        raise UnreadableImage("The file is empty", file=name, remedy="Copy it again from where it came from.")
    if is_dicom(content[:_HEAD]):
        loop = open_loop(content, file=name, crop_to_regions=True)
        return Picture(name, loop.n_frames, partial(_dicom_frame, loop))
    _refuse_other_kinds(content, name)
    try:
        pages = frames_of(content, file=name)
    except UnreadableImage as error:
        raise _clearer(error, content, name) from error
    return Picture(name, len(pages), lambda number: _page(content, name, pages[number - 1]))


def _dicom_frame(loop: DicomLoop, number: int) -> Image.Image:
    return loop.frame(number - 1).picture


def _page(content: bytes, name: str, page: int) -> Image.Image:
    try:
        return decode(content, file=name, frame=page)
    except UnreadableImage as error:
        raise _clearer(error, content, name) from error


def _refuse_other_kinds(content: bytes, name: str) -> None:
    for kind in _KINDS:
        if content.startswith(kind.magic, kind.at):
            raise UnreadableImage(kind.what, file=name, remedy=kind.remedy)


def _clearer(error: UnreadableImage, content: bytes, name: str) -> UnreadableImage:
    """What stops the decoder in a file that begins as a picture is damage; other files are no pictures at all."""
    if isinstance(error.__cause__, UnreadableImage):  # it says already what is wrong
        return error
    if content.startswith(_BEGINNINGS):
        return UnreadableImage(
            "The image is damaged or cut short", file=name, remedy="Copy it again from where it came from."
        )
    return UnreadableImage(
        "The file is not an image, whatever its name says",
        file=name,
        remedy=f"Open an image of one of the kinds {', '.join(FORMATS)} and DICOM.",
    )
