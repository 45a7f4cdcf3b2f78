"""What is in a DICOM file is seen: through windows, beside padding, under hot pixels, wherever its bits stand."""

import io
from typing import Any

import numpy as np
import pytest
from dicom_reading import frames_of, grey_of, pixels_of
from dicom_samples import dicom_bytes
from PIL import Image
from pydicom import dcmread, uid

from busapp.engine.images.remarks import Remark

_random = np.random.default_rng(2)
SPECKLE = _random.gamma(2.0, 32.0, (1, 80, 90)).clip(0, 255).astype(np.uint8)
DEEP = SPECKLE.astype(np.uint16) * 16


def remarks_of(content: bytes) -> tuple[Remark, ...]:
    return frames_of(content)[0].remarks


def greys(content: bytes) -> np.ndarray:
    return grey_of(content).astype(int)


# -- windows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("centre", "width"),
    [(500, 2000), (1500, 300), (0, 1), (2048, 4096), (-600, 1500), (32768, 65536), (512, 1024), (127, 8), (-50, 10)],
)
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_that_hides_the_picture_is_ignored(centre: float, width: float, function: str) -> None:
    content = dicom_bytes(SPECKLE, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
    assert np.array_equal(greys(content), SPECKLE[0])
    assert remarks_of(content) == (Remark.WINDOW_IGNORED,)


@pytest.mark.parametrize(("centre", "width"), [(127.5, 255), (128, 256), (100, 200), (40, 80), (60, 400)])
def test_a_window_that_shows_the_picture_is_applied(centre: float, width: float) -> None:
    content = dicom_bytes(SPECKLE, WindowCenter=centre, WindowWidth=width)
    expected = ((SPECKLE[0] - (centre - 0.5)) / (width - 1) + 0.5).clip(0, 1) * 255
    assert np.abs(greys(content) - expected).max() <= 0.51 and not remarks_of(content)


def test_the_first_window_that_shows_something_is_taken() -> None:
    content = dicom_bytes(SPECKLE, WindowCenter=[1500, 100], WindowWidth=[300, 200])
    assert np.array_equal(greys(content), greys(dicom_bytes(SPECKLE, WindowCenter=100, WindowWidth=200)))
    assert not remarks_of(content)


def test_deep_values_behind_a_useless_window_get_their_full_contrast() -> None:
    content = dicom_bytes(DEEP, BitsStored=12, HighBit=11, WindowCenter=40, WindowWidth=80)
    assert np.array_equal(greys(content), greys(dicom_bytes(DEEP, BitsStored=12, HighBit=11)))
    assert remarks_of(content) == (Remark.WINDOW_IGNORED,)


def test_a_dark_picture_stays_dark_in_a_window_for_all_its_values() -> None:
    content = dicom_bytes(DEEP // 20, BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=4096)
    assert greys(content).max() < 20 and not remarks_of(content)


def test_a_flat_picture_is_no_reason_to_ignore_a_window() -> None:
    content = dicom_bytes(np.full((1, 20, 20), 77, np.uint8), WindowCenter=40, WindowWidth=80)
    assert greys(content).min() == 249 and not remarks_of(content)


# -- padding and hot pixels --------------------------------------------------------------------------------


def padded(value: int, dtype: type = np.int16) -> np.ndarray:
    pixels = SPECKLE.astype(dtype) * 8
    pixels[:, :, :30] = value
    return pixels


@pytest.mark.parametrize(
    "elements",
    [
        {"PixelPaddingValue": -2000},
        {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -2100},
        {"PixelPaddingValue": -2100, "PixelPaddingRangeLimit": -1900},
        {"PixelPaddingValue": -2000, "syntax": uid.ImplicitVRLittleEndian},
        {"PixelPaddingValue": -2000, "syntax": uid.ExplicitVRBigEndian},
    ],
    ids=repr,
)
def test_padding_is_black_and_takes_no_contrast(elements: dict[str, Any]) -> None:
    content = dicom_bytes(padded(-2000), **elements)
    shown = greys(content)
    assert shown[:, :30].max() == 0 and shown[:, 30:].max() == 255
    assert np.array_equal(shown[:, 30:], greys(dicom_bytes(np.ascontiguousarray(padded(0)[:, :, 30:]))))
    assert remarks_of(content) == (Remark.PADDING,)


def test_padding_beyond_the_brightest_is_black_too() -> None:
    for colours in ("MONOCHROME1", "MONOCHROME2"):
        content = dicom_bytes(padded(65535, np.uint16), PixelPaddingValue=65535, PhotometricInterpretation=colours)
        shown = greys(content)
        assert shown[:, :30].max() == 0 and shown[:, 30:].max() == 255


def test_a_padding_value_that_the_picture_has_itself_is_none() -> None:
    pixels = DEEP + 100
    content = dicom_bytes(pixels, PixelPaddingValue=int(pixels[0, 5, 5]))
    assert np.array_equal(greys(content), greys(dicom_bytes(pixels))) and not remarks_of(content)


def test_a_picture_that_is_only_padding_is_read() -> None:
    assert greys(dicom_bytes(np.full((1, 20, 20), 9, np.int16), PixelPaddingValue=9)).max() == 0


@pytest.mark.parametrize(("value", "dtype"), [(65535, np.uint16), (-32768, np.int16), (32767, np.int16)])
def test_a_hot_or_dead_pixel_takes_no_contrast(value: int, dtype: type) -> None:
    pixels = DEEP.astype(dtype)
    pixels[0, 0, 0] = value
    content = dicom_bytes(pixels)
    assert np.abs(greys(content) - greys(dicom_bytes(DEEP)))[1:].max() <= 1
    assert remarks_of(content) == (Remark.OUTLIERS,)


# -- bits --------------------------------------------------------------------------------------------------


def run_length(content: bytes) -> bytes:
    """The same file with run lengths."""
    dataset, stream = dcmread(io.BytesIO(content)), io.BytesIO()
    dataset.compress(uid.RLELossless, generate_instance_uid=False)
    dataset.save_as(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    "syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, "RLE"]
)
@pytest.mark.parametrize("signed", [False, True])
def test_values_in_the_upper_bits_are_seen(syntax: str, signed: bool) -> None:
    values = DEEP.astype(np.int16) - 2048 if signed else DEEP
    native = uid.ExplicitVRLittleEndian if syntax == "RLE" else syntax
    about = {"BitsStored": 12, "PixelRepresentation": int(signed)}
    left = dicom_bytes((values << 4).astype(values.dtype), syntax=native, HighBit=15, **about)
    left = run_length(left) if syntax == "RLE" else left
    right = dicom_bytes(DEEP, BitsStored=12, HighBit=11)
    assert np.array_equal(greys(left), greys(right))
    assert remarks_of(left) == (Remark.HIGH_BITS,)


@pytest.mark.parametrize("high_bit", [15, 3, 40, 13])
def test_a_place_of_the_bits_that_cannot_be_right_is_ignored(high_bit: int) -> None:
    content = dicom_bytes(DEEP, BitsStored=12, HighBit=high_bit)
    assert np.array_equal(greys(content), greys(dicom_bytes(DEEP, BitsStored=12, HighBit=11)))
    assert remarks_of(content) == (Remark.HIGH_BIT_IGNORED,)


@pytest.mark.parametrize("wrap", [bytes, run_length])
def test_overlays_in_unused_bits_are_not_seen(wrap: Any) -> None:
    over = DEEP.copy()
    over[:, 20:40, 20:40] |= 0x3000
    content = wrap(dicom_bytes(over, BitsStored=12, HighBit=11))
    assert np.array_equal(greys(content), greys(dicom_bytes(DEEP, BitsStored=12, HighBit=11)))
    assert not remarks_of(content)


@pytest.mark.parametrize("bits", [12, 10, 8])
def test_colours_of_fewer_bits_than_declared_are_not_black(bits: int) -> None:
    values = np.stack([SPECKLE, SPECKLE // 2, SPECKLE // 3], axis=-1).astype(np.uint16)
    content = dicom_bytes(values << (bits - 8))
    assert np.array_equal(pixels_of(content), values)
    assert remarks_of(content) == (Remark.FEWER_BITS,)
    assert not remarks_of(dicom_bytes(values << 8))


# -- colours of a JPEG -------------------------------------------------------------------------------------


def rgb_jpeg(colour: int, marker: bytes) -> bytes:
    """A JPEG of one grey, whose channels are red, green and blue, and which only `marker` could say."""
    plane = Image.new("L", (16, 16), colour)
    stream = io.BytesIO()
    Image.merge("YCbCr", [plane] * 3).save(stream, "JPEG", quality=100, subsampling=0)
    jpeg = stream.getvalue()
    return jpeg[:2] + marker + jpeg[4 + int.from_bytes(jpeg[4:6], "big") :]  # without that of JFIF


@pytest.mark.parametrize("marker", [b"", b"\xff\xee\0\x0cAdobe\0\x64\0\0\0", b"\xff\xe0\0\x0bJFIF\0\1\1\0\0"])
def test_a_marker_that_libjpeg_ignores_does_not_say_the_colours(marker: bytes) -> None:
    grey = np.full((1, 16, 16, 3), 200, np.uint8)
    content = dicom_bytes(grey, syntax=uid.JPEGBaseline8Bit, frames=[rgb_jpeg(200, marker)])
    assert np.abs(pixels_of(content).astype(int) - 200).max() <= 2


def test_channels_named_r_g_and_b_are_those() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 90, 40)).save(stream, "JPEG", quality=100, subsampling=0, keep_rgb=True)
    jpeg = stream.getvalue()
    if b"Adobe" in jpeg:
        jpeg = jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6], "big") :]
    assert b"JFIF" not in jpeg and b"Adobe" not in jpeg
    content = dicom_bytes(np.zeros((1, 16, 16, 3), np.uint8), syntax=uid.JPEGBaseline8Bit, frames=[jpeg])
    assert np.abs(pixels_of(content).astype(int) - (200, 90, 40)).max() <= 2
