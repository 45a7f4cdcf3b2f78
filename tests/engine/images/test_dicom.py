import base64
import io
import logging
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jpeg_ls
import numpy as np
import pydicom
import pytest
from dicom_samples import PATIENT, dicom_bytes, encoded, lossless_jpeg
from fuzz_bombs import jpeg_of_many_scans
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut

from busapp.engine.images.dicom import DicomFrame, evenly_spaced, is_dicom, read_frames, read_header
from busapp.errors import UnreadableImage

Encoder = Callable[[np.ndarray], bytes]

_Y, _X = np.mgrid[:21, :31]  # odd sizes, so that padding and byte order matter
GREY = np.stack([4 * _X + 3 * _Y + 20 * k for k in range(3)]).astype(np.uint8)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2 + 40], axis=-1)


def frames_of(content: bytes, *, most: int = 9, crop: bool = False) -> list[DicomFrame]:
    return list(read_frames(content, file="picture.dcm", most=most, crop_to_regions=crop))


def pixels_of(content: bytes) -> np.ndarray:
    """All frames, (n, height, width, 3)."""
    return np.stack([np.asarray(frame.picture) for frame in frames_of(content)])


def grey_of(content: bytes) -> np.ndarray:
    """The first frame, which has to be grey, (height, width)."""
    pixels = pixels_of(content)[0]
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 4 else np.repeat(pixels[..., None], 3, axis=-1)


def refusal(content: bytes) -> UnreadableImage:
    """What is said of a file that both the preview and the import refuse."""
    with pytest.raises(UnreadableImage) as preview:
        read_header(content, "picture.dcm")
    with pytest.raises(UnreadableImage) as imported:
        frames_of(content)
    assert preview.value.what == imported.value.what
    assert imported.value.file == "picture.dcm"
    assert imported.value.remedy
    return imported.value


def near_lossless(frame: np.ndarray) -> bytes:
    return bytes(jpeg_ls.encode_array(frame, lossy_error=2))


def jpeg_ls_by_plane(frame: np.ndarray) -> bytes:
    return bytes(jpeg_ls.encode_array(frame.transpose(2, 0, 1) if frame.ndim == 3 else frame, interleave_mode=0))


# How pictures are stored


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


def test_a_file_without_the_preamble_is_recognised_and_read() -> None:
    for syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian):
        content = dicom_bytes(GREY, syntax=syntax, preamble=False)
        assert is_dicom(content[:132])
        assert (pixels_of(content) == as_rgb(GREY)).all()


def test_other_files_are_not_taken_for_dicom() -> None:
    assert is_dicom(dicom_bytes(GREY)[:132])
    others = [encoded(GREY[0], name) for name in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000")]
    others += [b"", b"DICM", b"\x08\0" * 66, bytes(132), b"\x08\0\x05\0" * 33, b"file,class\n" * 12, b"PK\3\4" * 33]
    assert not any(is_dicom(other[:132]) for other in others)
    assert refusal(encoded(GREY[0], "PNG")).what == "It is not a DICOM file"


# Colours


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
    content = dicom_bytes(ybr, PhotometricInterpretation="YBR_FULL_422")  # every sample is there after all
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
    # The three planes as they are: Pillow writes them so when it takes them for YCbCr already.
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


def palette(bits: int, n_entries: int = 256, first: int = 0, *, big_endian: bool = False) -> dict[str, Any]:
    """Red falls, green rises and blue stays, from the first entry to the last."""
    ramp = np.linspace(0, 255, n_entries).round().astype(int)
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, entries in (("Red", 255 - ramp), ("Green", ramp), ("Blue", np.full(n_entries, 77))):
        order = ">" if big_endian else "<"
        data = (entries * 257).astype(f"{order}u2") if bits == 16 else entries.astype(np.uint8)
        packed = data.tobytes()
        if bits == 8 and big_endian:
            packed = np.frombuffer(packed, np.uint16).byteswap().tobytes()
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [n_entries % 65536, first, bits]
        elements[f"{colour}PaletteColorLookupTableData"] = packed
    return elements


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


def segmented(*words: int) -> dict[str, Any]:
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = np.array(words, "<u2").tobytes()
    return elements


def test_segmented_palettes_are_expanded() -> None:
    # Two entries as they are, a line up to 255 in 100 steps, then both once more: the copy begins at byte 0.
    content = dicom_bytes(GREY, **segmented(0, 2, 0, 1000, 1, 100, 255 * 257, 2, 2, 0, 0))
    once = np.concatenate([[0, 1000], np.linspace(1000, 255 * 257, 101)[1:].round()])
    again = np.concatenate([once, once, np.full(256, once[-1])])[:256]
    assert (grey_of(content) == again.astype(int)[GREY[0]] >> 8).all()


# Shades of grey


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


# 500·x + 13·y, 9×8 pixels of 12 bits: OpenJPEG's, since Pillow writes no 12 bits. The other one is signed, 2048 less.
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


# Loops


def test_a_long_loop_is_taken_in_even_steps() -> None:
    loop = np.stack([np.full((8, 8), number, np.uint8) for number in range(1, 101)])
    frames = frames_of(dicom_bytes(loop), most=5)
    assert [frame.number for frame in frames] == [11, 31, 51, 71, 91]
    assert [frame.picture.getpixel((0, 0)) for frame in frames] == [(n, n, n) for n in (11, 31, 51, 71, 91)]
    assert [frame.number for frame in frames_of(dicom_bytes(loop[:4]), most=5)] == [1, 2, 3, 4]
    assert evenly_spaced(100, 1) == [50]
    for n_frames in range(1, 40):
        for most in range(1, n_frames + 1):
            chosen = evenly_spaced(n_frames, most)
            steps = np.diff(chosen)
            assert len(chosen) == most
            assert not len(steps) or (steps.min() >= 1 and np.ptp(steps) <= 1)


def test_frames_are_decoded_one_at_a_time() -> None:
    good = encoded(GREY[0], "JPEG2000", no_jp2=True)
    content = dicom_bytes(GREY, syntax=uid.JPEG2000Lossless, frames=[good, good[:70], good])
    frames = read_frames(content, file="picture.dcm", most=9, crop_to_regions=False)
    assert (np.asarray(next(frames).picture)[..., 0] == GREY[0]).all()
    with pytest.raises(UnreadableImage, match="damaged"):
        next(frames)


# Regions, spacing, header


def region(box: tuple[int, int, int, int], **elements: Any) -> Dataset:
    item = Dataset()
    item.RegionLocationMinX0, item.RegionLocationMinY0, item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box
    described = {"RegionSpatialFormat": 1, "PhysicalUnitsXDirection": 3, "PhysicalDeltaX": 0.02} | elements
    for keyword, value in described.items():
        setattr(item, keyword, value)
    return item


def test_cropping_keeps_the_box_around_all_regions() -> None:
    content = dicom_bytes(GREY, SequenceOfUltrasoundRegions=[region((3, 4, 10, 12)), region((8, 2, 20, 9))])
    whole, cropped = frames_of(content)[0], frames_of(content, crop=True)[0]
    assert not whole.cropped
    assert cropped.cropped
    assert (np.asarray(cropped.picture)[..., 0] == GREY[0, 2:13, 3:21]).all()


@pytest.mark.parametrize(
    "box", [(0, 0, 32, 10), (0, 0, 10, 22), (10, 0, 10, 9), (9, 9, 3, 20), (0, 0, 4_000_000_000, 4_000_000_000)]
)
def test_impossible_regions_crop_nothing(box: tuple[int, int, int, int]) -> None:
    frame = frames_of(dicom_bytes(GREY, SequenceOfUltrasoundRegions=[region(box)]), crop=True)[0]
    assert not frame.cropped
    assert frame.picture.size == (31, 21)


def test_a_region_may_end_at_the_edge_or_one_beyond() -> None:
    for right, bottom in ((30, 20), (31, 21)):
        content = dicom_bytes(GREY, SequenceOfUltrasoundRegions=[region((5, 6, right, bottom))])
        assert frames_of(content, crop=True)[0].picture.size == (26, 15)


def test_spacing_is_millimetres() -> None:
    def spacing(*regions: Dataset, **elements: Any) -> float | None:
        return frames_of(dicom_bytes(GREY, SequenceOfUltrasoundRegions=[*regions], **elements))[0].spacing_mm

    box = (0, 0, 10, 10)
    assert spacing(region(box)) == pytest.approx(0.2)
    assert spacing(region(box, PhysicalDeltaX=-0.02)) == pytest.approx(0.2)
    assert spacing(region(box, RegionSpatialFormat=3, PhysicalUnitsXDirection=4), region(box)) == pytest.approx(0.2)
    assert spacing(region(box, PhysicalUnitsXDirection=4)) is None
    assert spacing(PixelSpacing=["0.5", "0.25"]) == 0.25
    assert spacing(region(box), PixelSpacing=["0.5", "0.25"]) == pytest.approx(0.2)
    assert spacing(region(box, PhysicalDeltaX=0.0), PixelSpacing=["0", "0"]) is None
    assert spacing(region(box, PhysicalDeltaX=float("nan"))) is None
    assert spacing() is None


def test_the_header_says_what_would_be_imported() -> None:
    content = dicom_bytes(COLOUR, BurnedInAnnotation="YES")
    header = read_header(io.BytesIO(content), "picture.dcm")
    assert header == read_header(content, "picture.dcm")
    assert (header.modality, header.frames, header.width, header.height) == ("US", 3, 31, 21)
    assert header.instance == "1.2.3.4"
    assert header.burned_in
    assert not read_header(dicom_bytes(GREY, BurnedInAnnotation="NO"), "picture.dcm").burned_in
    assert not read_header(dicom_bytes(GREY), "picture.dcm").burned_in
    assert read_header(dicom_bytes(GREY, Modality=None), "picture.dcm").modality == ""


def test_the_header_stops_before_the_pixels() -> None:
    content = dicom_bytes(np.zeros((4, 500, 500), np.uint8))
    header = read_header(io.BytesIO(content[:3000]), "picture.dcm")
    assert header.frames == 4


def patient(**elements: Any) -> str:
    return read_header(dicom_bytes(GREY, **elements), "picture.dcm").patient


def test_who_the_patient_is() -> None:
    assert patient() == patient(PatientName="Another^Spelling", StudyInstanceUID="9.9")
    assert patient() != patient(PatientID="another")
    assert patient() == patient(IssuerOfPatientID="some machines say who") == PATIENT
    nameless = {"PatientID": None, "PatientBirthDate": "19700101"}
    assert patient(**nameless) == patient(**nameless, StudyInstanceUID="9.9")
    assert patient(**nameless) != patient(**nameless | {"PatientBirthDate": "19700102"})
    for elements in ({"PatientID": ""}, {"PatientID": "Anonymous"}, {**nameless, "PatientName": "ANONYMOUS^"}):
        assert patient(**elements) == patient(**elements, SOPInstanceUID="9.9")  # the study
        assert patient(**elements) != patient(**elements, StudyInstanceUID="9.9")
    alone = {"PatientID": None, "PatientName": None, "StudyInstanceUID": None}
    assert patient(**alone) != patient(**alone, SOPInstanceUID="9.9")


# What is refused


@pytest.mark.parametrize(
    ("elements", "what"),
    [
        ({"Modality": "CT"}, r"It is not an ultrasound image \(its modality is CT\)"),
        ({"Modality": "SECRET 4711"}, r"It is not an ultrasound image \(its modality is unknown\)"),
        ({"Modality": "SR"}, "structured report"),
        ({"kind": uid.ComprehensiveSRStorage, "PixelData": None}, "structured report"),
        ({"kind": uid.EncapsulatedPDFStorage, "PixelData": None}, "PDF"),
        ({"kind": uid.MediaStorageDirectoryStorage, "PixelData": None}, "DICOMDIR"),
        ({"PixelData": None}, "holds no picture"),
        ({"Rows": None}, "how large its picture is"),
        ({"Columns": 0}, "how large its picture is"),
        ({"Rows": 60000, "Columns": 60000}, "60000×60000 pixels, more than 64 million"),
        ({"NumberOfFrames": 2_000_000_000}, "cut short"),
        ({"NumberOfFrames": 4}, "cut short"),
        ({"NumberOfFrames": -3}, "how large its picture is"),
        ({"PhotometricInterpretation": "CMYK"}, "colours in a way that is not supported"),
        ({"PhotometricInterpretation": "RGB"}, "colours in a way that is not supported"),
        ({"BitsAllocated": 32}, "colours in a way that is not supported"),
        ({"BitsStored": 0}, "colours in a way that is not supported"),
        ({"BitsStored": 9}, "colours in a way that is not supported"),
        ({"syntax": uid.MPEG4HP41}, "MPEG-4"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_a_sentence(elements: dict[str, Any], what: str) -> None:
    frames = [b"\0\0"] if "syntax" in elements else None
    content = dicom_bytes(GREY, frames=frames, **elements)
    with pytest.raises(UnreadableImage, match=what):
        raise refusal(content)


def test_a_syntax_that_nobody_knows_is_named_by_its_number() -> None:
    content = dicom_bytes(GREY, syntax=uid.RLELossless, frames=[b"\0\0"]).replace(
        b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.59"
    )
    assert refusal(content).what == "The picture is compressed in a way that is not supported (1.2.840.10008.1.2.59)"


def test_a_file_that_is_cut_short_is_refused() -> None:
    content = dicom_bytes(GREY)
    for length in (len(content) - 30, len(content) - len(GREY.tobytes()), 200, 140, 131):
        with pytest.raises(UnreadableImage):
            frames_of(content[:length])
    with pytest.raises(UnreadableImage, match="cut short: pixels are missing"):
        frames_of(content[:-30])


@pytest.mark.parametrize("offsets", [True, False])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (uid.JPEGLosslessSV1, lossless_jpeg),
        (uid.JPEGBaseline8Bit, lambda frame: encoded(frame, "JPEG")),
        (uid.JPEG2000Lossless, lambda frame: encoded(frame, "JPEG2000")),
        (uid.JPEGLSLossless, lambda frame: bytes(jpeg_ls.encode_array(frame))),
    ],
)
def test_a_compressed_file_that_is_cut_short_is_refused(syntax: str, encode: Encoder, offsets: bool) -> None:
    frames = [encode(frame) for frame in GREY]
    content = dicom_bytes(GREY, syntax=syntax, frames=frames, PixelData=encapsulate(frames, has_bot=offsets))
    assert len(frames_of(content)) == 3
    for n_missing in (30, len(frames[2]) - 5, len(frames[2]) + 3, len(frames[2]) + 50):
        with pytest.raises(UnreadableImage, match="cut short: pixels are missing"):
            frames_of(content[:-n_missing])


def test_12_bit_jpeg_is_refused_with_its_reason() -> None:
    frames = [encoded(frame, "JPEG") for frame in GREY]
    at = frames[0].index(b"\xff\xc0")
    frames = [jpeg[: at + 4] + bytes([12]) + jpeg[at + 5 :] for jpeg in frames]
    with pytest.raises(UnreadableImage, match="12 bits for each value"):
        frames_of(dicom_bytes(GREY, syntax=uid.JPEGExtended12Bit, frames=frames))


# Files that mean harm


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (uid.JPEGBaseline8Bit, lambda frame: encoded(frame, "JPEG")),
        (uid.JPEGLosslessSV1, lossless_jpeg),
        (uid.JPEGLSLossless, lambda frame: bytes(jpeg_ls.encode_array(frame))),
        (uid.JPEG2000Lossless, lambda frame: encoded(frame, "JPEG2000")),
    ],
)
def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(syntax: str, encode: Encoder) -> None:
    large = encode(np.zeros((300, 300), np.uint8))
    with pytest.raises(UnreadableImage, match="does not match its description"):
        frames_of(dicom_bytes(GREY, syntax=syntax, frames=[large] * 3))


def test_a_jpeg_of_endlessly_many_scans_is_refused() -> None:
    for scans in (99, 102):
        frame = jpeg_of_many_scans(64, scans, colours=3, progressive=False)
        content = dicom_bytes(COLOUR[:1], syntax=uid.JPEGBaseline8Bit, frames=[frame], Rows=64, Columns=64)
        if scans < 100:
            assert pixels_of(content).shape == (1, 64, 64, 3)
        else:
            with pytest.raises(UnreadableImage, match="more than 100 times"):
                frames_of(content)


def test_a_jpeg_in_endlessly_many_pieces_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("busapp.engine.images.preprocessing.MAX_READS", 10_000)
    jpeg = encoded(GREY[0], "JPEG")
    for at in (2, jpeg.index(b"\xff\xda")):
        for pieces in (100, 20_000):
            frame = jpeg[:at] + b"\xff\xfe\0\x02" * pieces + jpeg[at:]
            content = dicom_bytes(GREY[:1], syntax=uid.JPEGBaseline8Bit, frames=[frame])
            if pieces == 100:
                assert len(frames_of(content)) == 1
            else:
                with pytest.raises(UnreadableImage):
                    frames_of(content)


def test_a_progressive_jpeg_is_refused() -> None:
    frames = [encoded(frame, "JPEG", progressive=True) for frame in GREY]
    with pytest.raises(UnreadableImage, match="does not match its description"):
        frames_of(dicom_bytes(GREY, syntax=uid.JPEGBaseline8Bit, frames=frames))


def test_boxes_without_length_around_jpeg_2000_do_not_hang() -> None:
    boxes = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40)
    frames = [boxes + encoded(frame, "JPEG2000", no_jp2=True) for frame in GREY]
    assert (pixels_of(dicom_bytes(GREY, syntax=uid.JPEG2000Lossless, frames=frames)) == as_rgb(GREY)).all()


def test_a_jpeg_ls_without_its_end_does_not_hang() -> None:
    frames = [bytes(jpeg_ls.encode_array(frame))[:70] for frame in COLOUR]
    with pytest.raises(UnreadableImage):
        frames_of(dicom_bytes(COLOUR, syntax=uid.JPEGLSLossless, frames=frames))


def test_run_lengths_that_grow_stop_at_the_last_pixel() -> None:
    bomb = struct.pack("<16L", 1, 64, *[0] * 14) + bytes([129, 7]) * 1_000_000  # each pair stands for 128 bytes
    content = dicom_bytes(np.zeros((1, 32, 32), np.uint8), syntax=uid.RLELossless, frames=[bomb])
    assert (grey_of(content) == 7).all()


@pytest.mark.parametrize("n_segments", [0, 2, 16, 4_000_000_000])
def test_run_lengths_of_the_wrong_number_of_planes_are_refused(n_segments: int) -> None:
    frame = struct.pack("<16L", n_segments, 64, *[0] * 14) + bytes([129, 7]) * 100
    with pytest.raises(UnreadableImage):
        frames_of(dicom_bytes(GREY[:1], syntax=uid.RLELossless, frames=[frame]))


def test_a_deflated_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("busapp.engine.images.dicom_file.MAX_BYTES", 2**20)
    content = dicom_bytes(GREY, syntax=uid.DeflatedExplicitVRLittleEndian)
    assert len(frames_of(content)) == 3
    plain = dicom_bytes(np.zeros((2, 1000, 1000), np.uint8))
    start = content.index(uid.DeflatedExplicitVRLittleEndian.encode()) + len(uid.DeflatedExplicitVRLittleEndian)
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = content[:start] + deflater.compress(plain[start:]) + deflater.flush()
    assert len(bomb) < 20_000
    assert refusal(bomb).what == "The DICOM file claims to hold more than a file can hold"


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr + b"\0\0" + struct.pack("<L", length or len(value)) + value


UNDEFINED = 0xFFFFFFFF
ITEM, UNDEFINED_ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, 0), struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED)


@pytest.mark.parametrize("tag", [0x00186011, 0x00081140], ids=["wanted", "unwanted"])
@pytest.mark.parametrize("length", [None, UNDEFINED])
def test_sequences_nested_without_end_or_of_millions_of_items_are_refused_or_skipped(
    tag: int, length: int | None
) -> None:
    content = dicom_bytes(GREY)
    at = content.index(struct.pack("<HH", 0x0028, 0x0002))
    nested = (UNDEFINED_ITEM + element(tag, b"SQ", b"", UNDEFINED)) * 4_000
    for inside in (nested * 10, ITEM * 3_000_000):
        hostile = content[:at] + element(tag, b"SQ", inside, length) + content[at:]
        if tag == 0x00081140 and length is None:
            assert (pixels_of(hostile) == as_rgb(GREY)).all()
        else:
            assert refusal(hostile).what in (
                "The DICOM file claims to hold more than a file can hold",
                "The DICOM file is damaged",
            )


def test_regions_nested_without_end_crop_nothing() -> None:
    content = dicom_bytes(GREY)
    at = content.index(struct.pack("<HH", 0x0028, 0x0002))
    nested = (UNDEFINED_ITEM + element(0x00186011, b"SQ", b"", UNDEFINED)) * 10_000
    hostile = content[:at] + element(0x00186011, b"SQ", nested) + content[at:]
    assert not frames_of(hostile, crop=True)[0].cropped


def test_fragments_without_end_are_refused() -> None:
    frames = [encoded(GREY[0], "JPEG")]
    without_offsets = encapsulate(frames, has_bot=False)
    content = dicom_bytes(GREY[:1], syntax=uid.JPEGBaseline8Bit, frames=frames, PixelData=without_offsets)
    assert len(frames_of(content)) == 1
    at = content.index(ITEM) + len(ITEM)
    with pytest.raises(UnreadableImage):
        frames_of(content[:at] + ITEM * 1_000_000 + content[at:])


@pytest.mark.parametrize(
    "words",
    [
        (0, 1, 5, 2, 65535, 3, 0),  # an indirect segment that would repeat what lies between the entries
        (2, 1, 0, 0),  # one that repeats itself
        (1, 10, 255),  # a line without a beginning
        (0, 1, 5, 2, 65535, 0, 65535),  # beyond the end
        (7, 7, 7, 7),
        (),
    ],
)
def test_segmented_palettes_that_make_no_sense_are_refused(words: tuple[int, ...]) -> None:
    with pytest.raises(UnreadableImage):
        frames_of(dicom_bytes(GREY, **segmented(*words)))


def test_segmented_palettes_that_grow_stop_at_the_last_entry() -> None:
    line = (1, 65535, 9 * 257)
    content = dicom_bytes(GREY, **segmented(0, 1, 0, *line * 20_000))
    assert grey_of(content).max() <= 9


def test_a_table_larger_than_any_table_is_refused() -> None:
    elements = palette(16)
    elements["RedPaletteColorLookupTableData"] = bytes(2**20)
    assert refusal(dicom_bytes(GREY, **elements)).what == "The DICOM file claims to hold more than a file can hold"


def test_numbers_that_are_none_do_not_matter() -> None:
    content = dicom_bytes(GREY, WindowCenter="128", WindowWidth="256", RescaleSlope="1", RescaleIntercept="0")
    for damaged in (b"nan", b"1e9", b"abc", b"inf"):
        altered = content.replace(b"DS\x04\x00128 ", b"DS\x04\x00" + damaged.ljust(4))
        assert altered != content
        assert frames_of(altered)[0].picture.size == (31, 21)


def test_mutated_files_are_read_or_refused_and_say_nothing_of_the_patient() -> None:
    elements = {"SequenceOfUltrasoundRegions": [region((2, 2, 20, 19))], "WindowCenter": "127.5", "WindowWidth": "200"}
    seeds = [
        dicom_bytes(GREY, syntax=uid.ImplicitVRLittleEndian, **elements),
        dicom_bytes(COLOUR, syntax=uid.ExplicitVRBigEndian, **elements),
        dicom_bytes(COLOUR, syntax=uid.DeflatedExplicitVRLittleEndian, **elements),
        dicom_bytes(GREY, **segmented(0, 1, 0, 1, 200, 60000, 2, 2, 0, 0)),
        dicom_bytes(COLOUR, syntax=uid.JPEGBaseline8Bit, frames=[encoded(frame, "JPEG") for frame in COLOUR]),
        dicom_bytes(COLOUR, syntax=uid.JPEG2000, frames=[encoded(frame, "JPEG2000") for frame in COLOUR]),
        dicom_bytes(GREY, syntax=uid.JPEGLosslessSV1, frames=[lossless_jpeg(frame) for frame in GREY]),
        dicom_bytes(COLOUR, syntax=uid.JPEGLSLossless, frames=[bytes(jpeg_ls.encode_array(frame)) for frame in COLOUR]),
    ]
    random = np.random.default_rng(0)
    n_refused = n_read = 0
    for number in range(800):
        content = bytearray(seeds[number % len(seeds)])
        for place in random.integers(132, len(content), size=random.integers(1, 6)):
            content[place] = random.choice([0, 1, 0xFF, random.integers(256)])
        if random.random() < 0.3:
            content = content[: random.integers(132, len(content))]
        try:
            read_header(io.BytesIO(bytes(content)), "picture.dcm")
            n_read += bool(frames_of(bytes(content), crop=True))
        except UnreadableImage as error:
            n_refused += 1
            assert PATIENT not in str(error)
            assert "Doe" not in str(error)
            assert error.__cause__ is None
    assert n_read > 100
    assert n_refused > 100


def test_nothing_of_the_patient_is_shown_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    content = dicom_bytes(GREY)
    assert PATIENT in read_header(content, "picture.dcm").patient
    assert PATIENT not in repr(read_header(content, "picture.dcm"))
    assert "1.2.3.4" not in repr(read_header(content, "picture.dcm"))
    # pydicom complains of values that break the standard, and repeats them
    bad_date = content.replace(b"1.2.3.4", b"X" + PATIENT[:6].encode()).replace(b"CS\x02\x00US", b"CS\x02\x00us")
    frames_of(bad_date)
    read_header(bad_date, "picture.dcm")
    assert not caplog.records


# Real files


def real(us_dicom: Path, name: str) -> bytes:
    return (us_dicom / f"{name}.dcm").read_bytes()


def test_jpeg_2000_and_uncompressed_are_the_same_picture(us_dicom: Path) -> None:
    uncompressed, compressed = pixels_of(real(us_dicom, "US1_UNCR")), pixels_of(real(us_dicom, "US1_J2KR"))
    assert uncompressed.shape == (1, 480, 640, 3)
    assert (uncompressed == compressed).all()
    assert np.ptp(uncompressed.astype(int), axis=-1).max() > 100  # power Doppler in colour


def test_the_palette_of_a_real_file(us_dicom: Path) -> None:
    content = real(us_dicom, "OBXXXX1A")
    dataset = pydicom.dcmread(io.BytesIO(content))
    expected = apply_color_lut(dataset.pixel_array, dataset) >> 8
    assert (pixels_of(content)[0] == expected).all()


def test_the_segmented_palette_of_a_real_file(us_dicom: Path) -> None:
    content = real(us_dicom, "gdcm-US-ALOKA-16")
    dataset = pydicom.dcmread(io.BytesIO(content))
    expected = apply_color_lut(dataset.pixel_array, dataset) >> 8
    assert (pixels_of(content)[0] == expected).all()


def test_the_two_frames_of_a_real_file(us_dicom: Path) -> None:
    content = real(us_dicom, "OBXXXX1A_rle_2frame")
    first, second = frames_of(content)
    assert (np.asarray(first.picture) == pixels_of(real(us_dicom, "OBXXXX1A"))[0]).all()
    assert first.spacing_mm == pytest.approx(0.262, abs=0.001)
    dataset = pydicom.dcmread(io.BytesIO(content))
    expected = apply_color_lut(dataset.pixel_array, dataset)[1] >> 8
    assert (np.asarray(second.picture) == expected).all()


def test_cropping_drops_the_banner_of_a_real_file(us_dicom: Path) -> None:
    content = real(us_dicom, "OBXXXX1A")
    whole, cropped = (np.asarray(frames_of(content, crop=crop)[0].picture).astype(int) for crop in (False, True))
    blue = whole[..., 2] - whole[..., 0] > 40  # the banner's ground
    assert blue[:50].mean() > 0.5
    assert cropped.shape == (517, 680, 3)
    assert (cropped[..., 2] - cropped[..., 0] > 40).mean() < 0.01


def test_headers_of_real_files(us_dicom: Path) -> None:
    headers = {path.stem: read_header(io.BytesIO(path.read_bytes()), path) for path in us_dicom.glob("*.dcm")}
    assert len(headers) == 5
    assert headers["OBXXXX1A"].patient == headers["OBXXXX1A_rle_2frame"].patient
    assert headers["US1_UNCR"].patient == headers["US1_J2KR"].patient
    assert len({header.patient for header in headers.values()}) == 3
    assert headers["OBXXXX1A_rle_2frame"].frames == 2
    assert {header.modality for header in headers.values()} == {"US"}
