"""Convert an image of any mode that Pillow loads to 8-bit RGB: as it is stored, or as people see it."""

import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from busapp.engine.images.contrast import bits_used, main_range
from busapp.engine.images.orientation import turned
from busapp.engine.images.remarks import Decoded, Remark

_SQUARE: Final = 0.01
_MOST: Final = 4.0
"""Ratios of the two densities that count as equal, and the largest that is believed."""
_TRANSPARENT: Final = 1
"""An alpha of 0, or of 1 in 255, everywhere: the picture would be black."""
_AT_ONCE: Final = 2**18
"""Values converted in one step. The largest picture as 64-bit numbers would take half a GiB."""
_OTHER_ORDER: Final = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


def as_stored(image: Image.Image) -> Image.Image:
    """Convert a loaded image. 16-bit and floating-point grey is divided by its own largest value, colours of 16 bits
    lose the lower eight. Transparent parts are drawn on black.

    The files of a study are read by this. It must never give other pixels for a file that it could read before.
    """
    if _is_deep_grey(image):
        values = _numbers(image)
        image = _greys(values, float(values.max(initial=0)))
    if _has_alpha(image):
        image = _on_black(image.convert("RGBA"))
    return image.convert("RGB")


def as_seen(image: Image.Image, rawmode: str, orientation: int, load_as: Callable[[str], Image.Image]) -> Decoded:
    """Convert a loaded image like `as_stored`, and correct what would hide it or lay it on its side.

    Args:
        image: a loaded image; one of a TIFF is upright already.
        rawmode: how Pillow read it.
        orientation: that of the file.
        load_as: loads the file again with another raw mode.
    """
    remarks: list[Remark] = []
    if _is_deep_grey(image):
        values = _numbers(image)
        largest, shown = float(values.max(initial=0)), main_range(values)[1]
        remarks += [Remark.OUTLIERS] if 0 < shown < largest else []
        picture = _greys(values, shown if shown > 0 else largest).convert("RGB")
    else:
        deep = _deep_colours(image, rawmode, load_as)
        remarks += [Remark.FEWER_BITS] if deep else []
        picture = deep or image
        if _has_alpha(picture):
            rgba = picture.convert("RGBA")
            opaque = rgba.convert("RGB")
            unseen = rgba.getchannel("A").getextrema()[1] <= _TRANSPARENT and _is_not_flat(opaque)  # type: ignore[operator]
            remarks += [Remark.TRANSPARENT] if unseen else []
            picture = opaque if unseen else _on_black(rgba)
        is_ready = picture.mode == "RGB" and not isinstance(picture, ImageFile.ImageFile)  # whose file stays in memory
        picture = picture if is_ready else picture.convert("RGB")  # copies an RGB picture, too
    if orientation != 1:
        remarks.insert(0, Remark.TURNED)
    lies = orientation != 1 and image.format != "TIFF"
    plain = not lies and not {Remark.OUTLIERS, Remark.FEWER_BITS, Remark.TRANSPARENT} & set(remarks)
    if _is_not_square(image):
        remarks.append(Remark.DENSITY_IGNORED)
    return Decoded(turned(picture, orientation) if lies else picture, tuple(remarks), orientation, plain)


def _is_deep_grey(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _numbers(image: Image.Image) -> npt.NDArray[Any]:
    """The values of deep grey: 16 unsigned bits, 32 signed ones, or floating-point numbers, which are all finite."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        return values if np.isfinite(values).all() else np.nan_to_num(values, posinf=0)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _greys(values: npt.NDArray[Any], white: float) -> Image.Image:
    """8-bit greys: 0 and less is black, `white` and more is white."""
    if values.dtype == np.uint16:  # computed once for every value, which takes an eighth of the time
        return Image.fromarray(_levels(np.arange(2**16, dtype=np.float64), white)[values])
    greys = np.empty(values.shape, np.uint8)
    height = max(1, _AT_ONCE // max(1, values.shape[1]))
    for top in range(0, len(values), height):
        rows = slice(top, top + height)
        greys[rows] = _levels(values[rows].astype(np.float64), white)
    return Image.fromarray(greys)


def _levels(values: npt.NDArray[np.float64], white: float) -> npt.NDArray[np.uint8]:
    values /= white or 1.0
    values *= 255
    return values.clip(0, 255, out=values).astype(np.uint8)


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.mode or "transparency" in image.info


def _on_black(rgba: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba)


def _is_not_flat(picture: Image.Image) -> bool:
    return any(low != high for low, high in picture.getextrema())  # type: ignore[misc]


def _deep_colours(image: Image.Image, rawmode: str, load_as: Callable[[str], Image.Image]) -> Image.Image | None:
    """An image of 16-bit channels that use only 14 bits or fewer, as 8-bit channels; None for all others.

    Pillow keeps the upper byte of each value, which would be nearly black. Read as if its bytes had the other order,
    the file gives the lower ones.
    """
    name, _, depth = rawmode.partition(";")
    if depth not in _OTHER_ORDER or image.mode not in ("RGB", "RGBA"):
        return None
    upper: npt.NDArray[Any] = np.asarray(image)
    if main_range(upper[..., :3])[1] >= 1 << 6:
        return None
    if name == "LA":  # four bytes: both of grey, both of alpha
        lower = np.asarray(load_as("RGBA"))[..., [1, 1, 1, 3]]
    else:
        lower = np.asarray(load_as(f"{name};{_OTHER_ORDER[depth]}"))
    values = upper.astype(np.uint16) << 8 | lower
    largest = main_range(values[..., :3])[1]
    if not largest:
        return None
    channels = [_to_bytes(values[..., :3], bits_used(largest))]
    if image.mode == "RGBA":
        channels.append(_to_bytes(values[..., 3:], bits_used(float(values[..., 3].max()))))
    return Image.fromarray(np.concatenate(channels, axis=-1))


def _to_bytes(values: npt.NDArray[np.uint16], bits: int) -> npt.NDArray[np.uint8]:
    return (values >> (bits - 8)).clip(max=255).astype(np.uint8)


def _is_not_square(image: Image.Image) -> bool:
    """True if the file says, believably, that its pixels are not square. Image viewers show them as squares, so do we:
    many programs write a resolution that means nothing."""
    about = image.info
    densities = about.get("aspect") or about.get("jfif_density") or about.get("resolution") or about.get("dpi")
    try:
        across, down = (float(density) for density in densities)  # type: ignore[union-attr]
        ratio = max(across / down, down / across)
    except (TypeError, ValueError, ArithmeticError):
        return False
    return 1 + _SQUARE < ratio <= _MOST
