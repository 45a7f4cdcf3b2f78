"""The one definition of a network's input: training, diagnosis and export share it.

Source: Samrin 2024, section 3.1: resized to 224×224, three channels, scaled to [0, 1], then normalised with
ImageNet's mean and standard deviation. The sources of other steps are named where they are defined.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from busapp.engine.contract.validation import Framing, Preparation
from busapp.engine.images import netpbm
from busapp.engine.images.eight_bits import as_seen, as_stored
from busapp.engine.images.equalisation import equalise
from busapp.engine.images.framing import ONLY_CENTRE, Region, placed, region_of
from busapp.engine.images.orientation import LYING, orientation_of
from busapp.engine.images.plain_png import chunks_of, plain_pixels
from busapp.engine.images.remarks import Decoded
from busapp.engine.images.segmentation import denoise, segment
from busapp.engine.images.steps import Step, in_full, steps_of
from busapp.engine.utils.quiet import no_warnings
from busapp.errors import UnreadableImage

Pixels = npt.NDArray[np.uint8]
"""uint8 in [0, 255], shape (height, width, 3) or (n, height, width, 3), RGB."""

MEAN: Final = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD: Final = np.array([0.229, 0.224, 0.225], dtype=np.float32)
MAX_PIXELS: Final = 64_000_000
_TOO_MANY: Final = f"more than {MAX_PIXELS // 1_000_000} million"
MAX_BYTES: Final = 512 * 2**20
FORMATS: Final = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are opened, regardless of a file's name. Pillow reads many more, and hands PostScript to another
program."""
MAX_READS: Final = 1_000_000
"""Pillow reads every chunk of a PNG, segment of a JPEG and run of a BMP on its own. This number of reads takes about a
second. The largest pictures in the usual pieces of 8 KiB take an eighth of that."""
MAX_CHUNKS: Final = 100_000
"""Chunks of a PNG. Pillow reads each five times. The largest pictures in pieces of 8 KiB have half as many."""
MAX_PAGES: Final = 10_000
"""Pages of a TIFF that are searched for."""
MAX_SCANS: Final = 100
"""Scans (passes over the picture) that a JPEG may have. Each takes time even if it draws nothing: a file of a few
megabytes can take an hour (libjpeg-turbo's LJT-01-003). Usual files have up to 12; libtiff has the same limit."""
_SCAN: Final = re.compile(rb"\xff\xda\0[\x08\x0a\x0c\x0e]")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
MAX_ANIMATED: Final = 1_000_000_000
"""Pixels in all frames of an animated WebP together. Each frame is drawn over the one before, so that the last frame
takes the time of all: about five seconds for this number."""
IMAGE_SUFFIXES: Final = frozenset(
    {
        *(".png", ".bmp", ".tif", ".tiff", ".webp"),
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif"),
        *(".pgm", ".ppm", ".pbm", ".pnm"),
    }
)

VERSION: Final = 1
"""Version of `decode_stored` and `Preprocessing.pixels`. Every change that gives other pixels raises it, so that the
pixels in the caches of studies are computed again."""


def decode(content: bytes, *, file: Path | str, frame: int = 0) -> Image.Image:
    """Decode one frame of an encoded picture as people see it: see `decoded`."""
    return decoded(content, file=file, frame=frame).picture


def decoded(content: bytes, *, file: Path | str, frame: int = 0) -> Decoded:
    """Decode one frame of an encoded picture, by default the first, to 8-bit RGB as people see it.

    The picture is turned as its file says. 16-bit and floating-point grey is divided by its own largest value; if a
    few pixels are far brighter than all others, by the largest of the others. Channels of 16 bits that use fewer are
    brightened. Transparent parts are drawn on black; a picture that is transparent everywhere is drawn as if it were
    not. `Decoded.remarks` say which of these was done.

    Raises:
        UnreadableImage: not a picture, cut short, or larger than 64 million pixels (checked before decoding).
    """
    with _readable(file):
        image = _at_frame(content, frame)
        rawmode = _rawmode(image)
        if image.format == "TIFF" and rawmode in ("R", "G", "B") and 16 in image.tag_v2.get(258, ()):  # type: ignore[attr-defined]
            raise UnreadableImage(  # Pillow takes each byte of these for a value
                "The colours of the picture are stored one after the other with 16 bits, which cannot be read",
                remedy="Save it as PNG.",
            )
        orientation = orientation_of(image) if image.format == "TIFF" else 0
        loaded = _loaded(image, content)

        def load_as(rawmode: str) -> Image.Image:
            again = _at_frame(content, frame)
            tile = again.tile[0]
            arguments = rawmode if isinstance(tile.args, str) else (rawmode, *(tile.args or ())[1:])
            again.tile = [tile._replace(args=arguments)]
            return _loaded(again, content)

        return as_seen(loaded, rawmode, orientation or orientation_of(image), load_as)


def _at_frame(content: bytes, frame: int) -> ImageFile.ImageFile:
    image = _open(content)
    if image.format in ("JPEG", "MPO"):
        refuse_many_scans(content)
    if frame:
        image.seek(frame)
        _refuse_large(image)
    return image


def _loaded(image: ImageFile.ImageFile, content: bytes) -> Image.Image:
    if image.format == "PPM":
        return netpbm.loaded(image, content)
    pixels = plain_pixels(image, content)
    if pixels is not None:
        return pixels
    image.load()
    return image


def _rawmode(image: ImageFile.ImageFile) -> str:
    """How Pillow will read the values of an opened image; empty if it does not say so."""
    arguments = image.tile[0].args if image.tile else ""
    first = arguments if isinstance(arguments, str) else (arguments or ("",))[0]
    return first if isinstance(first, str) else ""


def frames_of(content: bytes, *, file: Path | str) -> Sequence[int]:
    """The frames that `decode` can read, without decoding them: all frames of an animated PNG or WebP, and the pages
    of a TIFF that are as large as the first one. Smaller pages are previews.

    Raises:
        UnreadableImage: not a picture, larger than 64 million pixels, or its pages cannot be counted.
    """
    with _readable(file):
        image = _open(content)
        if image.format in ("PNG", "WEBP"):
            n_frames = getattr(image, "n_frames", 1)
            if image.format == "WEBP" and n_frames > 1 and n_frames * image.width * image.height > MAX_ANIMATED:
                raise UnreadableImage("The animation is too large", remedy="Save the frame that you want as PNG.")
            return range(n_frames)
        if image.format != "TIFF":
            return range(1)
        size, pages = image.size, []
        with suppress(EOFError):
            for page in range(MAX_PAGES):
                image.seek(page)
                if image.size == size:
                    pages.append(page)
        return pages


class LimitedReads(io.BytesIO):
    """A stream of bytes that allows `MAX_READS` reads."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._reads_left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise _too_many_pieces()
        return super().read(size)


def _too_many_pieces() -> UnreadableImage:
    return UnreadableImage(
        "The file is in far too many pieces, as only malicious files are",
        remedy="Leave it out, or save it again with an image editor.",
    )


def _refuse_many_chunks(content: bytes) -> None:
    """Raise `UnreadableImage` if a PNG has more than `MAX_CHUNKS` chunks."""
    if content.startswith(_PNG) and next(islice(chunks_of(content), MAX_CHUNKS, None), None) is not None:
        raise _too_many_pieces()


def refuse_many_scans(jpeg: bytes) -> None:
    """Raise `UnreadableImage` if a JPEG has more than `MAX_SCANS` scans."""
    if next(islice(_SCAN.finditer(jpeg), MAX_SCANS, None), None) is not None:
        raise UnreadableImage(
            f"The JPEG goes over its picture more than {MAX_SCANS} times, as only malicious files do",
            remedy="Leave it out, or save it again with an image editor.",
        )


@contextmanager
def _readable(file: Path | str) -> Iterator[None]:
    """Turn every error of Pillow about a bad picture into a message for people."""
    try:
        with no_warnings():  # Pillow warns of odd metadata that do not affect the pixels
            yield
    except UnreadableImage as error:
        raise UnreadableImage(error.what, file=file, remedy=error.remedy) from error
    except Exception as error:  # damaged files make Pillow's decoders raise errors of every kind
        raise UnreadableImage(
            "The file is not a readable image",
            file=file,
            remedy="Check that it opens in an image viewer, and save it as PNG if it has another format than "
            f"{', '.join(FORMATS)}.",
        ) from error


def _open(content: bytes) -> ImageFile.ImageFile:
    """Read the header only."""
    _refuse_large_webp(content[:30])
    _refuse_many_chunks(content)
    try:
        image = Image.open(LimitedReads(content), formats=FORMATS)
    except Image.DecompressionBombError as error:  # raised before the size is known
        raise UnreadableImage(f"The image has far {_TOO_MANY} pixels", remedy="Make it smaller first.") from error
    _refuse_large(image)
    return image


def _refuse_large(image: Image.Image) -> None:
    _refuse_size(image.width, image.height)


def _refuse_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"The image has {width}×{height} pixels, {_TOO_MANY}", remedy="Make it smaller first.")


def _refuse_large_webp(head: bytes) -> None:
    """Raise `UnreadableImage` if a WebP is too large. Pillow reserves its canvas before it tells the size."""
    if head[:4] == b"RIFF" and head[8:15] == b"WEBPVP8":
        if head[15:16] == b"X":
            width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        elif head[15:16] == b"L":
            packed = int.from_bytes(head[21:25], "little")
            width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        else:
            width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        _refuse_size(width, height)


def read_content(path: Path) -> bytes:
    """The bytes of a file that should be an image.

    Raises:
        UnreadableImage: it cannot be opened, or it is larger than 512 MiB (checked before reading).
    """
    with _opened(path) as stream:
        return stream.read()


def size_of(content: bytes, *, file: Path | str) -> tuple[int, int]:
    """Width and height of an encoded picture as `decode` shows it, from its header, without decoding. Its first bytes
    may be enough. A PNG or WebP may say only at its end that it is to be turned.

    Raises:
        UnreadableImage: not a picture, or larger than 64 million pixels.
    """
    with _readable(file):
        image = _open(content)
        lies = image.format != "TIFF" and orientation_of(image) in LYING  # Pillow exchanges the sides of a TIFF
        return (image.height, image.width) if lies else image.size


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            if path.stat().st_size > MAX_BYTES:
                raise UnreadableImage(
                    f"The file is larger than {MAX_BYTES // 2**20} MiB",
                    file=path,
                    remedy="Make the image smaller first.",
                )
            yield stream
    except OSError as error:
        raise UnreadableImage(
            "The file cannot be opened", file=path, remedy="Check that it is there and that you may read it."
        ) from error


def read_image(path: Path) -> Image.Image:
    """Read and decode a file of a study. Raises the errors of `read_content` and `decode_stored`."""
    return decode_stored(read_content(path), file=path)


def decode_stored(content: bytes, *, file: Path | str) -> Image.Image:
    """Decode the content of a study's file to 8-bit RGB, exactly as it is stored.

    The import keeps a picture whose file must be seen otherwise as a PNG of what is seen. So a study never changes: a
    picture that an earlier version took in lying on its side still does, like its mask and the results about it.

    Raises:
        UnreadableImage: not a picture, cut short, or larger than 64 million pixels (checked before decoding).
    """
    with _readable(file):
        return as_stored(_loaded(_at_frame(content, 0), content))


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The conversion of images to the pixels of a run: the same in training, test and diagnosis, real or synthetic.

    `size` is the side of the square. The steps have one order, that of Ragab et al. 2022 after the resizing:

    1. `framing`: the part that the network sees becomes the square. All later steps then take the same time for stored
       images of any size, and a tile contains as many pixels of a small synthetic image as of a large real one.
    2. `denoise` (Wiener filter), because equalising would raise the noise along with the picture.
    3. `equalise` (CLAHE).
    4. `segment` (Kapur's entropy), because the threshold depends on the final grey levels, and because the black
       parts would count as a grey level of the picture in an equalisation.
    """

    size: int
    equalise: bool = False
    framing: Framing = "stretch"
    denoise: bool = False
    segment: bool = False

    @property
    def kept(self) -> Preparation:
        """All choices except the size, by the names of their settings, as results store them."""
        return {
            "equalise": self.equalise,
            "framing": self.framing,
            "denoise": self.denoise,
            "segment": self.segment,
        }

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps besides resizing, in their order."""
        return steps_of(self.kept)

    @property
    def in_full(self) -> str:
        """The steps besides resizing, for a sentence about images; empty if there are none."""
        return in_full(self.kept)

    @property
    def in_words(self) -> str:
        """`resized to 224×224 pixels, adaptively equalised (CLAHE)`."""
        return ", ".join([f"resized to {self.size}×{self.size} pixels", *(step.full for step in self.steps)])

    @property
    def unseen(self) -> str:
        """A sentence about the parts of a picture that the network does not see; empty if it sees everything."""
        return ONLY_CENTRE if self.framing == "centre" else ""

    def region(self, size: tuple[int, int]) -> Region:
        """The part of a picture of `size` (width, height) that the network sees."""
        return region_of(size, self.framing, self.size)

    def framed(self, image: Image.Image) -> Image.Image:
        """The part of an RGB image that the network sees, resized to the square, bilinear with antialiasing."""
        return image.resize((self.size, self.size), Image.Resampling.BILINEAR, self.region(image.size))

    def finished(self, square: Image.Image) -> Image.Image:
        """What the network sees of a square from `framed`."""
        square = denoise(square) if self.denoise else square
        square = equalise(square) if self.equalise else square
        return segment(square) if self.segment else square

    def pixels(self, image: Image.Image) -> Pixels:
        """What the network sees of an RGB image: uint8 (size, size, 3)."""
        return np.asarray(self.finished(self.framed(image)), dtype=np.uint8)

    def over(self, image: Image.Image) -> Image.Image:
        """What the network sees of an RGB image, at the image's size, and black where it sees nothing."""
        seen = Image.fromarray(self.pixels(image))
        return placed(seen, self.region(image.size), image.size)

    def load(self, paths: Iterable[Path]) -> Pixels:
        """The pixels of these files: uint8 (n, size, size, 3). Raises `UnreadableImage`."""
        squares = [self.pixels(read_image(path)) for path in paths]
        return np.stack(squares) if squares else np.empty((0, self.size, self.size, 3), np.uint8)


def normalise(pixels: Pixels) -> npt.NDArray[np.float32]:
    """The network's input: float32 (n, 3, height, width), about -2.1 to 2.6, from uint8 (n, height, width, 3)."""
    scaled = (pixels.astype(np.float32) / 255.0 - MEAN) / STD
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
