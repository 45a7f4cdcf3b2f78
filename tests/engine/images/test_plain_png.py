"""Plain PNG pictures have the same pixels as Pillow gives them; all others are left to Pillow."""

import io
import random

import numpy as np
import pytest
from fuzz_formats import KNOWING
from fuzz_mutations import BLIND
from PIL import Image, ImageFile, PngImagePlugin

from busapp.engine.images.plain_png import plain_pixels

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (37, 53), np.uint8)
RGB = RNG.integers(0, 256, (37, 53, 3), np.uint8)
SMOOTH = np.add.outer(np.arange(64), np.arange(90)).astype(np.uint8)  # uses other filters than noise


def png(picture: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    return stream.getvalue()


def opened(content: bytes) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(content), formats=("PNG",))


@pytest.mark.parametrize("values", [GREY, RGB, SMOOTH, RGB[:1]])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_pixels_are_those_of_pillow(values: np.ndarray, level: int) -> None:
    content = png(Image.fromarray(values), compress_level=level, dpi=(72, 72))
    read = plain_pixels(opened(content), content)
    assert read is not None and read.mode == ("L" if values.ndim == 2 else "RGB")
    np.testing.assert_array_equal(np.asarray(read), values)
    assert read.info["dpi"] == pytest.approx((72, 72), abs=0.1)


def test_pictures_that_are_not_plain_are_left_to_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "exif\n 0\n")
    picture = Image.fromarray(RGB)
    others = [
        png(picture, exif=exif),
        png(picture, pnginfo=text),
        png(picture, transparency=(1, 2, 3)),
        png(picture.convert("RGBA")),
        png(picture.convert("P")),
        png(picture.convert("1")),
        png(Image.fromarray(GREY.astype(np.uint16) * 257)),
        png(picture, save_all=True, append_images=[picture.rotate(180)]),
        png(Image.new("L", (1025, 1024))),
    ]
    for content in others:
        assert plain_pixels(opened(content), content) is None
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG")
    assert plain_pixels(Image.open(jpeg), jpeg.getvalue()) is None


def test_a_file_that_was_cut_short_is_left_to_pillow() -> None:
    content = png(Image.fromarray(RGB))[:-200]
    assert plain_pixels(opened(content), content) is None


def test_damaged_files_never_get_other_pixels() -> None:
    rng = random.Random(3)
    seeds = [png(Image.fromarray(values)) for values in (GREY, RGB, SMOOTH)]
    compared = 0
    for number in range(1500):
        content = rng.choice((*BLIND, *KNOWING["png"]))(seeds[number % 3], rng)
        try:
            image = opened(content)
            read = plain_pixels(image, content)
        except Exception:
            continue
        if read is None:
            continue
        try:
            image.load()
        except OSError:  # it checks another sum
            continue
        np.testing.assert_array_equal(np.asarray(read), np.asarray(image))
        compared += 1
    assert compared > 5
