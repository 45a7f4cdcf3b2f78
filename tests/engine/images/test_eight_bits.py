"""Deep, transparent and oddly stored pictures show what is in them, and say what was done for that."""

import io

import numpy as np
import pytest
import tifffile
from fuzz_seeds import png
from PIL import Image

from busapp.engine.images.preprocessing import decode_stored, decoded
from busapp.engine.images.remarks import Decoded, Remark
from busapp.errors import UnreadableImage

_random = np.random.default_rng(1)
GREY = (_random.gamma(2.0, 32.0, (60, 80)).clip(0, 255) / 255 * 4000).astype(np.uint16)
COLOUR = np.stack([GREY, GREY // 2, GREY // 3], axis=-1)


def encoded(values: np.ndarray, kind: str = "PNG", mode: str | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


def tiff(values: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def deep_png(values: np.ndarray, colours: int) -> bytes:
    """A PNG of 16 bits: `colours` is 2 for RGB, 4 for grey with alpha, 6 for RGB with alpha."""
    rows = values.astype(">u2").reshape(len(values), -1)
    return png(
        values.shape[1], values.shape[0], b"".join(b"\0" + row.tobytes() for row in rows), depth=16, colours=colours
    )


def seen_in(content: bytes) -> tuple[np.ndarray, Decoded]:
    seen = decoded(content, file="a.png")
    return np.asarray(seen.picture).astype(int), seen


def hot(values: np.ndarray, count: int = 1) -> np.ndarray:
    changed = values.copy()
    changed.reshape(-1)[:: changed.size // count][:count] = np.iinfo(values.dtype).max
    return changed


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_one_hot_pixel_does_not_blacken_a_picture(kind: str) -> None:
    plain, _ = seen_in(encoded(GREY, kind))
    pixels, seen = seen_in(encoded(hot(GREY), kind))
    assert (seen.remarks, seen.plain) == ((Remark.OUTLIERS,), False)
    assert pixels[0, 0, 0] == 255
    assert np.abs(pixels - plain)[1:].max() <= 1 and plain.max() == 255


def test_a_floating_point_picture_with_a_hot_pixel_is_seen_as_well() -> None:
    values = GREY.astype(np.float32)
    values[0, 0] = 1e9
    pixels, seen = seen_in(encoded(values, "TIFF"))
    assert seen.remarks == (Remark.OUTLIERS,) and pixels[1:].max() == 255


def test_bright_marks_are_no_hot_pixels() -> None:
    pixels, seen = seen_in(encoded(hot(GREY, 40)))
    assert (seen.remarks, seen.plain) == ((), True)
    assert np.array_equal(pixels, np.asarray(decode_stored(encoded(hot(GREY, 40)), file="a")))


def test_a_single_spot_on_black_is_a_picture_and_no_hot_pixel() -> None:
    spot = np.zeros((60, 80), np.uint16)
    spot[3, 4] = 900
    pixels, seen = seen_in(encoded(spot))
    assert pixels[3, 4, 0] == 255 and not seen.remarks


@pytest.mark.parametrize("white", [255, 4095, 65535])
def test_deep_grey_without_outliers_is_shown_as_it_always_was(white: int) -> None:
    content = encoded((GREY / 4000 * white).astype(np.uint16))
    pixels, seen = seen_in(content)
    assert seen.plain and np.array_equal(pixels, np.asarray(decode_stored(content, file="a")))


@pytest.mark.parametrize(
    "make",
    [
        lambda: deep_png(COLOUR, 2),
        lambda: deep_png(np.dstack([COLOUR, np.full_like(GREY, 65535)]), 6),
        lambda: deep_png(np.dstack([COLOUR, np.full_like(GREY, 4095)]), 6),
        lambda: tiff(COLOUR, photometric="rgb"),
        lambda: tiff(COLOUR, photometric="rgb", byteorder=">"),
        lambda: tiff(COLOUR, photometric="rgb", compression="zlib", predictor=True),
        lambda: tiff(COLOUR, photometric="rgb", compression="zlib", byteorder=">"),
        lambda: deep_png(hot(COLOUR), 2),
    ],
    ids=["png", "alpha", "alpha of 12 bits", "tiff", "big-endian", "compressed", "compressed big-endian", "hot pixel"],
)
def test_twelve_bits_in_channels_of_sixteen_are_seen(make: object) -> None:
    pixels, seen = seen_in(make())  # type: ignore[operator]
    assert seen.remarks == (Remark.FEWER_BITS,) and not seen.plain
    assert np.array_equal(pixels[1:], COLOUR[1:] >> 4)


def test_twelve_bits_of_grey_with_alpha_are_seen() -> None:
    pixels, seen = seen_in(deep_png(np.dstack([GREY, np.full_like(GREY, 65535)]), 4))
    assert seen.remarks == (Remark.FEWER_BITS,)
    assert np.array_equal(pixels[..., 0], GREY >> 4)


def test_channels_that_use_all_their_bits_stay_as_they_were() -> None:
    pixels, seen = seen_in(deep_png(COLOUR * 16, 2))
    assert seen.plain and not seen.remarks and np.array_equal(pixels, COLOUR * 16 >> 8)


def test_deep_channels_one_after_the_other_are_refused_instead_of_garbled() -> None:
    with pytest.raises(UnreadableImage, match="16 bits"):
        decoded(tiff(COLOUR.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"), file="a.tif")


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_picture_that_is_transparent_everywhere_shows_its_colours(alpha: int) -> None:
    colours = (COLOUR >> 4).astype(np.uint8)
    pixels, seen = seen_in(encoded(np.dstack([colours, np.full((60, 80), alpha, np.uint8)])))
    assert (seen.remarks, seen.plain) == ((Remark.TRANSPARENT,), False)
    assert np.array_equal(pixels, colours)


def test_a_white_mask_that_is_transparent_everywhere_is_empty() -> None:
    pixels, seen = seen_in(encoded(np.dstack([np.full((60, 80, 3), 255, np.uint8), np.zeros((60, 80), np.uint8)])))
    assert pixels.max() == 0 and seen.plain


def test_parts_that_are_transparent_stay_black() -> None:
    alpha = np.full((60, 80), 255, np.uint8)
    alpha[:, :40] = 0
    pixels, seen = seen_in(encoded(np.dstack([(COLOUR >> 4).astype(np.uint8), alpha])))
    assert pixels[:, :40].max() == 0 < pixels[:, 40:].max() and not seen.remarks


@pytest.mark.parametrize(("kind", "option"), [("PNG", "dpi"), ("JPEG", "dpi"), ("TIFF", "dpi"), ("BMP", "dpi")])
def test_a_resolution_that_differs_is_said_but_stretches_nothing(kind: str, option: str) -> None:
    values = (GREY >> 4).astype(np.uint8)
    pixels, seen = seen_in(encoded(values, kind, **{option: (200, 100)}))
    assert pixels.shape == (60, 80, 3)
    assert (seen.remarks, seen.plain) == ((Remark.DENSITY_IGNORED,), True)
    for believed in ((96, 96), (300, 299), (1000, 1), (0, 100)):
        assert not seen_in(encoded(values, kind, **{option: believed}))[1].remarks
