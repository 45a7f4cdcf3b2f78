"""Loops: how many frames there are, whatever the header says, and where each compressed frame lies."""

import io
import struct
from typing import Any

import jpeg_ls
import numpy as np
import pydicom
import pytest
from dicom_htj2k import COLOUR_FRAMES, GREY_FRAMES
from dicom_reading import COLOUR, GREY, as_rgb, frames_of, pixels_of, refusal
from dicom_samples import dicom_bytes, encoded
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended

from busapp.engine.images.dicom.reading import open_loop, read_header
from busapp.engine.images.pictures import open_picture
from busapp.engine.images.remarks import Remark
from busapp.errors import UnreadableImage

NO_ITEMS = struct.pack("<LL", 0xE000FFFE, 0)
J2K = [encoded(frame, "JPEG2000", no_jp2=True) for frame in GREY]


def compressed(**elements: Any) -> bytes:
    return dicom_bytes(GREY, syntax=uid.JPEG2000Lossless, frames=J2K, **elements)


# -- the number in the header -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda **elements: dicom_bytes(GREY, **elements), compressed], ids=["plain", "J2K"])
@pytest.mark.parametrize(
    ("declared", "count", "remarks"),
    [
        (3, 3, ()),
        (20, 3, (Remark.FEWER_FRAMES,)),
        (2_000_000_000, 3, (Remark.FEWER_FRAMES,)),
        (2, 3, (Remark.MORE_FRAMES,)),
        (1, 3, (Remark.MORE_FRAMES,)),
        (0, 3, (Remark.FRAMES_COUNTED,)),
        (-3, 3, (Remark.FRAMES_COUNTED,)),
        (None, 3, (Remark.FRAMES_COUNTED,)),
    ],
)
def test_frames_are_counted_if_the_header_is_wrong(make: Any, declared: int | None, count: int, remarks: tuple) -> None:
    content = make(NumberOfFrames=declared)
    for given in (content, io.BytesIO(content)):
        header = read_header(given, "picture.dcm")
        assert (header.frames, header.remarks, header.is_counted) == (count, remarks, True)
    frames = frames_of(content)
    assert [frame.remarks for frame in frames] == [remarks] * count
    assert (pixels_of(content) == as_rgb(GREY[:count])).all()
    assert open_loop(content, file="picture.dcm", crop_to_regions=True).n_frames == count
    assert open_picture(content, "picture.dcm").seen(open_picture(content, "picture.dcm").middle).remarks == remarks


@pytest.mark.parametrize("declared", [None, 1])
def test_a_picture_with_padding_is_no_loop(declared: int | None) -> None:
    for extra in (b"\0\0", bytes(30), bytes(GREY[0].size + 9)):
        content = dicom_bytes(GREY[:1], PixelData=GREY[:1].tobytes() + b"\0" + extra, NumberOfFrames=declared)
        assert (read_header(content, "picture.dcm").frames, read_header(content, "picture.dcm").remarks) == (1, ())


def test_no_whole_frame_is_cut_short() -> None:
    assert "cut short" in refusal(dicom_bytes(GREY[:1], PixelData=bytes(100))).what
    assert "cut short" in refusal(dicom_bytes(GREY, syntax=uid.JPEG2000, frames=J2K, PixelData=NO_ITEMS)).what


def test_a_loop_in_4_2_2_must_declare_its_frames() -> None:
    ybr = {"PhotometricInterpretation": "YBR_FULL_422"}
    packed = bytes(31 * 21 * 2 * 3)
    wide = np.zeros((3, 20, 30, 3), np.uint8)
    assert read_header(dicom_bytes(wide, PixelData=bytes(30 * 20 * 2 * 3), **ybr), "picture.dcm").frames == 3
    assert "cut short" in refusal(dicom_bytes(wide, PixelData=packed[:3600], NumberOfFrames=4, **ybr)).what


def test_the_beginning_of_a_loop_does_not_tell_its_frames() -> None:
    frames = [jpeg + bytes(1000) for jpeg in J2K]
    as_j2k = {"syntax": uid.JPEG2000, "frames": frames}
    unlisted = dicom_bytes(GREY, **as_j2k, NumberOfFrames=20, PixelData=encapsulate(frames, has_bot=False))
    beginning = read_header(io.BytesIO(unlisted[:1500]), "picture.dcm")
    assert (beginning.frames, beginning.is_counted) == (20, False)
    assert read_header(io.BytesIO(dicom_bytes(GREY, **as_j2k)[:1500]), "picture.dcm").is_counted  # it has a table
    single = dicom_bytes(GREY[:1], **as_j2k, PixelData=encapsulate(frames[:1], has_bot=False))
    assert read_header(io.BytesIO(single[:1200]), "picture.dcm").is_counted


# -- the pieces of compressed frames ----------------------------------------------------------------------


def pieces(n_pieces: int, frames: list[bytes]) -> list[bytes]:
    """Each frame cut into pieces of even length."""
    size = [2 * (len(frame) // (2 * n_pieces)) for frame in frames]
    return [
        frame[step * k : step * (k + 1) if k < n_pieces - 1 else None]
        for frame, step in zip(frames, size, strict=True)
        for k in range(n_pieces)
    ]


@pytest.mark.parametrize("declared", [3, None, 7])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (uid.JPEG2000Lossless, lambda frame: encoded(frame, "JPEG2000", no_jp2=True)),
        (uid.JPEG2000Lossless, lambda frame: encoded(frame, "JPEG2000")),
        (uid.JPEGLSLossless, lambda frame: bytes(jpeg_ls.encode_array(frame))),
        (uid.JPEGBaseline8Bit, lambda frame: encoded(frame, "JPEG", quality=97)),
    ],
)
def test_frames_in_pieces_without_offsets(syntax: str, encode: Any, declared: int | None) -> None:
    frames = [encode(frame) for frame in GREY]
    for n_pieces in (1, 2, 3):
        split = encapsulate(pieces(n_pieces, frames), has_bot=False)
        content = dicom_bytes(GREY, syntax=syntax, frames=frames, PixelData=split, NumberOfFrames=declared)
        assert np.abs(pixels_of(content).astype(int) - as_rgb(GREY)).max() <= 8


def with_table(offsets: list[int], fragments: list[bytes]) -> bytes:
    table = struct.pack(f"<{len(offsets)}L", *offsets)
    return struct.pack("<LL", 0xE000FFFE, len(table)) + table + encapsulate(fragments, has_bot=False)[8:]


@pytest.mark.parametrize("offsets", [[0, 0, 0], [0], [7, 8, 9], [0, 10**9, 3], [0] * 50])
def test_a_wrong_table_of_offsets_does_not_matter(offsets: list[int]) -> None:
    split = with_table(offsets, pieces(2, J2K))
    assert (pixels_of(compressed(PixelData=split)) == as_rgb(GREY)).all()


def test_an_extended_table_of_offsets() -> None:
    data, offsets, lengths = encapsulate_extended(J2K)
    content = compressed(PixelData=data, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths)
    assert (pixels_of(content) == as_rgb(GREY)).all()


def test_run_lengths_have_one_piece_for_each_frame() -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(GREY)))
    dataset.compress(uid.RLELossless)
    dataset.NumberOfFrames = 9
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert (pixels_of(stream.getvalue()) == as_rgb(GREY)).all()


def test_a_loop_that_was_cut_short_gives_its_whole_frames() -> None:
    content = compressed(PixelData=encapsulate(J2K, has_bot=False))
    loop = open_loop(content[: -len(J2K[2])], file="picture.dcm", crop_to_regions=False)
    assert (np.asarray(loop.frame(1).picture) == as_rgb(GREY)[1]).all()
    with pytest.raises(UnreadableImage, match="cut short"):
        loop.frame(2)


# -- high-throughput JPEG 2000 ----------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K])
def test_high_throughput_jpeg_2000(syntax: str) -> None:
    assert (pixels_of(dicom_bytes(GREY, syntax=syntax, frames=GREY_FRAMES)) == as_rgb(GREY)).all()
    colour = dicom_bytes(COLOUR[:1], syntax=syntax, frames=COLOUR_FRAMES, PhotometricInterpretation="YBR_RCT")
    assert (pixels_of(colour) == COLOUR[:1]).all()


# -- enhanced files ---------------------------------------------------------------------------------------


def groups(spacing: list[float]) -> Dataset:
    measures, group = Dataset(), Dataset()
    measures.PixelSpacing = spacing
    group.PixelMeasuresSequence = [measures]
    return group


def test_enhanced_files_have_their_spacing_with_the_frames() -> None:
    kind = {"kind": uid.EnhancedUSVolumeStorage}
    shared = dicom_bytes(GREY, SharedFunctionalGroupsSequence=[groups([0.3, 0.3])], **kind)
    each = dicom_bytes(GREY, PerFrameFunctionalGroupsSequence=[groups([0.2, 0.2])] * 3, **kind)
    none = dicom_bytes(GREY, PerFrameFunctionalGroupsSequence=[Dataset()] * 3, **kind)
    assert [frames_of(content)[2].spacing_mm for content in (shared, each, none)] == [0.3, 0.2, None]


def test_many_functional_groups_are_no_reason_to_refuse_a_file() -> None:
    each = groups([0.2, 0.2])
    each.PixelMeasuresSequence[0].ImageComments = "x" * 1000
    content = dicom_bytes(np.zeros((600, 2, 2), np.uint8), PerFrameFunctionalGroupsSequence=[each] * 600)
    assert len(content) > 2**19
    assert frames_of(content, most=1)[0].spacing_mm == 0.2
