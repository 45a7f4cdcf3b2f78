"""The preparation of an image in words and numbers, for a developer who must write it again."""

from typing import Any, Final

from busapp.engine.images.equalisation import CLIP_LIMIT, TILES
from busapp.engine.images.framing import resized
from busapp.engine.images.preprocessing import Preprocessing
from busapp.engine.images.segmentation import WINDOW

_DECODE: Final = (
    "Decode the image to 8-bit RGB (grey: the same value three times). Remove frames, rulers and text of the scanner "
    "if the training images had none. "
)
_STRETCH: Final = "Resize it to {size}×{size}, whatever its aspect ratio, "
_CENTRE: Final = (
    "Resize it so that its shorter side has {short} pixels and its aspect ratio stays (round the longer side to whole "
    "pixels), and take the central {size}×{size} pixels: begin at column (width - {size}) // 2 and row "
    "(height - {size}) // 2, counted from 0 and rounded down. Resize "
)
_FILTER: Final = (
    "with bilinear interpolation **and antialiasing**: each new pixel is a mean over all old pixels that it covers, "
    "weighted by a triangle (Pillow's `BILINEAR`, `antialias=True` in TensorFlow and torch). Plain bilinear sampling, "
    "as in Android's `createScaledBitmap` or OpenCV's `INTER_LINEAR`, gives different pixels for large images, and "
    "different answers."
)
_DENOISE: Final = (
    "Then remove noise with a Wiener filter, as in the training images. Convert to YCbCr (JFIF). In each window of "
    "{window}×{window} pixels of Y, compute the mean m and the variance v (the mean of the squares minus the square of "
    "the mean); continue the image at its border by its mirror image, the border pixel included. The noise n is the "
    "mean of all v. The new Y is m + (Y - m) (v - n) / v where v is larger than n, else m, rounded to a whole number. "
    "Convert back to RGB. Away from the border, `scipy.signal.wiener(Y, {window}, n)` gives the same. Without this "
    "step the answers are worthless."
)
_EQUALISE: Final = (
    "Then equalise the contrast, as in the training images (CLAHE). Convert to YCbCr (JFIF) and stretch Y to 0…255. "
    "Divide it into {tiles}×{tiles} tiles of {tile} pixels a side. Count 256 grey levels in each tile, clip each count "
    "to {clip:g} of the tile's pixels, and spread the excess evenly over all levels. Map Y by the cumulative counts, "
    "with bilinear interpolation between tiles, and convert back to RGB. An image of one grey level stays as it is. "
    "The reference is `skimage.exposure.equalize_adapthist(Y, kernel_size={tile}, clip_limit={clip:g})`. Without "
    "this step the answers are worthless."
)
_SEGMENT: Final = (
    "Then make the darker part of the image black, as in the training images (Kapur's entropy). Count the 256 levels "
    "of Y (YCbCr, JFIF). For each level t, the levels 0…t are one part and t+1…255 the other. The entropy of a part is "
    "the sum of -p log(p) over its levels, with p the level's share of the part's pixels. Take the t for which the sum "
    "of both entropies is largest; of equally good ones the lowest; both parts must have pixels. Set R, G and B to 0 "
    "wherever Y is at most t, and leave the other pixels as they are. An image of one grey level stays as it is. "
    "Without this step the answers are worthless. A few pixels near the threshold may fall on its other side."
)
CENTRE_OF_MAP: Final = (
    " The prepared image is only the central square of the picture: lay the map over that square, and nothing over the "
    "rest, which the model does not see. In a picture whose shorter side has s pixels, the square is about "
    "s × {size}/{short} pixels wide and high."
)


def steps_in_words(preparing: Preprocessing) -> list[str]:
    """A paragraph for each step, in their order."""
    size = preparing.size
    centre = preparing.framing == "centre"
    frame = _CENTRE.format(size=size, short=short_side(size)) if centre else _STRETCH.format(size=size)
    return [
        f"{_DECODE}{frame}{_FILTER}",
        *([_DENOISE.format(window=WINDOW)] if preparing.denoise else []),
        *([_EQUALISE.format(tiles=TILES, tile=_tile(size), clip=CLIP_LIMIT)] if preparing.equalise else []),
        *([_SEGMENT] if preparing.segment else []),
    ]


def steps_in_numbers(preparing: Preprocessing) -> dict[str, Any]:
    """The same for a program; a step that is not taken is None."""
    return {
        "resize": _resize(preparing),
        "denoise": _DENOISING if preparing.denoise else None,
        "equalise": _equalisation(preparing.size) if preparing.equalise else None,
        "segment": _SEGMENTATION if preparing.segment else None,
        "order": ["resize", "denoise", "equalise", "segment"],
    }


def short_side(size: int) -> int:
    """Pixels of the shorter side of a picture before its central square of `size` pixels is taken."""
    return min(resized((size, size), size))


def _tile(size: int) -> int:
    return max(1, size // TILES)


def _resize(preparing: Preprocessing) -> dict[str, Any]:
    filtering = {"filter": "bilinear", "antialiasing": True}
    if preparing.framing == "stretch":
        return {
            **filtering,
            "keep_aspect_ratio": False,
            "reference": "Pillow: Image.convert('RGB').resize((width, height), Image.Resampling.BILINEAR)",
        }
    return {
        **filtering,
        "keep_aspect_ratio": True,
        "shorter_side": short_side(preparing.size),
        "then_crop": "the central width × height pixels, from (resized width - width) // 2 and "
        "(resized height - height) // 2 on",
        "reference": "Pillow: Image.convert('RGB').resize((resized width, resized height), "
        "Image.Resampling.BILINEAR).crop((left, top, left + width, top + height))",
    }


_DENOISING: Final = {
    "method": "Wiener filter (local mean and variance) after resizing",
    "channel": "Y of YCbCr (JFIF); Cb and Cr stay as they are",
    "window_pixels": WINDOW,
    "noise": "the mean of the variances of all windows",
    "border": "mirror image, the border pixel included (numpy.pad mode 'symmetric')",
    "reference": "away from the border: scipy.signal.wiener(Y, window_pixels, noise)",
}
_SEGMENTATION: Final = {
    "method": "Kapur's maximum-entropy threshold, as the last step before the model",
    "channel": "Y of YCbCr (JFIF)",
    "levels": 256,
    "thresholds": 1,
    "black": "R, G and B are 0 wherever Y is at most the threshold; the other pixels stay",
    "leave_images_of_one_grey_level": True,
}


def _equalisation(size: int) -> dict[str, Any]:
    return {
        "method": "CLAHE (contrast-limited adaptive histogram equalisation) after resizing, before the model",
        "channel": "Y of YCbCr (JFIF); Cb and Cr stay as they are",
        "stretch_channel_to_0_255_first": True,
        "tiles_each_side": TILES,
        "tile_pixels": _tile(size),
        "clip_limit": CLIP_LIMIT,
        "clip_limit_is": "share of a tile's pixels that one of 256 grey levels may hold",
        "levels": 256,
        "leave_images_of_one_grey_level": True,
        "reference": "scikit-image: skimage.exposure.equalize_adapthist(Y, kernel_size=tile_pixels, clip_limit)",
    }
