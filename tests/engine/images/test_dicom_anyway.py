"""DICOM files that are no ultrasound images by their header, or whose header contradicts itself."""

from typing import Any

import jpeg_ls
import numpy as np
import pytest
from dicom_reading import COLOUR, GREY, as_rgb
from dicom_samples import dicom_bytes, encoded, lossless_jpeg, palette
from pydicom import uid

from busapp.engine.images.dicom.reading import DicomFrame, read_frames, read_header
from busapp.engine.images.remarks import Remark
from busapp.errors import Contradicted, UnreadableImage

SC = uid.SecondaryCaptureImageStorage


def anyway(content: bytes) -> list[DicomFrame]:
    return list(read_frames(content, file="picture.dcm", most=9, crop_to_regions=False, take_anyway=True))


def pixels_of(frames: list[DicomFrame]) -> np.ndarray:
    return np.stack([np.asarray(frame.picture) for frame in frames])


def plainly(content: bytes) -> list[DicomFrame]:
    return list(read_frames(content, file="picture.dcm", most=9, crop_to_regions=False))


@pytest.mark.parametrize(
    ("elements", "remarks"),
    [
        ({"Modality": "US", "kind": SC}, ()),
        ({"Modality": "OT"}, ()),  # the kind of object is an ultrasound image
        ({"Modality": None}, ()),
        ({"Modality": "OT", "kind": SC}, (Remark.NOT_SAID,)),
        ({"Modality": "SC", "kind": SC}, (Remark.NOT_SAID,)),
        ({"Modality": "OT", "kind": uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage}, (Remark.NOT_SAID,)),
        ({"Modality": None, "kind": SC}, (Remark.NOT_SAID,)),
    ],
)
def test_captured_screens_come_in_and_it_is_said(elements: dict[str, Any], remarks: tuple) -> None:
    content = dicom_bytes(GREY, **elements)
    assert read_header(content, "picture.dcm").remarks == remarks
    assert [frame.remarks for frame in plainly(content)] == [remarks] * 3


@pytest.mark.parametrize("modality", ["MG", "CR", "CT", "MR", "XC", "DOC", "SECRET 4711"])
def test_other_modalities_come_in_only_if_the_user_insists(modality: str) -> None:
    content = dicom_bytes(GREY, Modality=modality)
    for read in (plainly, lambda content: read_header(content, "picture.dcm")):
        with pytest.raises(Contradicted, match="not an ultrasound image"):
            read(content)
    assert read_header(content, "picture.dcm", take_anyway=True).remarks == (Remark.OTHER_MODALITY,)
    assert (pixels_of(anyway(content)) == as_rgb(GREY)).all()


@pytest.mark.parametrize(
    ("pixels", "elements"),
    [
        (GREY, {"BitsStored": 0}),
        (GREY, {"BitsStored": 12, "HighBit": 11}),
        (GREY, {"PhotometricInterpretation": "CMYK"}),
        (GREY, {"PhotometricInterpretation": "RGB"}),
        (GREY, {"PhotometricInterpretation": None}),
        (COLOUR, {"PhotometricInterpretation": "MONOCHROME2"}),
        (COLOUR, {"PhotometricInterpretation": "SECRET 4711"}),
        (COLOUR, {"PlanarConfiguration": 7}),
        (COLOUR, {"PhotometricInterpretation": "PALETTE COLOR"}),
    ],
)
def test_a_description_that_contradicts_itself(pixels: np.ndarray, elements: dict[str, Any]) -> None:
    content = dicom_bytes(pixels, **elements)
    with pytest.raises(Contradicted, match="contradicts itself") as refused:
        plainly(content)
    assert "SECRET" not in str(refused.value)
    frames = anyway(content)
    assert (pixels_of(frames) == as_rgb(pixels)).all()
    assert {frame.remarks for frame in frames} == {(Remark.TAKEN_ANYWAY,)}


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (uid.JPEGBaseline8Bit, lambda frame: encoded(frame, "JPEG", quality=97, subsampling=0)),
        (uid.JPEGBaseline8Bit, lambda frame: encoded(frame, "JPEG", quality=97, subsampling=0, progressive=True)),
        (uid.JPEGLosslessSV1, lossless_jpeg),
        (uid.JPEGLSLossless, lambda frame: bytes(jpeg_ls.encode_array(frame))),
        (uid.JPEG2000Lossless, lambda frame: encoded(frame, "JPEG2000")),
    ],
)
@pytest.mark.parametrize(
    ("pixels", "claimed"),
    [(GREY, (3, 30, 24)), (COLOUR, (3, 30, 24, 3)), (GREY, COLOUR.shape), (COLOUR, GREY.shape)],
    ids=["size of grey", "size of colour", "colours of grey", "colours of colour"],
)
def test_a_codestream_of_another_size_or_of_other_colours(
    syntax: str, encode: Any, pixels: np.ndarray, claimed: tuple[int, ...]
) -> None:
    content = dicom_bytes(np.zeros(claimed, np.uint8), syntax=syntax, frames=[encode(frame) for frame in pixels])
    with pytest.raises(Contradicted, match="does not match its description"):
        plainly(content)
    frames = anyway(content)
    assert np.abs(pixels_of(frames).astype(int) - as_rgb(pixels)).max() <= 8
    assert {frame.remarks for frame in frames} == {(Remark.TAKEN_ANYWAY,)}


CODECS = {
    "JPEG": (uid.JPEGBaseline8Bit, lambda frame: encoded(frame, "JPEG", quality=97, subsampling=0)),
    "lossless JPEG": (uid.JPEGLosslessSV1, lossless_jpeg),
    "JPEG-LS": (uid.JPEGLSLossless, lambda frame: bytes(jpeg_ls.encode_array(frame))),
    "JPEG 2000": (uid.JPEG2000Lossless, lambda frame: encoded(frame, "JPEG2000", no_jp2=True)),
    "boxed JPEG 2000": (uid.JPEG2000, lambda frame: encoded(frame, "JPEG2000")),
}


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("named", [*(syntax for syntax, _ in CODECS.values()), uid.RLELossless])
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_codestream_of_another_kind_than_the_header_names(codec: Any, named: str, pixels: np.ndarray) -> None:
    syntax, encode = codec
    content = dicom_bytes(pixels, syntax=named, frames=[encode(frame) for frame in pixels])
    both_jpeg_2000 = {syntax, named} == {uid.JPEG2000, uid.JPEG2000Lossless}
    if syntax == named or both_jpeg_2000:
        assert np.abs(pixels_of(plainly(content)).astype(int) - as_rgb(pixels)).max() <= 8
        return
    for read in (plainly, lambda content: read_header(content, "picture.dcm")):  # the preview can ask
        with pytest.raises(Contradicted, match="does not match its description"):
            read(content)
    read_header(content, "picture.dcm", take_anyway=True)
    frames = anyway(content)
    assert np.abs(pixels_of(frames).astype(int) - as_rgb(pixels)).max() <= 8
    assert {frame.remarks for frame in frames} == {(Remark.TAKEN_ANYWAY,)}


@pytest.mark.parametrize(
    ("pixels", "elements"),
    [
        (GREY[:1], {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}),
        (COLOUR[:1], {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}),
        (GREY[:1], {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}),
    ],
)
def test_pixels_of_fewer_bits_or_colours_than_the_header_says(pixels: np.ndarray, elements: dict[str, Any]) -> None:
    _only_anyway(dicom_bytes(pixels, **elements), pixels)


@pytest.mark.parametrize("named", [uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEG2000])
@pytest.mark.parametrize("pixels", [GREY, GREY[:1], COLOUR], ids=["grey loop", "grey", "colour loop"])
def test_uncompressed_pixels_in_a_file_that_says_compressed(pixels: np.ndarray, named: str) -> None:
    _only_anyway(_renamed(dicom_bytes(pixels, syntax=uid.ExplicitVRLittleEndian), named), pixels)


def _renamed(content: bytes, syntax: str) -> bytes:
    """The file with another syntax in its header; the same number of bytes."""
    at = content.index(b"UI", content.index(b"\x02\x00\x10\x00")) + 2
    length = int.from_bytes(content[at : at + 2], "little")
    named = syntax.encode()
    named += b"\0" * (len(named) % 2)
    grown = len(named) - length
    # The length of the header, in the first element of the file, grows with it.
    group = int.from_bytes(content[140:144], "little") + grown
    rest = content[at + 2 + length :]
    return (
        content[:140] + group.to_bytes(4, "little") + content[144:at] + len(named).to_bytes(2, "little") + named + rest
    )


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_compressed_pixels_in_a_file_that_says_uncompressed(codec: Any, pixels: np.ndarray) -> None:
    frames = [codec[1](frame) for frame in pixels]
    content = dicom_bytes(pixels, syntax=uid.RLELossless, frames=frames)
    _only_anyway(_renamed(content, uid.ExplicitVRLittleEndian), pixels)


def _only_anyway(content: bytes, pixels: np.ndarray) -> None:
    for read in (plainly, lambda content: read_header(content, "picture.dcm")):
        with pytest.raises(Contradicted, match="not stored as the header"):
            read(content)
    assert read_header(content, "picture.dcm", take_anyway=True).remarks == (Remark.TAKEN_ANYWAY,)
    frames = anyway(content)
    assert np.abs(pixels_of(frames).astype(int) - as_rgb(pixels)).max() <= 8
    assert Remark.TAKEN_ANYWAY in frames[0].remarks


@pytest.mark.parametrize(
    "content",
    [
        dicom_bytes(GREY, Modality="SR"),
        dicom_bytes(GREY, kind=uid.EncapsulatedPDFStorage, PixelData=None),
        dicom_bytes(GREY, Modality="CT", PixelData=None),
        dicom_bytes(GREY, BitsAllocated=32),
        dicom_bytes(GREY, SamplesPerPixel=4),
        dicom_bytes(GREY, **palette(16) | {"RedPaletteColorLookupTableData": None}),
        dicom_bytes(GREY, syntax=uid.JPEGBaseline8Bit, frames=[b"\xff\xd8\xff\xd9"] * 3),
        dicom_bytes(
            GREY, syntax=uid.JPEGLSLossless, frames=[b"\xff\xd8\xff\xf7\0\x0b\x08\0\x15\0\x1f\x01" + bytes(9)] * 3
        ),
    ],
)
def test_what_cannot_be_decoded_is_refused_even_if_the_user_insists(content: bytes) -> None:
    for read in (plainly, anyway):
        with pytest.raises(UnreadableImage) as refused:
            read(content)
        assert not isinstance(refused.value, Contradicted)
