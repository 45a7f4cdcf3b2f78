"""Pixels of DICOM files: every syntax, every colour space and every shade of grey comes out as 8-bit RGB."""

import base64
import io
import struct
from collections.abc import Callable

import jpeg_ls
import numpy as np
import pydicom
import pytest
from dicom_reading import COLOUR, GREY, as_rgb, grey_of, pixels_of
from dicom_samples import dicom_bytes, encoded, lossless_jpeg, palette, segmented
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from busapp.engine.images.dicom.reading import read_header

Encoder = Callable[[np.ndarray], bytes]


def near_lossless(frame: np.ndarray) -> bytes:
    return bytes(jpeg_ls.encode_array(frame, lossy_error=2))


def jpeg_ls_by_plane(frame: np.ndarray) -> bytes:
    return bytes(jpeg_ls.encode_array(frame.transpose(2, 0, 1) if frame.ndim == 3 else frame, interleave_mode=0))


# -- syntaxes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize(
    ("syntax", "encode", "tolerance"),
    [
        (uid.ImplicitVRLittleEndian, None, 0),
        (uid.ExplicitVRLittleEndian, None, 0),
        (uid.ExplicitVRBigEndian, None, 0),
        (uid.DeflatedExplicitVRLittleEndian, None, 0),
        (uid.JPEGLossless, lossless_jpeg, 0),
        (uid.JPEGLosslessSV1, lossless_jpeg, 0),
        (uid.JPEGLSLossless, lambda frame: bytes(jpeg_ls.encode_array(frame)), 0),
        (uid.JPEGLSLossless, jpeg_ls_by_plane, 0),
        (uid.JPEGLSNearLossless, near_lossless, 2),
        (uid.JPEG2000Lossless, lambda frame: encoded(frame, "JPEG2000", no_jp2=True), 0),
        (uid.JPEG2000Lossless, lambda frame: encoded(frame, "JPEG2000"), 0),
        (
            uid.JPEG2000,
            lambda frame: encoded(frame, "JPEG2000", irreversible=True, quality_mode="dB", quality_layers=[50]),
            6,
        ),
        (uid.JPEGBaseline8Bit, lambda frame: encoded(frame, "JPEG", quality=97, subsampling=0), 8),
        (uid.JPEGExtended12Bit, lambda frame: encoded(frame, "JPEG", quality=97, subsampling=0), 8),
    ],
)
def test_every_syntax_gives_back_the_pixels(
    syntax: str, encode: Encoder | None, tolerance: int, pixels: np.ndarray
) -> None:
    encoded_frames = [encode(frame) for frame in pixels] if encode else None
    content = dicom_bytes(pixels, syntax=syntax, frames=encoded_frames)
    assert read_header(content, "picture.dcm").frames == 3
    decoded = pixels_of(content)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - as_rgb(pixels)).max() <= tolerance


@pytest.mark.parametrize("pixels", [GREY, COLOUR, GREY.astype(np.uint16) * 257, GREY.astype(np.int16) * 128])
def test_run_lengths_give_back_the_pixels(pixels: np.ndarray) -> None:
    window = {
        np.dtype(np.uint8): {},
        np.dtype(np.uint16): {"WindowCenter": "32768", "WindowWidth": "65536"},
        np.dtype(np.int16): {"WindowCenter": "16320.5", "WindowWidth": "32641"},
    }[pixels.dtype]
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(pixels, **window)))
    dataset.compress(uid.RLELossless)
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert (pixels_of(stream.getvalue()) == as_rgb(GREY if pixels.ndim == 3 else COLOUR)).all()


def test_big_endian_bytes_in_words_are_swapped_back() -> None:
    swapped = np.frombuffer(GREY.tobytes() + b"\0", np.uint16).byteswap().tobytes()
    dataset_bytes = dicom_bytes(GREY, syntax=uid.ExplicitVRBigEndian, PixelData=swapped)
    at = dataset_bytes.rindex(struct.pack(">HH", 0x7FE0, 0x0010) + b"OB")
    content = dataset_bytes[: at + 4] + b"OW" + dataset_bytes[at + 6 :]
    assert (pixels_of(content) == as_rgb(GREY)).all()


def test_planes_of_colour_may_follow_each_other() -> None:
    assert (pixels_of(dicom_bytes(COLOUR, PlanarConfiguration=1)) == COLOUR).all()


def test_frames_may_come_in_pieces_with_or_without_a_table_of_offsets() -> None:
    frames = [encoded(frame, "JPEG2000", no_jp2=True) for frame in GREY]
    halves = [half for frame in frames for half in (frame[:60], frame[60:])]
    for pixel_data in (encapsulate(halves, has_bot=False), encapsulate(frames, fragments_per_frame=2)):
        content = dicom_bytes(GREY, syntax=uid.JPEG2000Lossless, frames=frames, PixelData=pixel_data)
        assert (pixels_of(content) == as_rgb(GREY)).all()


# -- colours ---------------------------------------------------------------------------------------------


def test_monochrome1_is_turned_round() -> None:
    assert (grey_of(dicom_bytes(GREY, PhotometricInterpretation="MONOCHROME1")) == 255 - GREY[0]).all()


def in_ybr(rgb: np.ndarray) -> np.ndarray:
    """YBR_FULL as the standard defines it (PS3.3, C.7.6.3.1.2)."""
    to_ybr = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    return np.rint(rgb @ to_ybr.T + [0, 128, 128]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("planar", [0, 1])
def test_ybr_full_becomes_rgb(planar: int) -> None:
    ybr = in_ybr(COLOUR)
    content = dicom_bytes(ybr, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=planar)
    assert np.abs(pixels_of(content).astype(int) - COLOUR).max() <= 2


def test_ybr_full_422_becomes_rgb() -> None:
    wide = np.repeat(COLOUR[:, :, :15], 2, axis=2)  # pairs of one colour each, so that nothing is lost
    ybr = in_ybr(wide)
    packed = np.stack([ybr[:, :, ::2, 0], ybr[:, :, 1::2, 0], ybr[:, :, ::2, 1], ybr[:, :, ::2, 2]], axis=-1)
    content = dicom_bytes(ybr, PhotometricInterpretation="YBR_FULL_422", PixelData=packed.tobytes())
    assert np.abs(pixels_of(content).astype(int) - wide).max() <= 2
    content = dicom_bytes(ybr, PhotometricInterpretation="YBR_FULL_422")  # although every sample is stored
    assert np.abs(pixels_of(content).astype(int) - wide).max() <= 2


@pytest.mark.parametrize("named", ["YBR_RCT", "RGB"])
def test_jpeg_2000_is_rgb_whatever_it_was_inside(named: str) -> None:
    frames = [encoded(frame, "JPEG2000", no_jp2=True, mct=1) for frame in COLOUR]
    content = dicom_bytes(COLOUR, syntax=uid.JPEG2000Lossless, frames=frames, PhotometricInterpretation=named)
    assert (pixels_of(content) == COLOUR).all()


def without_jfif(jpeg: bytes) -> bytes:
    assert jpeg[2:4] == b"\xff\xe0"
    return jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6], "big") :]


def with_adobe_marker(jpeg: bytes, transform: int) -> bytes:
    return jpeg[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform]) + without_jfif(jpeg)[2:]


@pytest.mark.parametrize("named", ["RGB", "YBR_FULL_422"])
def test_the_markers_of_a_jpeg_say_whether_it_is_ybr(named: str) -> None:
    for mark in (lambda jpeg: jpeg, lambda jpeg: with_adobe_marker(jpeg, 1)):
        frames = [mark(encoded(frame, "JPEG", quality=97, subsampling=0)) for frame in COLOUR]
        content = dicom_bytes(COLOUR, syntax=uid.JPEGBaseline8Bit, frames=frames, PhotometricInterpretation=named)
        assert np.abs(pixels_of(content).astype(int) - COLOUR).max() <= 8


def test_a_jpeg_without_markers_is_what_the_file_says() -> None:
    ybr = [encoded(frame, "JPEG", quality=97, subsampling=0) for frame in COLOUR]
    content = dicom_bytes(
        COLOUR,
        syntax=uid.JPEGBaseline8Bit,
        frames=[without_jfif(jpeg) for jpeg in ybr],
        PhotometricInterpretation="YBR_FULL",
    )
    assert np.abs(pixels_of(content).astype(int) - COLOUR).max() <= 8
    # The three planes unchanged: Pillow writes them like this if it takes them for YCbCr already.
    rgb = [encoded_planes(frame) for frame in COLOUR]
    content = dicom_bytes(COLOUR, syntax=uid.JPEGBaseline8Bit, frames=[without_jfif(jpeg) for jpeg in rgb])
    assert np.abs(pixels_of(content).astype(int) - COLOUR).max() <= 8


def encoded_planes(frame: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.frombytes("YCbCr", (frame.shape[1], frame.shape[0]), frame.tobytes()).save(
        stream, "JPEG", quality=97, subsampling=0
    )
    return stream.getvalue()


def test_a_lossless_jpeg_in_ybr_becomes_rgb() -> None:
    ybr = in_ybr(COLOUR)
    plain = [lossless_jpeg(frame) for frame in ybr]
    jfif = [jpeg[:2] + b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + jpeg[2:] for jpeg in plain]
    for frames, named in ((plain, "YBR_FULL"), (jfif, "YBR_FULL"), (jfif, "RGB")):
        content = dicom_bytes(COLOUR, syntax=uid.JPEGLosslessSV1, frames=frames, PhotometricInterpretation=named)
        assert np.abs(pixels_of(content).astype(int) - COLOUR).max() <= 2


def coloured(index: np.ndarray, n_entries: int = 256) -> np.ndarray:
    ramp = np.linspace(0, 255, n_entries).round().astype(np.uint8)[index.clip(0, n_entries - 1)]
    return np.stack([255 - ramp, ramp, np.full_like(ramp, 77)], axis=-1)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_palettes_of_8_and_16_bits(bits: int, syntax: str) -> None:
    elements = palette(bits, big_endian=syntax == uid.ExplicitVRBigEndian)
    assert (pixels_of(dicom_bytes(GREY, syntax=syntax, **elements)) == coloured(GREY.astype(int))).all()


def test_a_palette_may_begin_late_and_end_early() -> None:
    content = dicom_bytes(GREY, **palette(16, n_entries=60, first=50))
    assert (pixels_of(content) == coloured(GREY.astype(int) - 50, 60)).all()


def test_a_palette_of_65536_entries() -> None:
    wide = GREY.astype(np.uint16) * 257
    content = dicom_bytes(wide, **palette(16, n_entries=65536))
    assert (pixels_of(content) == coloured(wide.astype(int), 65536)).all()


def test_a_palette_that_announces_16_bits_and_stores_8() -> None:
    elements = palette(16)
    for name in [name for name in elements if name.endswith("Data")]:
        elements[name] = (np.frombuffer(elements[name], "<u2") // 257).astype("<u2").tobytes()
    assert (pixels_of(dicom_bytes(GREY, **elements)) == coloured(GREY.astype(int))).all()


def test_segmented_palettes_are_expanded() -> None:
    # Two discrete entries, a line up to 255 in 100 steps, then a copy of both, which begins at byte 0.
    content = dicom_bytes(GREY, **segmented(0, 2, 0, 1000, 1, 100, 255 * 257, 2, 2, 0, 0))
    once = np.concatenate([[0, 1000], np.linspace(1000, 255 * 257, 101)[1:].round()])
    again = np.concatenate([once, once, np.full(256, once[-1])])[:256]
    assert (grey_of(content) == again.astype(int)[GREY[0]] >> 8).all()


# -- shades of grey --------------------------------------------------------------------------------------


def test_a_window_is_applied_as_the_standard_says() -> None:
    identity = dicom_bytes(GREY, WindowCenter="128", WindowWidth="256")
    assert (grey_of(identity) == GREY[0]).all()
    narrow = grey_of(dicom_bytes(GREY, WindowCenter=["100.5", "7"], WindowWidth=["101", "7"])).astype(float)
    assert np.abs(narrow - ((GREY[0].astype(float) - 50.0) / 100.0).clip(0, 1) * 255.0).max() <= 0.51
    exact = dicom_bytes(GREY, WindowCenter="100", WindowWidth="100", VOILUTFunction="LINEAR_EXACT")
    assert np.abs(grey_of(exact) - ((GREY[0].astype(float) - 50.0) / 100.0).clip(0, 1) * 255.0).max() <= 0.51
    sigmoid = dicom_bytes(GREY, WindowCenter="100", WindowWidth="100", VOILUTFunction="SIGMOID")
    assert np.abs(grey_of(sigmoid) - 255.0 / (1.0 + np.exp(-4.0 * (GREY[0] - 100.0) / 100.0))).max() <= 0.51


def test_a_window_is_about_rescaled_values() -> None:
    rescaled = dicom_bytes(GREY, WindowCenter="1128", WindowWidth="256", RescaleSlope="1", RescaleIntercept="1000")
    assert (grey_of(rescaled) == GREY[0]).all()


def test_tables_for_values_and_for_viewing() -> None:
    table = Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.LUTData = np.arange(65535, -1, -257).astype("<u2").tobytes()
    table["LUTData"].VR = "OW"
    assert (grey_of(dicom_bytes(GREY, VOILUTSequence=[table])) == 255 - GREY[0]).all()
    both = dicom_bytes(GREY, ModalityLUTSequence=[table], WindowCenter="32768", WindowWidth="65536")
    assert (grey_of(both) == 255 - GREY[0]).all()


@pytest.mark.parametrize("scale", [16, 257])
def test_more_than_8_bits_without_a_window_are_stretched(scale: int) -> None:
    wide = GREY.astype(np.uint16) * scale + 5
    shown = grey_of(dicom_bytes(wide, BitsStored=12 if scale == 16 else 16)).astype(float)
    stretched = (GREY[0] - GREY[0].min()) / float(np.ptp(GREY[0])) * 255.0
    assert np.abs(shown - stretched).max() <= 0.51


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_12_bits_through_a_window(syntax: str) -> None:
    wide = GREY.astype(np.uint16) * 16
    content = dicom_bytes(wide, syntax=syntax, BitsStored=12, WindowCenter="2048", WindowWidth="4096")
    assert np.abs(grey_of(content) - GREY[0] * 16.0 / 4095.0 * 255.0).max() <= 0.51


# 500·x + 13·y, 9×8 pixels of 12 bits, encoded by OpenJPEG because Pillow writes no 12 bits. The second codestream is
# signed, and its values are 2048 less.
_UNSIGNED_12 = base64.b64decode(
    "/0//UQApAAAAAAAJAAAACAAAAAAAAAAAAAAACQAAAAgAAAAAAAAAAAABCwEB/1IADAAAAAEAAAQEAAH/XAAEQGD/kAAKAAAAAABxAAH/k9/hgBIs"
    "vtfdP90J3N3nFnqN4ZYHvFdqt8eYb4B1KsH6FQMPO+/uUYiu2P7nx750Di5k2Saj9tddXr7+JSlVnXGIFcAIoPo88s6rapozV2ArsT1ZiGZEZncy"
    "yqZgAAAAAAAAA//Z"
)
_SIGNED_12 = _UNSIGNED_12[:42] + b"\x8b" + _UNSIGNED_12[43:]
_SLOPE_12 = np.mgrid[:8, :9][1] * 500 + np.mgrid[:8, :9][0] * 13


@pytest.mark.parametrize(
    ("codestream", "signed", "centre"),
    [(_UNSIGNED_12, False, 2048), (_SIGNED_12, True, 0), (_UNSIGNED_12, True, 0)],
    ids=["unsigned", "signed", "signed, unknown to the codestream"],
)
def test_12_bits_in_jpeg_2000(codestream: bytes, signed: bool, centre: int) -> None:
    pixels = np.zeros((1, 8, 9), np.int16 if signed else np.uint16)
    expected = _SLOPE_12
    if signed and codestream is _UNSIGNED_12:
        expected = np.where(_SLOPE_12 < 2048, _SLOPE_12 + 2048, _SLOPE_12 - 2048)
    content = dicom_bytes(
        pixels,
        syntax=uid.JPEG2000Lossless,
        frames=[codestream],
        BitsStored=12,
        WindowCenter=str(centre),
        WindowWidth="4096",
    )
    assert np.abs(grey_of(content) - expected / 4095.0 * 255.0).max() <= 0.51


def test_signed_values() -> None:
    signed = GREY.astype(np.int16) - 100
    content = dicom_bytes(signed, WindowCenter="28", WindowWidth="256")
    assert (grey_of(content) == GREY[0]).all()
