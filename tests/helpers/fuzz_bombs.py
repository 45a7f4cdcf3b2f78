"""Bombs: small files that cost far more memory, time or disk space than their size. Each is made when it is used."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
from dicom_samples import dicom_bytes, encoded
from fuzz_discs import DISC_BOMBS
from fuzz_hdf5 import HDF5_BOMBS
from fuzz_npz import NPZ_BOMBS
from fuzz_seeds import COLOUR, GREY, SMALL, chunk, picture, png, zipped
from fuzz_workbooks import WORKBOOK_BOMBS
from PIL import Image
from pydicom import uid

Bomb = tuple[str, Callable[[], bytes]]
_SIDE = 7_900
"""Side of a square in pixels that is just small enough to be accepted."""


def zeros_deflated(size: int, wbits: int = zlib.MAX_WBITS) -> bytes:
    """`size` zero bytes, compressed to about a thousandth."""
    deflater = zlib.compressobj(9, wbits=wbits)
    block = b"\0" * 2**20
    return b"".join(deflater.compress(block) for _ in range(-(-size // len(block)))) + deflater.flush()


# -- pictures --------------------------------------------------------------------------------------------------


@cache
def _large_png(mode: str = "1", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (_SIDE, _SIDE)).save(stream, "PNG", **options)
    return stream.getvalue()


@cache
def _large_interlaced_png() -> bytes:
    header = struct.pack(">2L5B", _SIDE, _SIDE, 8, 0, 0, 0, 1)
    data = chunk(b"IDAT", zeros_deflated(_SIDE * _SIDE + 2 * _SIDE * 8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@cache
def _png_with_too_much_data() -> bytes:
    header = struct.pack(">2L5B", 16, 16, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zeros_deflated(2**30))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def _png_with_packed_texts(how_many: int, size: int) -> bytes:
    text = chunk(b"zTXt", b"Comment\0\0" + zeros_deflated(size))
    return SMALL[:33] + text * how_many + SMALL[33:]


def jpeg_of_many_scans(side: int, how_many: int, *, colours: int = 1, progressive: bool = True) -> bytes:
    """A JPEG in which one scan follows another, each of them empty.

    Source: the report on libjpeg-turbo's LJT-01-003 (Cure53, 2015).
    """
    one_code = bytes([1, *[0] * 15])
    tables = b"\0" + one_code + b"\x00" + b"\x10" + one_code + b"\xe0"  # no difference; 16,384 blocks without one
    first, others = (b"\0\0\0", b"\x01\x3f\0") if progressive else (b"\0\x3f\0", b"\0\x3f\0")
    scans = [b"\xff\xda\0\x08\x01" + bytes([1 + k % colours, 0]) for k in range(how_many)]
    size = struct.pack(">BHHB", 8, side, side, colours)
    components = b"".join(bytes([k + 1, 0x11, 0]) for k in range(colours))
    return b"".join(
        (
            b"\xff\xd8\xff\xdb\0\x43\0" + bytes([1] * 64),
            b"\xff\xc2" if progressive else b"\xff\xc0",
            struct.pack(">H", 2 + len(size + components)) + size + components,
            b"\xff\xc4" + struct.pack(">H", 2 + len(tables)) + tables,
            b"".join(scan + (first if k < colours else others) for k, scan in enumerate(scans)),
            b"\xff\xd9",
        )
    )


def _jpeg_of_many_comments() -> bytes:
    jpeg = picture("JPEG")
    return jpeg[:2] + b"\xff\xfe\0\x02" * 10_000_000 + jpeg[2:]


def _large_jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (_SIDE, _SIDE)).save(stream, "JPEG", quality=1, **options)
    return stream.getvalue()


_large_jpeg_once = cache(_large_jpeg)


@cache
def _large_tiff(mode: str, compression: str) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (_SIDE, _SIDE)).save(stream, "TIFF", compression=compression)
    return stream.getvalue()


@cache
def _large_webp() -> bytes:
    stream = io.BytesIO()
    Image.new("L", (_SIDE, _SIDE)).save(stream, "WEBP", quality=0, method=0)
    return stream.getvalue()


def _animated_webp(side: int, how_many: int) -> bytes:
    """An animation whose small frames lie on a canvas of `side` pixels squared."""
    stream = io.BytesIO()
    frames = [Image.fromarray(np.roll(COLOUR, shift, 0)) for shift in range(2)]
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:])
    content = stream.getvalue()
    at = content.rindex(b"ANMF")
    canvas = (side - 1).to_bytes(3, "little") * 2
    body = content[12:24] + canvas + content[30:at] + content[at:] * how_many
    return b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body


def _webp_of_huge_exif() -> bytes:
    entries = b"".join(struct.pack("<HHLL", tag, 7, 2**24, 8) for tag in range(65_535))
    exif = b"II*\0\x08\0\0\0" + struct.pack("<H", 65_535) + entries + bytes(2**24)
    return picture("WEBP", exif=exif)


@cache
def _run_length_bmp() -> bytes:
    runs = b"\x01\x07" * (_SIDE * _SIDE // 2) + b"\xff\x07" * (_SIDE * _SIDE // 500)
    header = struct.pack("<LllHHLLllLL", 40, _SIDE, _SIDE, 1, 8, 1, len(runs), 0, 0, 256, 0) + bytes(1024)
    return b"BM" + struct.pack("<LHHL", 14 + len(header) + len(runs), 0, 0, 14 + len(header)) + header + runs


def _tiff_of_many_scans() -> bytes:
    strip = jpeg_of_many_scans(_SIDE, 10_000)
    entries = [(256, 4, 1, _SIDE), (257, 4, 1, _SIDE), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 1), (277, 3, 1, 1)]
    entries += [(278, 4, 1, _SIDE), (273, 4, 1, 8 + 2 + 12 * 9 + 4), (279, 4, 1, len(strip))]
    return _tiff(entries, strip)


def _tiff(entries: list[tuple[int, int, int, int]], behind: bytes = b"", following: int = 0) -> bytes:
    """A directory of (tag, type, count, value) at byte 8, and the bytes after it."""
    packed = b"".join(struct.pack("<HHLL", *entry) for entry in sorted(entries))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + struct.pack("<L", following) + behind


def _tiff_of_shared_strips() -> bytes:
    """Sixty thousand rows that all use the same bytes of the file."""
    rows, behind = 60_000, 8 + 2 + 12 * 9 + 4
    entries = [(256, 4, 1, 1000), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    entries += [(278, 4, 1, 1), (273, 4, rows, behind), (279, 4, rows, behind + 4 * rows)]
    return _tiff(entries, struct.pack("<L", 8) * rows + struct.pack("<L", 1000) * rows + bytes(1000))


def _tiff_of_many_pages() -> bytes:
    entry = struct.pack("<HHHLL", 1, 256, 3, 1, 1)
    return b"II*\0\x08\0\0\0" + b"".join(entry + struct.pack("<L", 8 + 18 * (k + 1)) for k in range(100_000))


def _tiff_whose_pages_form_a_ring() -> bytes:
    return _tiff(
        [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 64)], bytes(99), 8
    )


def _tiff_of_huge_tags() -> bytes:
    return _tiff([(256, 4, 1, 8), (257, 4, 1, 8), *((tag, 2, 2**31 - 1, 8) for tag in range(260, 900))], bytes(10_000))


def _postscript() -> bytes:
    """A format that an image library may pass to another program for drawing."""
    head = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n"
    return head + b"(canary.png) (w) file closefile\nshowpage\n%%EOF\n"


# -- DICOM -----------------------------------------------------------------------------------------------------


@cache
def _deflated_dicom() -> bytes:
    plain = dicom_bytes(GREY[None], syntax=uid.DeflatedExplicitVRLittleEndian)
    start = plain.index(uid.DeflatedExplicitVRLittleEndian.encode()) + len(uid.DeflatedExplicitVRLittleEndian)
    return plain[:start] + zeros_deflated(2**30, -zlib.MAX_WBITS)


@cache
def _large_dicom(syntax: str, format_name: str, frames: int = 1) -> bytes:
    frame = encoded(np.zeros((_SIDE, _SIDE), np.uint8), format_name)
    sizes = {"Rows": _SIDE, "Columns": _SIDE, "NumberOfFrames": frames}
    return dicom_bytes(np.zeros((1, 8, 8), np.uint8), syntax=syntax, frames=[frame] * frames, **sizes)


def _hollow_jpeg_2000() -> bytes:
    """A codestream that declares a large size in all its headers and contains almost nothing."""
    stream = bytearray(encoded(GREY, "JPEG2000", no_jp2=True))
    for at in (8, 24):
        struct.pack_into(">LL", stream, at, _SIDE, _SIDE)
    sizes = {"Rows": _SIDE, "Columns": _SIDE}
    return dicom_bytes(np.zeros((1, 8, 8), np.uint8), syntax=uid.JPEG2000, frames=[bytes(stream)], **sizes)


def _dicom_of_many_scans() -> bytes:
    frame = jpeg_of_many_scans(_SIDE, 10_000, colours=3, progressive=False)
    sizes = {"Rows": _SIDE, "Columns": _SIDE}
    return dicom_bytes(np.zeros((1, 8, 8, 3), np.uint8), syntax=uid.JPEGBaseline8Bit, frames=[frame], **sizes)


def _dicom_of_many_comments() -> bytes:
    frame = _jpeg_of_many_comments()
    return dicom_bytes(COLOUR[None], syntax=uid.JPEGBaseline8Bit, frames=[frame], PhotometricInterpretation="RGB")


def _run_length_bomb() -> bytes:
    frame = struct.pack("<16L", 1, 64, *[0] * 14) + bytes([129, 7]) * 1_000_000
    return dicom_bytes(GREY[None], syntax=uid.RLELossless, frames=[frame])


def _element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, len(value) if length is None else length) + value


def _dicom_around(inserted: bytes) -> bytes:
    content = dicom_bytes(GREY[None])
    at = content.index(struct.pack("<HH", 0x0028, 0x0002))
    return content[:at] + inserted + content[at:]


def _dicom_of_many_elements() -> bytes:
    return _dicom_around(b"".join(struct.pack("<HH2sHL", 0x0019, k % 65536, b"UL", 4, k) for k in range(400_000)))


def _dicom_of_nested_sequences() -> bytes:
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return _dicom_around((_element(0x00186011, b"SQ", b"", 0xFFFFFFFF) + item) * 50_000)


# -- ZIP and CSV -----------------------------------------------------------------------------------------------


@cache
def _zip_of_zeros(size: int) -> bytes:
    return zipped({"benign/1.png": bytes(size), "malignant/2.png": SMALL})


def _zip_of_many_members(how_many: int) -> bytes:
    """All members are the same few bytes, so that the archive is made quickly."""
    name = b"benign/%09d.png"
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, len(name % 0), 0) + name % 0
    listed = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, at * len(local))
        + name % at
        for at in range(how_many)
    )
    count = min(how_many, 0xFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listed), len(local) * how_many, 0)
    return local * how_many + listed + end


def _zip_of_overlapping_members() -> bytes:
    """Each member contains all members after it (Fifield 2019)."""
    kernel = zeros_deflated(2**24, -zlib.MAX_WBITS)
    how_many, size = 200, 30
    body = b"".join(
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(kernel), 2**24, 0, 0) for _ in range(how_many)
    )
    listed = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(kernel), 2**24, 14, 0, 0, 0, 0, 0, at * size)
        + b"benign/%03d.png" % at
        for at in range(how_many)
    )
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, how_many, how_many, len(listed), len(body) + len(kernel), 0)
    return body + kernel + listed + end


def _zip_in_zip(depth: int) -> bytes:
    inner = SMALL
    for level in range(depth):
        inner = zipped({f"benign/{k}.{'png' if not level else 'zip'}": inner for k in range(10)})
    return inner


def _zip_that_understates() -> bytes:
    """The table of contents declares 100 bytes, but 64 MiB come out."""
    content = bytearray(_zip_of_zeros(2**26))
    for signature, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        struct.pack_into("<L", content, content.index(signature) + at, 100)
    return bytes(content)


def _zip_with_large_directory() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(1000):
            member = zipfile.ZipInfo(f"benign/{number}" + "x" * 60_000 + ".png")
            member.comment = b"c" * 60_000
            archive.writestr(member, b"")
    return stream.getvalue()


@cache
def bombs(kind: str) -> tuple[Bomb, ...]:
    """Bombs of a kind: their descriptions, and the functions that make them."""
    kinds: dict[str, tuple[Bomb, ...]] = {
        "png": (
            ("62 million pixels of one bit", _large_png),
            ("62 million pixels of colour and transparency", lambda: _large_png("RGBA")),
            ("62 million pixels of 16 bits", lambda: _large_png("I;16")),
            ("62 million pixels, interlaced", _large_interlaced_png),
            ("a header of 2147483647 pixels squared", lambda: png(2**31 - 1, 2**31 - 1, b"")),
            ("1 GiB of data for 16×16 pixels", _png_with_too_much_data),
            ("packed texts of 100 MiB", lambda: _png_with_packed_texts(3, 100 * 2**20)),
            ("a thousand packed texts", lambda: _png_with_packed_texts(1000, 2**20)),
            ("five million chunks", lambda: SMALL[:33] + chunk(b"prIv", b"") * 5_000_000 + SMALL[33:]),
            ("PostScript", _postscript),
        ),
        "jpeg": (
            ("62 million pixels", _large_jpeg_once),
            ("62 million pixels, progressive", lambda: _large_jpeg_once(progressive=True)),
            ("a thousand scans of 16 million pixels", lambda: jpeg_of_many_scans(4000, 1000)),
            ("ten thousand scans of 62 million pixels", lambda: jpeg_of_many_scans(_SIDE, 10_000)),
            ("ten million comments", _jpeg_of_many_comments),
            ("65500 pixels squared", lambda: jpeg_of_many_scans(65500, 3)),
            ("PostScript", _postscript),
        ),
        "bmp": (
            ("62 million pixels", lambda: picture("BMP", np.zeros((_SIDE, _SIDE), np.uint8), mode="1")),
            ("62 million pixels in runs of one", _run_length_bmp),
        ),
        "tiff": (
            ("62 million numbers", lambda: _large_tiff("F", "tiff_lzw")),
            ("62 million numbers of 32 bits", lambda: _large_tiff("I", "tiff_adobe_deflate")),
            ("62 million pixels of fax", lambda: _large_tiff("1", "group4")),
            ("62 million pixels of CMYK", lambda: _large_tiff("CMYK", "tiff_lzw")),
            ("JPEG of ten thousand scans", _tiff_of_many_scans),
            ("strips that share their bytes", _tiff_of_shared_strips),
            ("a hundred thousand pages", _tiff_of_many_pages),
            ("pages in a ring", _tiff_whose_pages_form_a_ring),
            ("tags of 2 GiB", _tiff_of_huge_tags),
        ),
        "webp": (
            ("62 million pixels", _large_webp),
            ("a canvas of 4,000 million pixels", lambda: _animated_webp(65_000, 3)),
            ("ten thousand frames of 62 million pixels", lambda: _animated_webp(_SIDE, 10_000)),
            ("Exif of 65,535 entries of 16 MiB", _webp_of_huge_exif),
        ),
        "netpbm": (
            ("62 million pixels of other numbers", lambda: b"P5 %d %d 100\n" % (_SIDE, _SIDE) + bytes(_SIDE * _SIDE)),
            ("62 million pixels of 16 bits", lambda: b"P5 %d %d 999\n" % (_SIDE, _SIDE) + bytes(2 * _SIDE * _SIDE)),
            ("30 million written numbers", lambda: b"P2 5000 6000 255\n" + b"0 " * 30_000_000),
            ("62 million written bits", lambda: b"P1 %d %d\n" % (_SIDE, _SIDE) + b"0" * _SIDE * _SIDE),
            ("a comment of ten million letters", lambda: b"P5 #" + b"x" * 10_000_000 + b"\n16 16 255\n" + bytes(256)),
        ),
        "disc": DISC_BOMBS,
        "npz": NPZ_BOMBS,
        "hdf5": HDF5_BOMBS,
        "dicom": (
            ("deflated to 1 GiB", _deflated_dicom),
            ("62 million pixels of JPEG", lambda: _large_dicom(uid.JPEGBaseline8Bit, "JPEG")),
            ("62 million pixels of JPEG 2000", lambda: _large_dicom(uid.JPEG2000Lossless, "JPEG2000")),
            ("a hollow JPEG 2000", _hollow_jpeg_2000),
            ("a JPEG of ten thousand scans", _dicom_of_many_scans),
            ("a JPEG of ten million comments", _dicom_of_many_comments),
            ("run lengths", _run_length_bomb),
            ("many elements", _dicom_of_many_elements),
            ("nested sequences", _dicom_of_nested_sequences),
            ("a thousand million frames", lambda: dicom_bytes(GREY[None], NumberOfFrames=10**9)),
        ),
        "zip": (
            ("256 MiB of zeros", lambda: _zip_of_zeros(2**28)),
            ("1.2 GiB of zeros", lambda: _zip_of_zeros(1200 * 2**20)),
            ("20,000 members", lambda: _zip_of_many_members(20_000)),
            ("300,000 members", lambda: _zip_of_many_members(300_000)),
            ("overlapping members", _zip_of_overlapping_members),
            ("archives in archives", lambda: _zip_in_zip(4)),
            ("sizes that are too small", _zip_that_understates),
            ("names and comments of 60,000 letters", _zip_with_large_directory),
        ),
        "csv": (
            ("100,000 columns", lambda: b"file,class," + b"x," * 100_000 + b"\nbenign/1.png,benign" + b",1" * 100_000),
            ("only commas", lambda: b"file,class\n" + b"," * 30_000_000),
            ("only quotes", lambda: b"file,class\n" + b'"' * 10_000_000),
            ("only lines", lambda: b"file,class\n" + b"\n" * 5_000_000),
            ("a line without end", lambda: b"file,class\nbenign/1.png," + b"x" * 60_000_000),
            (
                "20,000 files that are missing",
                lambda: b"file,class\n" + b"".join(b"%d.png,benign\n" % k for k in range(20_000)),
            ),
            (
                "20,000 classes of one file",
                lambda: b"file,class\n" + b"".join(b"benign/1.png,%d\n" % k for k in range(20_000)),
            ),
            ("too large", lambda: b"file,class\n" + bytes(65 * 2**20)),
            *WORKBOOK_BOMBS,
        ),
    }
    return kinds[kind]
