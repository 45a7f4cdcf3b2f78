"""The one definition of what a picture is to a network: training, diagnosis and export share it.

Source: Samrin 2024, section 3.1: resized to 224×224, three channels, scaled to [0, 1], then normalised with
ImageNet's mean and standard deviation.
"""

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from busapp.errors import UnreadableImage

Pixels = npt.NDArray[np.uint8]
"""uint8 in [0, 255], shape (height, width, 3) or (n, height, width, 3), RGB."""

MEAN: Final = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD: Final = np.array([0.229, 0.224, 0.225], dtype=np.float32)
MAX_PIXELS: Final = 64_000_000
IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})


def decode(content: bytes, *, file: Path | str) -> Image.Image:
    """The first frame of an encoded picture as 8-bit RGB.

    16-bit grey is scaled by its own largest value; transparency is laid on black.

    Raises:
        UnreadableImage: not a picture, cut short, or larger than 64 million pixels (looked at before decoding).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata that the pixels do not depend on
            image = Image.open(io.BytesIO(content))
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableImage(
                    f"The image has {image.width}×{image.height} pixels, more than {MAX_PIXELS // 1_000_000} million",
                    file=file,
                    remedy="Make it smaller first.",
                )
            image.load()
            return _to_rgb(image)
    except UnreadableImage:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableImage(
            "The file is not a readable image", file=file, remedy="Check that it opens in an image viewer."
        ) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        largest = max(float(values.max(initial=0.0)), 1.0)
        image = Image.fromarray((values.clip(min=0) / largest * 255).astype(np.uint8))
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return image.convert("RGB")


def read_image(path: Path) -> Image.Image:
    """Decode a file; see `decode` for what it raises."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(
            "The file cannot be opened", file=path, remedy="Check that it is there and that you may read it."
        ) from error
    return decode(content, file=path)


def to_square(image: Image.Image, size: int) -> Pixels:
    """Resize to `size`×`size`, whatever the aspect, bilinear with antialiasing: uint8 (size, size, 3)."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR), dtype=np.uint8)


def load_pixels(paths: Iterable[Path], size: int) -> Pixels:
    """All images decoded and resized: uint8 (n, size, size, 3). Raises `UnreadableImage`."""
    squares = [to_square(read_image(path), size) for path in paths]
    return np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8)


def normalise(pixels: Pixels) -> npt.NDArray[np.float32]:
    """What the network sees: float32 (n, 3, height, width), about -2.1 to 2.6, from uint8 (n, height, width, 3)."""
    scaled = (pixels.astype(np.float32) / 255.0 - MEAN) / STD
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
