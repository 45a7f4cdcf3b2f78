"""Every kind of picture file becomes the same kind of pixels, or is refused with a message."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from fuzz_bombs import jpeg_of_many_scans
from PIL import Image

from busapp.engine.images import preprocessing
from busapp.engine.images.equalisation import equalise
from busapp.engine.images.preprocessing import (
    Preprocessing,
    decode,
    normalise,
    read_content,
    read_image,
    size_of,
)
from busapp.errors import UnreadableImage

RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def pixels_of(content: bytes) -> np.ndarray:
    image = decode(content, file="a.png")
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_eight_bit_pictures_are_unchanged(mode: str, format: str) -> None:
    pixels = pixels_of(encoded(Image.fromarray(RAMP).convert(mode), format))
    np.testing.assert_array_equal(pixels, np.repeat(RAMP[:, :, None], 3, axis=2))


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_by_the_largest_value(format: str) -> None:
    pixels = pixels_of(encoded(Image.fromarray(RAMP.astype(np.uint16) * 16), format))  # 12 of 16 bits, as scanners do
    np.testing.assert_allclose(pixels[:, :, 0], RAMP, atol=1)


def test_floating_point_with_negative_and_missing_values() -> None:
    values = RAMP.astype(np.float32) / 255 - 0.5
    values[0, :4] = [np.nan, np.inf, -np.inf, 0.25]
    pixels = pixels_of(encoded(Image.fromarray(values), "TIFF"))
    assert pixels[0, :4, 0].tolist() == [0, 0, 0, 127]
    assert pixels[1, :32].max() == 0 and pixels.max() == 255


def test_black_sixteen_bits_stay_black() -> None:
    assert pixels_of(encoded(Image.fromarray(np.zeros((8, 8), np.uint16)))).max() == 0


def test_cmyk_comes_as_rgb() -> None:
    pixels = pixels_of(encoded(Image.fromarray(RAMP).convert("RGB").convert("CMYK"), "JPEG", quality=95))
    np.testing.assert_allclose(pixels[:, :, 1].astype(int), RAMP, atol=6)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_black(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (200, 200, 200, 255))
    image.paste((255, 255, 255, 0), (0, 0, 4, 8))
    pixels = pixels_of(encoded(image.convert(mode)))
    assert pixels[:, :4].max() == 0 and pixels[:, 4:].min() == 200


def test_a_transparent_palette_is_laid_on_black() -> None:
    image = Image.fromarray(RAMP).convert("P")
    pixels = pixels_of(encoded(image, transparency=255))
    assert pixels[:, -1].max() == 0
    assert pixels[:, 32].max() == RAMP[0, 32]


def test_one_bit_becomes_black_and_white() -> None:
    assert set(np.unique(pixels_of(encoded(Image.fromarray(RAMP > 127))))) == {0, 255}


def test_the_first_frame_of_several() -> None:
    frames = [Image.new("L", (8, 8), value) for value in (10, 200)]
    assert pixels_of(encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])).max() == 10


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF"])
def test_a_picture_cut_short_is_refused_wherever_it_is_cut(format: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64), np.uint8)
    content = encoded(Image.fromarray(noise), format)
    for part in (0.01, 0.3, 0.6, 0.9):
        with pytest.raises(UnreadableImage, match=r"a\.png"):
            decode(content[: int(len(content) * part)], file="a.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF"])
def test_damage_anywhere_gives_pixels_or_a_sentence(format: str) -> None:
    content = np.frombuffer(encoded(Image.fromarray(RAMP), format), np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(60):
        damaged = content.copy()
        damaged[rng.integers(0, len(content), 4)] = rng.integers(0, 256, 4)
        try:
            assert decode(damaged.tobytes(), file="a.png").mode == "RGB"
        except UnreadableImage as error:
            assert error.remedy


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"<svg/>"])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableImage, match="not a readable image"):
        decode(content, file="a.png")


@pytest.mark.parametrize("format", ["EPS", "GIF", "JPEG2000", "PCX", "TGA"])
def test_other_formats_are_not_opened_whatever_the_file_is_called(format: str) -> None:
    with pytest.raises(UnreadableImage, match="not a readable image"):
        decode(encoded(Image.fromarray(RAMP).convert("RGB"), format), file="a.png")


def test_a_jpeg_of_endlessly_many_scans_is_refused() -> None:
    assert decode(jpeg_of_many_scans(64, 100), file="a.jpg").size == (64, 64)
    with pytest.raises(UnreadableImage, match="more than 100 times"):
        decode(jpeg_of_many_scans(64, 101), file="a.jpg")


@pytest.mark.parametrize(
    ("format", "at", "piece"),
    [("PNG", 33, struct.pack(">L4sL", 0, b"prIv", zlib.crc32(b"prIv"))), ("JPEG", 2, b"\xff\xfe\0\x02")],
)
def test_a_picture_in_endlessly_many_pieces_is_refused(
    format: str, at: int, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(Image.fromarray(RAMP), format)
    content = content[:at] + piece * 1000 + content[at:]
    assert decode(content, file="a").size == size_of(content, file="a") == (64, 48)
    monkeypatch.setattr(preprocessing, {"PNG": "MAX_CHUNKS", "JPEG": "MAX_READS"}[format], 1000)
    for look in (decode, size_of):
        with pytest.raises(UnreadableImage, match="far too many pieces"):
            look(content, file="a")


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\0\x40IDAT"


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_a_huge_picture_is_refused_before_it_is_decoded(
    tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    path = tmp_path / "huge.png"
    path.write_bytes(png_header(side, side) + b"\0" * 100)
    with pytest.raises(UnreadableImage, match="more than 64 million"):
        read_image(path)
    with pytest.raises(UnreadableImage, match="more than 64 million"):
        size_of(path.read_bytes(), file=path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(encoded(Image.fromarray(RAMP)))
    monkeypatch.setattr(preprocessing, "MAX_BYTES", 100)
    with pytest.raises(UnreadableImage, match="larger than"):
        read_content(path)


def test_a_missing_file_and_a_folder_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(UnreadableImage, match="cannot be opened"):
            read_image(path)


def test_the_size_comes_from_the_header() -> None:
    assert size_of(encoded(Image.fromarray(RAMP))[:60], file="a.png") == (64, 48)


def test_any_aspect_becomes_a_square() -> None:
    square = Preprocessing(32).pixels(Image.new("RGB", (300, 20), (10, 20, 30)))
    assert square.shape == (32, 32, 3) and square.dtype == np.uint8
    assert square[0, 0].tolist() == [10, 20, 30]


def test_loading_several_and_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(RAMP)))
    for choice in (Preprocessing(16), Preprocessing(16, equalise=True)):
        assert choice.load([tmp_path / "a.png"] * 3).shape == (3, 16, 16, 3)
        assert choice.load([]).shape == (0, 16, 16, 3)


def tissue(size: int = 128, *, tinted: bool = False) -> Image.Image:
    """Speckle that is dim at the top and brighter at the bottom."""
    depth = np.linspace(10, 120, size)[:, None]
    grey = np.random.default_rng(0).normal(depth, 6, (size, size)).clip(0, 255)
    return Image.fromarray(
        np.stack([grey * (1.0, 0.7, 0.8)[c if tinted else 0] for c in range(3)], -1).astype(np.uint8)
    )


def test_equalising_brings_out_what_is_dim_and_keeps_grey_grey() -> None:
    before, after = np.asarray(tissue()).astype(int), np.asarray(equalise(tissue())).astype(int)
    assert after.shape == before.shape
    assert np.ptp(after, axis=2).max() == 0
    for quarter in (slice(0, 32), slice(32, 64), slice(64, 96), slice(96, 128)):
        assert after[quarter].std() > 2 * before[quarter].std()


def test_equalising_keeps_the_colour() -> None:
    before, after = (
        np.asarray(image.convert("YCbCr")) for image in (tissue(tinted=True), equalise(tissue(tinted=True)))
    )
    assert after[..., 0].std() > 1.3 * before[..., 0].std()
    np.testing.assert_allclose(after[..., 1:].mean((0, 1)), before[..., 1:].mean((0, 1)), atol=1.5)


def test_equalising_neither_invents_a_picture_nor_fails_on_a_small_one() -> None:
    for value in (0, 7, 255):
        blank = Image.new("RGB", (40, 30), (value, value, value))
        assert equalise(blank).getextrema() == blank.getextrema()
    for size in ((1, 1), (1, 300), (9, 2), (33, 31)):
        assert equalise(tissue().resize(size)).size == size


def test_equalising_comes_after_resizing() -> None:
    image = tissue(300)
    prepared = Preprocessing(64, equalise=True).pixels(image)
    plain = Preprocessing(64).pixels(image)
    np.testing.assert_array_equal(prepared, np.asarray(equalise(Image.fromarray(plain))))
    assert prepared.std() > 1.2 * plain.std()


def test_normalising_is_the_papers() -> None:
    pixels = np.array([[[[0, 128, 255]]]], np.uint8)
    normalised = normalise(pixels)
    assert normalised.shape == (1, 3, 1, 1) and normalised.dtype == np.float32
    expected = [(0 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    np.testing.assert_allclose(normalised.ravel(), expected, rtol=1e-5)
