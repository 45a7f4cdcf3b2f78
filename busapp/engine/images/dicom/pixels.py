"""Decode one frame of a DICOM file to an 8-bit RGB picture.

pydicom decodes uncompressed pixels. Pillow decodes run lengths, JPEG and JPEG 2000. CharLS decodes JPEG-LS.
A decoder trusts the size in the codestream. So that size is compared with the file's before decoding, and what counts
in the end is the codestream's, if the user insists.
(GDCM would decode all formats, but a damaged JPEG makes it end the whole program.)
"""

import io
import struct
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from busapp.engine.images.dicom.codestream import Codestream, codestream_of
from busapp.engine.images.dicom.colour import to_rgb
from busapp.engine.images.dicom.file import DicomFile, cut_short
from busapp.engine.images.dicom.format import (
    ANOTHER_EXPORT,
    NATIVE,
    PixelFormat,
    contradiction,
    mismatch,
)
from busapp.engine.images.dicom.frames import encoded_frame
from busapp.engine.images.preprocessing import LimitedReads, refuse_many_scans
from busapp.engine.images.remarks import Decoded, Remark
from busapp.errors import UnreadableImage

Samples = npt.NDArray[Any]
"""uint8, uint16, int8 or int16 as stored, shape (height, width) or (height, width, 3)."""

_READABLE: Final = (0, 1, 2, 3)
"""Kinds of JPEG that libjpeg decodes: baseline, extended, progressive and lossless."""
_SAMPLES_OF_MODE: Final = {"L": 1, "I;16": 1, "RGB": 3}


def decode_frame(dicom: DicomFile, pixels: PixelFormat, index: int) -> Decoded:
    """Decode frame `index`, counted from 0, to 8-bit RGB, with remarks about what was done for that.

    Raises:
        UnreadableImage: the pixels are cut short or contradict their description in the file.
        Exception: of any kind, from the decoders, if the pixels are damaged.
    """
    words, colours, is_contradicted = _samples(dicom, pixels, index)
    samples, remarks = _values(words, pixels)
    seen = to_rgb(samples, colours, dicom, pixels.bits_stored)
    return Decoded(seen.picture, (Remark.TAKEN_ANYWAY,) * is_contradicted + remarks + seen.remarks)


def _values(words: Samples, pixels: PixelFormat) -> tuple[Samples, tuple[Remark, ...]]:
    """The values in the stored words of native and run-length pixels, without the bits that are not theirs: old files
    have overlays in them. The other codestreams say themselves how many bits a value has."""
    unused = pixels.bits_allocated - pixels.bits_stored
    if not unused or not (pixels.syntax in NATIVE or pixels.syntax == RLELossless):
        return words, ()
    return _taken_out(words, pixels)


def _taken_out(words: Samples, pixels: PixelFormat) -> tuple[Samples, tuple[Remark, ...]]:
    words = np.ascontiguousarray(words, words.dtype.newbyteorder("="))
    unsigned = words.view(f"u{words.dtype.itemsize}")
    below = pixels.high_bit + 1 - pixels.bits_stored
    remarks = (Remark.HIGH_BITS,) if below else ()
    # Many writers change the number of bits but not their place.
    fits = 0 <= below <= pixels.bits_allocated - pixels.bits_stored
    if below and not (fits and (unsigned >> pixels.bits_stored).any()):
        below, remarks = 0, (Remark.HIGH_BIT_IGNORED,)
    values = unsigned >> below & ((1 << pixels.bits_stored) - 1)
    return (_with_sign(values, pixels.bits_stored) if pixels.signed else values), remarks


def _samples(dicom: DicomFile, pixels: PixelFormat, index: int) -> tuple[Samples, str, bool]:
    """The samples, their colours, and true if the frame is not what the file says."""
    if pixels.syntax in NATIVE:
        return *_native(dicom, pixels, index), False
    assert dicom.content is not None
    encoded = encoded_frame(dicom.content, pixels.frames, index)
    found = codestream_of(encoded)
    if found is None:
        if pixels.syntax != RLELossless:
            raise mismatch()
        return _run_length(encoded, pixels), pixels.colours, False
    agrees = pixels.agrees_with(found)
    if not agrees and not pixels.anyway:
        raise contradiction()
    decode = {"JPEG": _jpeg, "JPEG-LS": _jpeg_ls, "JPEG 2000": _jpeg_2000}[found.family]
    return *decode(encoded, found, pixels.described_by(found)), not agrees


def _native(dicom: DicomFile, pixels: PixelFormat, index: int) -> tuple[Samples, str]:
    assert dicom.content is not None and dicom.pixels_at is not None
    frame_bytes, colours = pixels.frame_bytes(), pixels.colours
    full = pixels.width * pixels.height * 3 * pixels.bits_allocated // 8
    if colours == "YBR_FULL_422" and dicom.pixel_length >= full * pixels.frames.count:
        frame_bytes, colours = full, "YBR_FULL"  # some machines name it 4:2:2 but store every sample
    # Rounded to even positions because big-endian files store 8-bit pixels as swapped words.
    start, end = frame_bytes * index, frame_bytes * (index + 1)
    if end > len(dicom.content) - dicom.pixels_at:
        raise cut_short()
    swapped = pixels.syntax == ExplicitVRBigEndian and dicom.pixel_vr == "OW" and pixels.bits_allocated == 8
    first = start - start % 2 if swapped else start
    last = end + end % 2 if swapped else end
    buffer = dicom.content[dicom.pixels_at + first : dicom.pixels_at + last]
    if swapped:
        words = np.frombuffer(buffer + b"\0" * (len(buffer) % 2), np.uint16)
        buffer = words.byteswap().tobytes()[start - first : start - first + frame_bytes]
    samples, _ = get_decoder(pixels.syntax).as_array(
        buffer, index=0, validate=False, raw=True, **_options(pixels, colours)
    )
    return samples, colours


def _options(pixels: PixelFormat, colours: str) -> Any:
    return {
        "pixel_vr": "OB",
        "pixel_keyword": "PixelData",
        "number_of_frames": 1,
        "rows": pixels.height,
        "columns": pixels.width,
        "samples_per_pixel": pixels.samples,
        "photometric_interpretation": colours,
        "planar_configuration": pixels.planar,
        "bits_allocated": pixels.bits_allocated,
        "bits_stored": pixels.bits_allocated,  # `_values` takes out those of the value
        "pixel_representation": int(pixels.signed),
    }


def _run_length(encoded: bytes, pixels: PixelFormat) -> Samples:
    """Decode RLE (PS3.5, annex G): each plane of bytes is packed on its own, the higher bytes of 16 bits first."""
    n_bytes = pixels.bits_allocated // 8
    n_segments, *starts = struct.unpack("<16L", encoded[:64])
    if n_segments != pixels.samples * n_bytes:
        raise mismatch()
    starts = [*starts[:n_segments], len(encoded)]
    planes: list[Samples] = [_unpacked(encoded[start:end], pixels) for start, end in pairwise(starts)]
    if n_bytes == 2:
        planes = [high.astype(np.uint16) << 8 | low for high, low in zip(planes[::2], planes[1::2], strict=True)]
    samples = np.stack(planes, axis=-1) if pixels.samples == 3 else planes[0]
    return samples.view(f"i{n_bytes}") if pixels.signed else samples


def _unpacked(segment: bytes, pixels: PixelFormat) -> npt.NDArray[np.uint8]:
    # One long line, because runs may cross rows. Pillow stops at the end of the line even if the runs continue, and is
    # 15 times as fast as pydicom.
    line = Image.frombytes("L", (pixels.width * pixels.height, 1), segment, "packbits", "L")
    return np.asarray(line).reshape(pixels.height, pixels.width)


def _jpeg(encoded: bytes, found: Codestream, pixels: PixelFormat) -> tuple[Samples, str]:
    """Decode JPEG baseline, extended (8 bits) and lossless (8 bits), as stored or converted to RGB by libjpeg."""
    if found.process not in _READABLE:
        raise mismatch()
    if found.bits != 8:
        raise UnreadableImage(
            f"The picture is a JPEG with {found.bits} bits for each value, but only 8 can be read",
            remedy=ANOTHER_EXPORT,
        )
    refuse_many_scans(encoded)
    image = Image.open(LimitedReads(encoded), formats=("JPEG",))
    if image.size != (pixels.width, pixels.height) or _SAMPLES_OF_MODE.get(image.mode) != pixels.samples:
        raise mismatch()
    if pixels.samples == 1:
        return np.asarray(image), pixels.colours
    says_how = _says_its_colours(image)
    if found.process == 3:  # libjpeg converts no colours when it decodes lossless JPEG
        if "jfif" in image.info:
            image.draft("YCbCr", image.size)
        return np.asarray(image), "YBR_FULL" if image.mode == "YCbCr" else pixels.colours
    if not says_how and pixels.colours == "RGB":  # libjpeg would assume YCbCr
        image.draft("YCbCr", image.size)
    return np.asarray(image), "RGB"


def _says_its_colours(image: Image.Image) -> bool:
    """True if libjpeg takes the colours of a JPEG from its markers. It ignores markers that are too short, and so does
    not know their colours; then it goes by the names of the channels."""
    markers: list[tuple[str, bytes]] = image.applist  # type: ignore[attr-defined]
    jfif = any(name == "APP0" and content[:5] == b"JFIF\0" and len(content) >= 14 for name, content in markers)
    adobe = any(name == "APP14" and content[:5] == b"Adobe" and len(content) >= 12 for name, content in markers)
    named = bytes(layer[0] for layer in image.layer) == b"RGB"  # type: ignore[attr-defined]
    return jfif or adobe or named


def _jpeg_2000(encoded: bytes, found: Codestream, pixels: PixelFormat) -> tuple[Samples, str]:
    # Only the codestream: the boxes around it can contradict it, and make readers fail.
    start, bits = encoded.index(b"\xff\x4f\xff\x51"), found.bits
    image = Image.open(io.BytesIO(encoded[start:]), formats=("JPEG2000",))
    if image.size != (pixels.width, pixels.height) or _SAMPLES_OF_MODE.get(image.mode) != pixels.samples:
        raise mismatch()
    samples = np.asarray(image)
    bits_held = 8 * samples.dtype.itemsize
    samples = samples >> max(0, bits_held - bits)  # Pillow stretches 12 bits to 16, and 5 to 8
    if pixels.signed and pixels.samples == 1:
        if encoded[start + 42] & 0x80:  # Pillow also shifts the values so that none is negative
            samples = (samples.astype(np.int32) - (1 << (bits - 1))).astype(np.int16)
        else:
            samples = _with_sign(samples, bits)
    return samples, "RGB" if pixels.colours in ("YBR_RCT", "YBR_ICT") else pixels.colours


def _jpeg_ls(encoded: bytes, found: Codestream, pixels: PixelFormat) -> tuple[Samples, str]:
    import jpeg_ls

    bits = found.bits
    # An extra end marker, because CharLS counts to two thousand million if a picture ends without one.
    buffer, info = jpeg_ls.decode_pixel_data(encoded + b"\xff\xd9")
    samples = np.frombuffer(buffer, np.uint8 if bits <= 8 else np.uint16)
    if pixels.samples == 1:
        samples = samples.reshape(pixels.height, pixels.width)
        samples = _with_sign(samples, bits) if pixels.signed else samples  # JPEG-LS stores no sign
    elif info["interleave_mode"] == 0:
        samples = samples.reshape(3, pixels.height, pixels.width).transpose(1, 2, 0)
    else:
        samples = samples.reshape(pixels.height, pixels.width, 3)
    return samples, pixels.colours


def _with_sign(samples: Samples, bits: int) -> Samples:
    """Signed values from unsigned ones of `bits` bits whose highest bit is the sign."""
    unused = 8 * samples.dtype.itemsize - bits
    return (samples << unused).view(f"i{samples.dtype.itemsize}") >> unused
