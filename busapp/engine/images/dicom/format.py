"""What a DICOM file says about its pixels: size, colours, compression, frames. All of it is checked before decoding."""

from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedUSVolumeStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
)

from busapp.engine.images.dicom.codestream import Codestream, codestream_of
from busapp.engine.images.dicom.file import UNDEFINED_LENGTH, DicomFile
from busapp.engine.images.dicom.frames import Frames, compressed, uncompressed
from busapp.engine.images.preprocessing import MAX_PIXELS
from busapp.engine.images.remarks import Remark
from busapp.errors import Contradicted, UnreadableImage

NATIVE: Final = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
JPEG: Final = {JPEGBaseline8Bit: (0, 1), JPEGExtended12Bit: (0, 1), JPEGLossless: (3,), JPEGLosslessSV1: (3,)}
"""The kinds of frame, by their markers, that each syntax allows."""
JPEG_2000: Final = (JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K)
JPEG_LS: Final = (JPEGLSLossless, JPEGLSNearLossless)
_SYNTAXES: Final = frozenset((*NATIVE, RLELossless, *JPEG, *JPEG_2000, *JPEG_LS))
_SYNTAX_OF: Final = {"JPEG": JPEGBaseline8Bit, "JPEG-LS": JPEGLSLossless, "JPEG 2000": JPEG2000Lossless}
_COLOURS: Final = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
_PLAIN: Final = {1: "MONOCHROME2", 3: "RGB"}
_LOOPS: Final = (
    UltrasoundMultiFrameImageStorage,
    EnhancedUSVolumeStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
)
ANOTHER_EXPORT: Final = "Export it from the archive as an uncompressed DICOM file, or as PNG."


@dataclass(frozen=True)
class PixelFormat:
    """The file's description of its pixels. `checked_format` only returns formats that can be decoded.

    With `anyway`, a codestream's own kind, size and colours count if the description differs.
    """

    syntax: UID
    colours: str
    samples: int
    width: int
    height: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    """The bit of the stored word that is the highest of the value. More than `bits_stored` - 1 if the value stands in
    the upper bits."""
    signed: bool
    planar: int
    frames: Frames = Frames(0)  # noqa: RUF009 - frozen
    anyway: bool = False
    remarks: tuple[Remark, ...] = ()

    def frame_bytes(self) -> int:
        """Size of an uncompressed frame in bytes."""
        values = self.width * self.height * (2 if self.colours == "YBR_FULL_422" else self.samples)
        return values * self.bits_allocated // 8

    def agrees_with(self, found: Codestream) -> bool:
        """True if a codestream is what this format says."""
        if self.syntax in JPEG:
            is_kind = found.family == "JPEG" and found.process in JPEG[self.syntax]
        else:
            is_kind = self.syntax in {"JPEG-LS": JPEG_LS, "JPEG 2000": JPEG_2000}.get(found.family, ())
        return is_kind and (found.width, found.height, found.samples) == (self.width, self.height, self.samples)

    def described_by(self, found: Codestream) -> "PixelFormat":
        """This format with the size and the number of colours (1 or 3) that a codestream names itself.

        Raises:
            UnreadableImage: the picture is too large, or has another number of colours.
        """
        if found.samples not in _PLAIN or min(found.width, found.height) < 1:
            raise _unsupported()
        refuse_large(found.width, found.height)
        colours = self.colours if found.samples == self.samples else _PLAIN[found.samples]
        return replace(self, width=found.width, height=found.height, samples=found.samples, colours=colours)


def checked_format(dicom: DicomFile, stream: BinaryIO, *, anyway: bool) -> PixelFormat:
    """The format of the pixels, after checking that they can be decoded and are not too large.

    `stream` is the file, or the beginning of it, in which the frames are counted. With `anyway`, a description that
    contradicts itself is repaired.

    Raises:
        Contradicted: the description contradicts itself.
        UnreadableImage: there are no pixels, or they cannot be decoded or trusted.
    """
    if dicom.pixels_at is None:
        raise UnreadableImage("The DICOM file holds no picture", remedy="Leave it out.")
    values = dicom.values
    bits_allocated = values.whole_number("BitsAllocated", -1)
    bits_stored = values.whole_number("BitsStored", bits_allocated)
    pixels = PixelFormat(
        syntax=_known_syntax(dicom.syntax),
        colours=values.text("PhotometricInterpretation"),
        samples=values.whole_number("SamplesPerPixel", 1),
        width=values.whole_number("Columns", -1),
        height=values.whole_number("Rows", -1),
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=values.whole_number("HighBit", bits_stored - 1),
        signed=values.whole_number("PixelRepresentation", 0) == 1,
        planar=values.whole_number("PlanarConfiguration", 0),
        anyway=anyway,
    )
    if min(pixels.width, pixels.height) < 1:
        raise UnreadableImage("The DICOM file does not say how large its picture is", remedy=ANOTHER_EXPORT)
    refuse_large(pixels.width, pixels.height)
    if pixels.bits_allocated not in (8, 16) or pixels.samples not in _PLAIN:
        raise _unsupported()
    pixels = _as_stored(dicom, _repaired(pixels), stream)
    pixels = replace(pixels, frames=_frames(dicom, pixels, stream))
    found = codestream_of(pixels.frames.first)
    if found and not anyway and not pixels.agrees_with(found):
        raise contradiction()
    return pixels


def _repaired(pixels: PixelFormat) -> PixelFormat:
    """The format without the elements that contradict others.

    Raises:
        Contradicted: there are some, and the format is not to be taken anyway.
    """
    right: dict[str, str | int] = {}
    if _COLOURS.get(pixels.colours) != pixels.samples:
        right["colours"] = _PLAIN[pixels.samples]
    if not 1 <= pixels.bits_stored <= pixels.bits_allocated:
        right |= {"bits_stored": pixels.bits_allocated, "high_bit": pixels.bits_allocated - 1}
    if pixels.planar not in (0, 1):
        right["planar"] = 0
    if not right:
        return pixels
    if not pixels.anyway:
        raise Contradicted(
            "The DICOM file stores its colours in a way that is not supported, or its header contradicts itself",
            remedy=ANOTHER_EXPORT,
        )
    return replace(pixels, remarks=(Remark.TAKEN_ANYWAY,), **right)  # type: ignore[arg-type]


def _as_stored(dicom: DicomFile, pixels: PixelFormat, stream: BinaryIO) -> PixelFormat:
    """The format with the compression, or with the number of bits or colours, that fits what is stored.

    Raises:
        Contradicted: they differ from the file's description, and the format is not to be taken anyway.
        UnreadableImage: no compression fits.
    """
    stored = _as_compressed(dicom, pixels, stream)
    if stored.syntax in NATIVE and stored.frame_bytes() > dicom.pixel_length:
        eight_bits = replace(stored, bits_allocated=8, bits_stored=8, high_bit=7)
        one_colour = replace(stored, samples=1, colours=_PLAIN[1])
        count = max(1, dicom.values.whole_number("NumberOfFrames", 1))
        for other in (eight_bits, one_colour):
            if other != stored and 0 <= dicom.pixel_length - count * other.frame_bytes() <= 1:
                stored = other
                break
    if stored == pixels:
        return pixels
    if not pixels.anyway:
        raise Contradicted("The pixels are not stored as the header of the DICOM file says", remedy=ANOTHER_EXPORT)
    return replace(stored, remarks=(Remark.TAKEN_ANYWAY,))


def _as_compressed(dicom: DicomFile, pixels: PixelFormat, stream: BinaryIO) -> PixelFormat:
    is_native = dicom.pixel_length != UNDEFINED_LENGTH
    if (pixels.syntax in NATIVE) == is_native:
        return pixels
    if is_native:
        stored = replace(pixels, syntax=ExplicitVRLittleEndian)
        if 0 <= dicom.pixel_length % stored.frame_bytes() <= 1 and dicom.pixel_length > 1:
            return stored
    elif found := codestream_of(compressed(dicom, stream, 0, may_be_loop=False).first):
        return replace(pixels, syntax=_SYNTAX_OF[found.family])
    raise UnreadableImage("The DICOM file is not compressed as its header says", remedy=ANOTHER_EXPORT)


def _frames(dicom: DicomFile, pixels: PixelFormat, stream: BinaryIO) -> Frames:
    declared = max(0, dicom.values.whole_number("NumberOfFrames", 0))
    if pixels.syntax in NATIVE:
        # Two frames of every sample are as long as three of 4:2:2, so their number must be right.
        may_differ = pixels.colours != "YBR_FULL_422"
        return uncompressed(
            declared, frame_bytes=pixels.frame_bytes(), length=dicom.pixel_length, may_differ=may_differ
        )
    return compressed(dicom, stream, declared, may_be_loop=not declared and dicom.kind in _LOOPS)


def _known_syntax(syntax: UID | None) -> UID:
    if syntax in _SYNTAXES:
        return syntax
    name = syntax.name if syntax is not None and syntax.is_valid else "the file does not name it"
    raise UnreadableImage(f"The picture is compressed in a way that is not supported ({name})", remedy=ANOTHER_EXPORT)


def refuse_large(width: int, height: int) -> None:
    """Raise `UnreadableImage` for a picture of more than 64 million pixels."""
    if width * height > MAX_PIXELS:
        raise UnreadableImage(
            f"The image has {width}×{height} pixels, more than {MAX_PIXELS // 1_000_000} million",
            remedy="Make it smaller first.",
        )


def _unsupported() -> UnreadableImage:
    return UnreadableImage("The DICOM file stores its colours in a way that is not supported", remedy=ANOTHER_EXPORT)


_NO_MATCH: Final = "The compressed picture does not match its description in the DICOM file"


def contradiction() -> Contradicted:
    """The error for a codestream that the user may take anyway."""
    return Contradicted(_NO_MATCH, remedy=ANOTHER_EXPORT)


def mismatch() -> UnreadableImage:
    """The error for a codestream that cannot be read as what the file says it is."""
    return UnreadableImage(_NO_MATCH, remedy=ANOTHER_EXPORT)
