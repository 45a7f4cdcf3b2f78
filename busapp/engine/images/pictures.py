"""The one way from a file, or from bytes, to its pictures for a diagnosis: a single picture, or the frames of a loop.
Only the content of a file counts, not its name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image

from busapp.engine.images.dicom.reading import DicomLoop, evenly_spaced, open_loop
from busapp.engine.images.preprocessing import FORMATS, decoded, frames_of, read_content
from busapp.engine.images.remarks import Decoded
from busapp.engine.images.signatures import HEAD, is_dicom
from busapp.errors import UnreadableImage

SMALLEST_SIDE: Final = 16
"""Pixels. Narrower or lower pictures show nothing that could be diagnosed."""


class _Kind(NamedTuple):
    """A kind of file that users often try to open but busapp cannot read: its first bytes and their place, and the
    error message."""

    at: int
    magic: bytes
    what: str
    remedy: str


_BEGINNINGS: Final = (b"\x89PNG", b"\xff\xd8", b"BM", b"II*\0", b"MM\0*", b"RIFF", *(b"P%d" % k for k in range(1, 7)))
"""First bytes of the kinds that busapp reads."""
_AS_PNG: Final = "Save the picture that you want as PNG, and open that."
_KINDS: Final = (
    *(_Kind(0, magic, "GIF pictures, animated or not, cannot be read", _AS_PNG) for magic in (b"GIF87a", b"GIF89a")),
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
    """A single picture, or the `frames` of a loop, each decoded on request. Frames are counted from 1."""

    file: str
    frames: int
    _decoded: Callable[[int], Decoded] = field(repr=False, compare=False)

    @property
    def middle(self) -> int:
        """The frame that represents a loop."""
        return evenly_spaced(self.frames, 1)[0] + 1

    def frame(self, number: int) -> Image.Image:
        """The picture of frame `number`, 8-bit RGB: see `seen`."""
        return self.seen(number).picture

    def seen(self, number: int) -> Decoded:
        """Decode frame `number`, 1 to `frames`, to 8-bit RGB, with remarks about what was done for that. Only this
        frame is decoded. The exception is an animated PNG or WebP: each of its frames changes the one before, so all
        frames up to this one are decoded.

        Raises:
            UnreadableImage: its pixels are damaged, or it is too small to show anything.
        """
        if not 1 <= number <= self.frames:
            raise ValueError(f"there is no frame {number} of {self.frames}")
        decoded = self._decoded(number)
        image = decoded.picture
        if min(image.size) < SMALLEST_SIDE:
            raise UnreadableImage(
                f"The image has {image.width}×{image.height} pixels, which is too small to show anything",
                file=self.file,
                remedy=f"Choose an image of {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels or more.",
            )
        return decoded


def open_picture(source: Path | bytes, file: str = "") -> Picture:
    """Check a file, or the bytes of one, without decoding a pixel. Messages call it `file`, or by its path if `file`
    is empty.

    DICOM files are cropped to their ultrasound regions, which removes the machine's banner.

    Raises:
        UnreadableImage: it is missing, or not a readable picture.
    """
    name = file or (str(source) if isinstance(source, Path) else "")
    content = read_content(source) if isinstance(source, Path) else source
    if not content:
        raise UnreadableImage("The file is empty", file=name, remedy="Copy it again from where it came from.")
    if is_dicom(content[:HEAD]):
        loop = open_loop(content, file=name, crop_to_regions=True)
        return Picture(name, loop.n_frames, partial(_dicom_frame, loop))
    _refuse_other_kinds(content, name)
    try:
        pages = frames_of(content, file=name)
    except UnreadableImage as error:
        raise _clearer(error, content, name) from error
    return Picture(name, len(pages), lambda number: _page(content, name, pages[number - 1]))


def _dicom_frame(loop: DicomLoop, number: int) -> Decoded:
    frame = loop.frame(number - 1)
    return Decoded(frame.picture, frame.remarks)


def _page(content: bytes, name: str, page: int) -> Decoded:
    try:
        return decoded(content, file=name, frame=page)
    except UnreadableImage as error:
        raise _clearer(error, content, name) from error


def _refuse_other_kinds(content: bytes, name: str) -> None:
    for kind in _KINDS:
        if content.startswith(kind.magic, kind.at):
            raise UnreadableImage(kind.what, file=name, remedy=kind.remedy)


def _clearer(error: UnreadableImage, content: bytes, name: str) -> UnreadableImage:
    """A clearer error: a file that begins like a picture is damaged, any other file is no picture at all."""
    if isinstance(error.__cause__, UnreadableImage):  # this one is already clear
        return error
    if content.startswith(_BEGINNINGS):
        return UnreadableImage(
            "The image is damaged or cut short", file=name, remedy="Copy it again from where it came from."
        )
    return UnreadableImage(
        "The file is not an image, whatever its name says",
        file=name,
        remedy=f"Open an image in one of these formats: {', '.join(FORMATS)}, DICOM.",
    )
