"""Masks are read however they were drawn; pictures are not taken for masks."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from busapp.engine.images.masks import inside_of, read_mask
from busapp.errors import UnreadableImage

INSIDE = np.zeros((40, 60), bool)
INSIDE[10:30, 15:45] = True


def png(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def inside_in(content: bytes) -> npt.NDArray[np.bool_]:
    return inside_of(read_mask(content, file="m.png").picture, file="m.png")


def grey(value: int) -> Image.Image:
    return Image.fromarray(INSIDE.astype(np.uint8) * value)


def coloured(*colour: int, outside: tuple[int, ...] = (0, 0, 0)) -> Image.Image:
    return Image.fromarray(np.where(INSIDE[..., None], np.array(colour), np.array(outside)).astype(np.uint8))


def palette(*colours: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(INSIDE.astype(np.uint8)).convert("P")
    image = Image.frombytes("P", image.size, INSIDE.astype(np.uint8).tobytes())
    image.putpalette([channel for colour in colours for channel in colour])
    return image


@pytest.mark.parametrize(
    "content",
    [
        png(grey(255)),
        png(grey(1)),
        png(Image.fromarray(INSIDE)),
        png(coloured(0, 255, 0)),
        png(coloured(255, 0, 0)),
        png(coloured(0, 0, 90)),
        png(coloured(0, 0, 0, 255, outside=(0, 0, 0, 0))),
        png(coloured(255, 255, 255, 255, outside=(255, 255, 255, 0))),
        png(coloured(255, 255, 255, 255, outside=(0, 0, 0, 255))),
        png(palette((0, 0, 0), (128, 0, 0))),
        png(grey(255), "JPEG", quality=60),
        png(grey(255).resize((120, 80), Image.Resampling.BICUBIC).resize((60, 40), Image.Resampling.BICUBIC)),
        png(grey(255), "TIFF"),
        png(grey(200), "BMP"),
    ],
)
def test_the_inside_is_found(content: bytes) -> None:
    np.testing.assert_array_equal(inside_in(content), INSIDE)


def test_all_labels_are_inside() -> None:
    labels = INSIDE.astype(np.uint8)
    labels[10:15, 15:45] = 3
    np.testing.assert_array_equal(inside_in(png(Image.fromarray(labels))), INSIDE)
    two_colours = np.zeros((40, 60, 3), np.uint8)
    two_colours[10:30, 15:30, 1] = two_colours[10:30, 30:45, 0] = 255
    np.testing.assert_array_equal(inside_in(png(Image.fromarray(two_colours))), INSIDE)


@pytest.mark.parametrize("image", [grey(0), Image.new("1", (60, 40)), Image.new("RGBA", (60, 40)), coloured(0, 0, 0)])
def test_an_empty_mask_is_empty(image: Image.Image) -> None:
    inside = inside_in(png(image))
    assert inside.shape == (40, 60) and not inside.any()


def test_a_picture_is_no_mask() -> None:
    speckle = np.random.default_rng(0).rayleigh(40, (40, 60)).clip(0, 255).astype(np.uint8)
    cut_out = np.where(INSIDE, speckle, 0).astype(np.uint8)
    for values in (speckle, cut_out):
        with pytest.raises(UnreadableImage, match="shows a picture"):
            inside_in(png(Image.fromarray(values)))


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(UnreadableImage, match="not a readable image"):
        inside_in(b"no mask")
