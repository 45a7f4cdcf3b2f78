"""The flags and measures of an image follow from its known alterations."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from busapp.engine.curation.quality import FLAGS, Quality, assess_quality
from busapp.engine.images.phantoms import draw_phantom
from busapp.engine.images.preprocessing import decode


def stored(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def looked_at(image: Image.Image | bytes) -> Quality:
    content = image if isinstance(image, bytes) else stored(image)
    return assess_quality(content, decode(content, file="image.png"))


@pytest.fixture(scope="module")
def phantom() -> Image.Image:
    return Image.fromarray(draw_phantom("benign", np.random.default_rng(3), size=256)[0])


def framed(image: Image.Image, border: int, grey: int = 0) -> Image.Image:
    return ImageOps.expand(image, border, (grey, grey, grey))


def png(width: int, height: int, depth: int, colour_type: int, row: bytes) -> bytes:
    """A PNG file of a kind that Pillow cannot write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress((b"\0" + row) * height)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def test_a_phantom_has_nothing_wrong_with_it(phantom: Image.Image) -> None:
    assert looked_at(phantom).flags == []


def test_every_flag_given_is_explained(phantom: Image.Image) -> None:
    awful = Image.new("RGBA", (30, 30))
    assert set(looked_at(awful).flags) == {"blank", "channels", "tiny"} < set(FLAGS)
    assert list(FLAGS) == sorted(FLAGS)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (7, 7), (8, 8), (23, 40)])
def test_images_of_any_size_can_be_measured(size: tuple[int, int]) -> None:
    examined = looked_at(Image.new("L", size, 90))
    assert {"blank", "tiny"} <= set(examined.flags)
    assert examined.measures.brightness == 90 and examined.measures.contrast == 0


def test_a_blurred_image_and_a_tiny_one(phantom: Image.Image) -> None:
    assert looked_at(phantom.filter(ImageFilter.GaussianBlur(4))).flags == ["blur"]
    assert looked_at(phantom.crop((60, 20, 120, 200))).flags == ["tiny"]


def test_coloured_marks_are_found_and_a_tint_is_not(phantom: Image.Image) -> None:
    marked = phantom.copy()
    ImageDraw.Draw(marked).line([(10, 10), (60, 60)], fill="yellow", width=2)
    assert "colour" in looked_at(marked).flags
    tinted = ImageOps.colorize(phantom.convert("L"), "black", (255, 245, 235))
    assert looked_at(tinted).flags == []
    assert looked_at(tinted).measures.colour > looked_at(phantom).measures.colour == 0


def test_text_and_callipers_are_flagged(phantom: Image.Image) -> None:
    ImageDraw.Draw(named := phantom.copy()).text((20, 220), "Anna Muster", fill="white", font_size=13)
    assert looked_at(named).flags == ["text"]
    measured = phantom.copy()
    for x, y in ((60, 200), (120, 220)):
        ImageDraw.Draw(measured).line([(x - 4, y), (x + 4, y)], fill="white")
        ImageDraw.Draw(measured).line([(x, y - 4), (x, y + 4)], fill="white")
    assert looked_at(measured).flags == ["callipers"]


# -- channels ----------------------------------------------------------------------------------------------


def test_grey_and_rgb_files_pass(phantom: Image.Image) -> None:
    grey = phantom.convert("L")
    for content in (
        stored(grey),
        stored(grey, "JPEG", quality=95),
        stored(grey, "BMP"),
        stored(phantom, "BMP"),
        stored(phantom, "JPEG", quality=95),
        stored(phantom, "TIFF", compression="tiff_lzw"),
        stored(grey.quantize(200)),
        stored(grey.quantize(12)),
    ):
        assert "channels" not in looked_at(content).flags


def test_other_channels_and_depths_are_flagged(phantom: Image.Image) -> None:
    grey = phantom.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 256)
    see_through = phantom.quantize(100)
    for content in (
        stored(phantom.convert("RGBA")),
        stored(phantom.convert("LA")),
        stored(phantom.convert("CMYK"), "JPEG"),
        stored(deep),
        stored(deep, "TIFF"),
        stored(grey.convert("F"), "TIFF"),
        stored(grey.convert("1")),
        stored(ImageOps.colorize(grey, "black", "orange").quantize(100)),
        stored(see_through, transparency=3),
        png(80, 80, depth=16, colour_type=2, row=b"\x12\x34" * 240),
        png(80, 80, depth=4, colour_type=0, row=b"\x1f" * 40),
    ):
        assert "channels" in looked_at(content).flags


# -- measures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grey", [0, 40, 255])
def test_an_empty_frame_is_no_part_of_the_scan(phantom: Image.Image, grey: int) -> None:
    examined = looked_at(framed(phantom, 64, grey))
    assert examined.flags == ["margins"]
    assert examined.measures.coverage == pytest.approx((256 / 384) ** 2, abs=0.05)
    assert looked_at(framed(phantom, 8, grey)).flags == []


def test_text_in_the_frame_does_not_fill_it(phantom: Image.Image) -> None:
    screen = framed(phantom, 64)
    for line, left in enumerate(range(8, 330, 80)):
        ImageDraw.Draw(screen).text((left, 20 + 3 * line), "MI 1.2 TIs 0.4", fill="white", font_size=14)
        ImageDraw.Draw(screen).text((left, 350), "B 12 MHz", fill="white", font_size=14)
    assert looked_at(screen).measures.coverage == pytest.approx((256 / 384) ** 2, abs=0.08)


def test_a_sector_is_measured_by_its_own_shape(phantom: Image.Image) -> None:
    sector = Image.new("L", phantom.size, 0)
    ImageDraw.Draw(sector).polygon([(96, 0), (160, 0), (255, 255), (0, 255)], fill=255)
    scan = Image.composite(phantom, Image.new("RGB", phantom.size), sector)
    assert looked_at(scan).measures.coverage == pytest.approx(0.625, abs=0.08)


def test_a_black_lesion_belongs_to_the_scan(phantom: Image.Image) -> None:
    ImageDraw.Draw(cyst := phantom.copy()).ellipse((60, 60, 190, 190), fill="black")
    assert looked_at(cyst).measures.coverage > 0.95


def test_brightness_and_contrast_are_those_of_the_grey_values(phantom: Image.Image) -> None:
    values = np.asarray(phantom.convert("L"), np.float64)
    measures = looked_at(phantom).measures
    assert measures.brightness == pytest.approx(values.mean())
    assert measures.contrast == pytest.approx(values.std())


def test_colourfulness_of_pure_red() -> None:
    """Computed by hand: no spread; red-green 255, yellow-blue 127.5; so 0.3 times their length."""
    assert looked_at(Image.new("RGB", (80, 80), "red")).measures.colour == pytest.approx(0.3 * np.hypot(255, 127.5))


def test_entropy_of_textures_that_can_be_counted() -> None:
    assert looked_at(Image.new("L", (80, 80), 77)).measures.texture == 0
    chequers = np.indices((80, 80)).sum(axis=0) % 2 * 255
    assert looked_at(Image.fromarray(chequers.astype(np.uint8))).measures.texture == pytest.approx(1.0)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    assert looked_at(Image.fromarray(noise)).measures.texture == pytest.approx(10.0, abs=0.02)


@pytest.mark.busi
def test_flags_of_busi(busi_256: Path) -> None:
    flagged = [flag for file in sorted(busi_256.rglob("*.png"))[::4] for flag in looked_at(file.read_bytes()).flags]
    counts = {flag: flagged.count(flag) for flag in FLAGS}
    assert counts["blank"] == counts["blur"] == counts["channels"] == counts["tiny"] == 0
    assert counts["margins"] <= 2 and 1 <= counts["colour"] <= 4
    assert 15 <= counts["callipers"] <= 45 and 15 <= counts["text"] <= 50
