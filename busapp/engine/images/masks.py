"""Read a lesion mask, however it was drawn: black and white, grey, coloured, as numbers, or as transparency."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from busapp.engine.images.orientation import turned
from busapp.engine.images.preprocessing import FORMATS, decoded
from busapp.engine.images.remarks import Decoded
from busapp.engine.utils.quiet import no_warnings
from busapp.errors import UnreadableImage

_FEW: Final = 8
"""Masks with at most this many values are labels: everything that is not background is inside."""
_FAINT: Final = 0.1
"""Of the brightest value. Fainter pixels are background, also if a JPEG has blurred them."""
_BRIGHT: Final = 0.75
_LEAST_BRIGHT: Final = 0.4
"""Share of pixels above `_FAINT` that are above `_BRIGHT` in a mask. Edges that were blurred or resized have fewer; a
picture, or one that was cut out, has far fewer."""


def read_mask(content: bytes, *, file: Path | str) -> Decoded:
    """A mask, upright, as a grey picture of how strongly it is drawn at each pixel; see `inside_of`.

    Each pixel's brightest channel counts, so that all colours are alike (BUS-UCLM draws benign lesions green, malignant
    ones red). If a part is transparent, the opaque part is the lesion (BrEaST).

    Raises:
        UnreadableImage: as `decoded`.
    """
    read = decoded(content, file=file)
    opaque = _opacity(content, read.orientation)
    if opaque is not None:
        return replace(read, picture=opaque)
    red, green, blue = read.picture.split()
    return replace(read, picture=ImageChops.lighter(ImageChops.lighter(red, green), blue))


def inside_of(strength: Image.Image, *, file: Path | str) -> npt.NDArray[np.bool_]:
    """The inside of the lesions in the grey picture of a mask (`read_mask`), bool (height, width). A mask without
    lesion is False everywhere.

    Raises:
        UnreadableImage: it is a picture, not a mask.
    """
    values = np.asarray(strength)
    brightest = int(values.max(initial=0))
    counts = np.bincount(values.ravel(), minlength=256)
    if np.count_nonzero(counts) <= _FEW:
        return values > _FAINT * brightest
    drawn = counts[int(_FAINT * brightest) + 1 :].sum()
    if counts[int(_BRIGHT * brightest) + 1 :].sum() < _LEAST_BRIGHT * drawn:
        raise UnreadableImage(
            "It is called a mask, but shows a picture", file=file, remedy="Rename it, or leave it out."
        )
    return values >= max(brightest / 2, 1)


def _opacity(content: bytes, orientation: int) -> Image.Image | None:
    """The alpha channel, upright; None if the picture has none, or one that is the same everywhere."""
    with no_warnings(), Image.open(io.BytesIO(content), formats=FORMATS) as image:  # `decoded` has checked it
        if "A" not in image.mode and "transparency" not in image.info:
            return None
        opacity = image.convert("RGBA").getchannel("A")
        is_upright = image.format == "TIFF"  # Pillow turns it as it loads
    darkest, brightest = opacity.getextrema()
    if darkest == brightest:
        return None
    return opacity if is_upright else turned(opacity, orientation)
