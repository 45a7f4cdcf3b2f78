"""Valid files of every kind that an import reads, as seeds that the fuzzing damages.

`seeds(kind)` returns those of a kind.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from typing import Final

import dicom_htj2k as htj2k
import numpy as np
import pydicom
import tifffile
from dicom_samples import dicom_bytes, encoded, lossless_jpeg
from fuzz_discs import disc_seeds
from fuzz_hdf5 import hdf5_seeds
from fuzz_npz import npz_seeds
from fuzz_workbooks import workbook_seeds
from PIL import Image, PngImagePlugin
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended

_random = np.random.default_rng(7)
COLOUR = np.clip(
    np.add.outer(np.arange(40) * 3, np.arange(48) * 2)[..., None] + _random.integers(0, 60, (40, 48, 3)), 0, 255
).astype(np.uint8)
GREY = COLOUR[..., 0]
DEEP = COLOUR.astype(np.uint16) * 16
"""12 bits in channels of 16."""
WIDE = GREY.astype(np.uint16) * 257


def picture(format_name: str, pixels: np.ndarray = COLOUR, mode: str | None = None, **options: object) -> bytes:
    """An image file of `pixels`, written by Pillow."""
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, format_name, **options)
    return stream.getvalue()


# -- PNG, JPEG, BMP, TIFF --------------------------------------------------------------------------------------


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG with its length and its checksum."""
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))


def png(width: int, height: int, data: bytes, *, depth: int = 8, colours: int = 2, interlaced: bool = False) -> bytes:
    """A PNG of filtered rows, which need not match the header."""
    header = struct.pack(">2L5B", width, height, depth, colours, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def interlaced_png() -> bytes:
    """`COLOUR` in the seven passes of Adam7."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = (row for top, left, down, right in passes for row in COLOUR[top::down, left::right])
    return png(48, 40, b"".join(b"\0" + row.tobytes() for row in rows), interlaced=True)


def turned(orientation: int) -> bytes:
    """Exif that says how a picture is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _png_seeds() -> list[bytes]:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "callipers")
    text.add_text("Notes", "packed " * 50, zip=True)
    text.add_itxt("Title", "Säge", "de", "Titel", zip=True)
    animated = io.BytesIO()
    frames = [Image.fromarray(np.roll(COLOUR, shift, 0)) for shift in range(3)]
    frames[0].save(animated, "PNG", save_all=True, append_images=frames[1:])
    return [
        *(picture("PNG", mode=mode) for mode in ("L", "RGB", "RGBA", "LA", "P", "1")),
        picture("PNG", WIDE),
        picture("PNG", mode="P", transparency=3),
        picture("PNG", pnginfo=text, dpi=(300, 300), icc_profile=b"\0" * 200),
        interlaced_png(),
        animated.getvalue(),
        picture("PNG", exif=turned(6)),
        picture("PNG", mode="RGBA", exif=turned(3)),
        png(48, 40, b"".join(b"\0" + row.tobytes() for row in DEEP.astype(">u2")), depth=16),
    ]


def _jpeg_seeds() -> list[bytes]:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "Left breast", 6
    return [
        picture("JPEG"),
        picture("JPEG", GREY),
        picture("JPEG", progressive=True),
        picture("JPEG", mode="CMYK"),
        picture("JPEG", exif=exif.tobytes(), dpi=(72, 72), comment="x" * 50),
        picture("JPEG", subsampling=0, restart_marker_blocks=2, optimize=True),
    ]


def _bmp_seeds() -> list[bytes]:
    return [picture("BMP", mode=mode) for mode in ("L", "RGB", "RGBA", "P", "1")]


def tiled_tiff(pixels: np.ndarray = COLOUR, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def _tiff_seeds() -> list[bytes]:
    pages = io.BytesIO()
    Image.fromarray(COLOUR).save(
        pages, "TIFF", save_all=True, append_images=[Image.fromarray(GREY)] * 2, compression="tiff_lzw"
    )
    rgb = {"photometric": "rgb"}
    return [
        *(picture("TIFF", compression=how) for how in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")),
        *(picture("TIFF", mode="1", compression=how) for how in ("group3", "group4")),
        picture("TIFF", GREY.astype(np.float32), compression="tiff_lzw"),
        picture("TIFF", WIDE),
        picture("TIFF", mode="P"),
        picture("TIFF", mode="CMYK", compression="tiff_lzw"),
        pages.getvalue(),
        tiled_tiff(tile=(16, 16), **rgb),
        tiled_tiff(tile=(32, 16), compression="zlib", predictor=True, byteorder=">", **rgb),
        tiled_tiff(bigtiff=True, rowsperstrip=7, **rgb),
        tiled_tiff(COLOUR.transpose(2, 0, 1), planarconfig="separate", **rgb),
        tiled_tiff(DEEP, compression="zlib", predictor=True, **rgb),
        picture("TIFF", tiffinfo={274: 8}),
    ]


def _webp_seeds() -> list[bytes]:
    animated = io.BytesIO()
    frames = [Image.fromarray(np.roll(COLOUR, shift, 0)) for shift in range(3)]
    frames[0].save(animated, "WEBP", save_all=True, append_images=frames[1:], duration=40)
    return [
        picture("WEBP"),
        picture("WEBP", lossless=True),
        picture("WEBP", mode="RGBA"),
        picture("WEBP", exif=turned(6), icc_profile=b"\0" * 200),
        animated.getvalue(),
    ]


def _netpbm_seeds() -> list[bytes]:
    text = b" ".join(b"%d" % value for value in GREY.ravel().tolist())
    return [
        *(picture("PPM", mode=mode) for mode in ("1", "L", "RGB")),
        picture("PPM", WIDE),
        picture("PPM", GREY.astype(np.float32)),
        b"P5\n# 12 bits\n48 40\n4095\n" + (GREY.astype(np.uint16) * 16).astype(">u2").tobytes(),
        b"P6 48 40 1000\n" + (COLOUR.astype(np.uint16) * 3).astype(">u2").tobytes(),
        b"P2\n48 40 255\n" + text,
        b"P3 16 40 255\n" + text,
        b"P1\n# a mask\n48 40\n" + b"".join(b"%d" % (value > 99) for value in GREY.ravel().tolist()),
    ]


# -- DICOM -----------------------------------------------------------------------------------------------------


def _region() -> Dataset:
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 4, 6
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 40, 35
    region.PhysicalDeltaX, region.PhysicalUnitsXDirection, region.RegionSpatialFormat = 0.01, 3, 1
    return region


def _palette() -> dict[str, object]:
    elements: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"{colour}PaletteColorLookupTableData"] = np.arange(0, 65536, 256).astype("<u2").tobytes()
    return elements


def _run_length(pixels: np.ndarray) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(pixels)))
    dataset.compress(uid.RLELossless)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def _jpeg_ls(frame: np.ndarray) -> bytes:
    import jpeg_ls

    return bytes(jpeg_ls.encode_array(frame))


def _dicom_seeds() -> list[bytes]:
    loop, colours = np.stack([np.roll(GREY, shift, 1) for shift in range(4)]), COLOUR[None]
    jpeg = [encoded(frame, "JPEG", subsampling=0) for frame in colours]
    plain = {"PhotometricInterpretation": "YBR_FULL_422"}
    return [
        dicom_bytes(loop),
        dicom_bytes(colours, SequenceOfUltrasoundRegions=[_region(), _region()], BurnedInAnnotation="YES"),
        dicom_bytes(colours, PlanarConfiguration=1),
        dicom_bytes(colours, PhotometricInterpretation="YBR_FULL"),
        dicom_bytes(colours, PixelData=COLOUR[:, ::2].tobytes() + COLOUR[:, ::2].tobytes()[: 40 * 48 // 2], **plain),
        dicom_bytes(loop[:1], **_palette()),
        dicom_bytes(WIDE[None], BitsStored=12, WindowCenter="2048", WindowWidth="4096"),
        dicom_bytes(WIDE[None], PixelPaddingValue=0, WindowCenter=[1, 40], WindowWidth=[1, 400]),
        dicom_bytes(WIDE[None], BitsStored=12, HighBit=15, PixelAspectRatio=[2, 1]),
        dicom_bytes(DEEP[None], PixelSpacing=[0.1, 0.3]),
        dicom_bytes(loop, syntax=uid.ExplicitVRBigEndian),
        dicom_bytes(WIDE[None], syntax=uid.ExplicitVRBigEndian),
        dicom_bytes(loop, syntax=uid.ImplicitVRLittleEndian),
        dicom_bytes(loop, syntax=uid.ImplicitVRLittleEndian, preamble=False),
        dicom_bytes(loop, syntax=uid.DeflatedExplicitVRLittleEndian),
        _run_length(loop),
        _run_length(colours),
        dicom_bytes(colours, syntax=uid.JPEGBaseline8Bit, frames=jpeg, **plain),
        dicom_bytes(loop, syntax=uid.JPEGBaseline8Bit, frames=[encoded(frame, "JPEG") for frame in loop]),
        dicom_bytes(loop, syntax=uid.JPEG2000Lossless, frames=[encoded(frame, "JPEG2000") for frame in loop]),
        dicom_bytes(
            colours,
            syntax=uid.JPEG2000,
            frames=[encoded(COLOUR, "JPEG2000", irreversible=True)],
            PhotometricInterpretation="YBR_ICT",
        ),
        dicom_bytes(loop[:1], syntax=uid.JPEGLosslessSV1, frames=[lossless_jpeg(GREY)]),
        dicom_bytes(loop[:1], syntax=uid.JPEGLSLossless, frames=[_jpeg_ls(GREY)]),
        *_loop_seeds(loop),
    ]


def _loop_seeds(loop: np.ndarray) -> list[bytes]:
    """Loops in every way to tell where a frame begins, and some that count their frames wrongly."""
    frames = [encoded(frame, "JPEG2000", no_jp2=True) for frame in loop]
    halves = [half for frame in frames for half in (frame[:200], frame[200:])]
    jpeg = [encoded(frame, "JPEG") for frame in loop]
    extended, offsets, lengths = encapsulate_extended(frames)
    j2k, table = {"syntax": uid.JPEG2000, "frames": frames}, Dataset()
    return [
        dicom_bytes(np.zeros((3, 21, 31), np.uint8), syntax=uid.HTJ2KLossless, frames=htj2k.GREY_FRAMES),
        dicom_bytes(np.zeros((1, 21, 31, 3), np.uint8), syntax=uid.HTJ2K, frames=htj2k.COLOUR_FRAMES),
        dicom_bytes(loop, **j2k, PixelData=encapsulate(halves, has_bot=False), NumberOfFrames=9),
        dicom_bytes(loop, **j2k, PixelData=extended, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths),
        dicom_bytes(loop, syntax=uid.JPEGBaseline8Bit, frames=jpeg, PixelData=encapsulate(jpeg, has_bot=False)),
        dicom_bytes(loop, NumberOfFrames=None, SharedFunctionalGroupsSequence=[table]),
        dicom_bytes(loop, kind=uid.SecondaryCaptureImageStorage, Modality="OT", ModalityLUTSequence=[table]),
        dicom_bytes(loop, kind=uid.SecondaryCaptureImageStorage, Modality="MG", BitsStored=12),
        dicom_bytes(loop[:, :9, :9], **j2k | {"syntax": uid.JPEGBaseline8Bit}),
        dicom_bytes(loop[:, :9, :9], syntax=uid.RLELossless, frames=jpeg),
    ]


# -- ZIP and CSV -----------------------------------------------------------------------------------------------

SMALL = picture("PNG", COLOUR[:16, :16])
HOSTILE_NAMES = (
    "../escaped.png",
    "benign/../../../escaped.png",
    "/tmp/escaped.png",
    "//server/share/escaped.png",
    "C:/escaped.png",
    "C:\\escaped.png",
    "..\\..\\escaped.png",
    "benign\\..\\..\\escaped.png",
    "benign/./escaped.png",
    "benign//escaped.png",
    "benign/esc\0aped.png",
    "benign/" + "long" * 5000 + ".png",
    "deep/" * 2000 + "escaped.png",
    "benign/" + "1" * 5000 + ".png",
    "benign/CON.png",
    "benign/aux",
    "benign/escaped.png:stream",
    "benign/\x1b[31mred.png",
    "be\u202enign/gnp.x.png",
    "~/escaped.png",
    "$HOME/escaped.png",
    "benign/ .png",
    ".png",
    "benign/",
    "..",
    ".",
    "",
)


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED, attributes: int | None = None) -> bytes:
    """A ZIP archive with these members, their names unchanged; `attributes` holds the Unix mode of each."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo("x")
            member.filename, member.compress_type = name, how
            if attributes is not None:
                member.create_system, member.external_attr = 3, attributes << 16
            archive.writestr(member, content)
    return stream.getvalue()


def _zip_64(members: dict[str, bytes]) -> bytes:
    """A ZIP archive with 64-bit sizes, as archives of more than 4 GiB have."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    content = stream.getvalue()
    end = content.rindex(b"PK\5\6")
    count, size, start = struct.unpack_from("<HLL", content, end + 10)
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    closing = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    return content[:end] + large + locator + closing


def _zip_seeds() -> list[bytes]:
    classes = {"benign/1.png": SMALL, "benign/1_mask.png": SMALL, "malignant/2.jpg": picture("JPEG", GREY)}
    dicom = {"normal/IM_0001": dicom_bytes(GREY[None]), "normal/3.dcm": dicom_bytes(COLOUR[None])}
    table = {"files.csv": b"file,patient\nbenign/1.png,7\n../../canary.png,8\n"}
    return [
        zipped(classes),
        zipped(classes | dicom | table, zipfile.ZIP_STORED),
        zipped({"set/" + name: content for name, content in classes.items()}),
        zipped({"inner.zip": zipped(classes), **classes}),
        zipped(classes | table, zipfile.ZIP_LZMA),
        zipped({"benign/link.png": b"../../../canary.png", **classes}, attributes=0o120777),
        zipped({"benign/device.png": SMALL}, attributes=0o060666),
        _zip_64(classes),
        zipped(dict.fromkeys(HOSTILE_NAMES[:11], SMALL) | classes),
        zipped(dict.fromkeys(HOSTILE_NAMES[11:], SMALL) | classes),
        zipped({"benign/a.png": SMALL, "benign/./a.png": SMALL, "benign\\a.png": SMALL, "BENIGN/A.png": SMALL}),
    ]


def _csv_seeds() -> list[bytes]:
    plain = "file,class,patient\nbenign/1.png,benign,17\nmalignant/2.png,malignant,18\n"
    leaving = "".join(f'"{name}",benign,1\n' for name in ("../canary.png", "../../canary.png", "benign/../1.png"))
    hostile = "".join('"{}",benign,1\n'.format(name.replace('"', '""')) for name in HOSTILE_NAMES)
    return [
        plain.encode(),
        plain.replace(",", ";").encode("utf-8-sig"),
        plain.replace(",", "\t").encode("utf-16"),
        ("sep=;\r\n" + plain.replace(",", ";").replace("\n", "\r\n")).encode("cp1252"),
        "Image Path,Diagnosis,Patient ID\nbenign/1.png,Gutartig (ä),Müller\n".encode("cp1252"),
        b'filename,label\n"benign/1.png","be""nign, or, not"\n\n"malignant/2.png","two\nlines"\n',
        f"file,class\n{leaving}{hostile}".encode(),
        f"file,class\nbenign/1.png,{'x' * 200_000}\n".encode(),
        b"file,class\nbenign/1.png,be\0nign\nbenign/1.png,malignant\n",
        b"file,class\n" + b'benign/1.png,"never closed\n' * 3,
        b"Export|of 2024\n\nName|Type|Patient No.\n1|B|4711.0\n2.png|malignant|2,02401E+16\n",
        b"ID\tBIRADS\tCase\tHospital\n1\t4a\t0\tA\nmalignant/2\t2\t1\tB\n",
        *workbook_seeds(),
    ]


_MAKERS: Final[dict[str, Callable[[], list[bytes]]]] = {
    "png": _png_seeds,
    "jpeg": _jpeg_seeds,
    "bmp": _bmp_seeds,
    "tiff": _tiff_seeds,
    "webp": _webp_seeds,
    "netpbm": _netpbm_seeds,
    "dicom": _dicom_seeds,
    "zip": _zip_seeds,
    "csv": _csv_seeds,
    "disc": disc_seeds,
    "npz": npz_seeds,
    "hdf5": hdf5_seeds,
}
KINDS: Final = tuple(sorted(_MAKERS))
SUFFIXES: Final = {
    **{"png": ".png", "jpeg": ".jpg", "bmp": ".bmp", "tiff": ".tif", "webp": ".webp", "netpbm": ".pgm"},
    "dicom": ".dcm",
}
"""Usual suffix of each kind of image."""


@cache
def seeds(kind: str) -> list[bytes]:
    """Valid files of one of `KINDS`."""
    return _MAKERS[kind]()
