"""Ways to damage files in the numbers, texts and records of their format."""

import random
import re
import struct
import zipfile
import zlib
from typing import Final

from fuzz_array_damage import HDF5_KNOWING, NPZ_KNOWING
from fuzz_mutations import BLIND, Mutator, bits_flipped, extreme_number, number_made_extreme, replaced
from fuzz_seeds import HOSTILE_NAMES, SMALL, SUFFIXES, chunk, seeds, zipped
from fuzz_workbooks import workbook_xml_changed


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at + 8 <= len(content) and len(found) < 1000:
        length = int.from_bytes(content[at : at + 4], "big")
        found.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _png_from(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, inside) for name, inside in chunks)


def _png_header_changed(content: bytes, rng: random.Random) -> bytes:
    """Change a chunk and correct its checksum, so that it is accepted."""
    chunks = _chunks(content)
    if not chunks or len(chunks[0][1]) < 13:
        return content
    at = rng.choice((0, 4, 8, 9, 10, 11, 12))
    length = 4 if at < 8 else 1
    value = rng.randrange(200).to_bytes(length, "big") if rng.random() < 0.3 else extreme_number(rng, length, ">")
    chunks[0] = chunks[0][0], replaced(chunks[0][1], slice(at, at + length), value)
    return _png_from(chunks)


def _png_chunk_changed(content: bytes, rng: random.Random) -> bytes:
    chunks = _chunks(content)
    if not chunks:
        return content
    at = rng.randrange(len(chunks))
    name, inside = chunks[at]
    if rng.random() < 0.3:
        with_data = _inflated(inside) if name == b"IDAT" else inside
        inside = zlib.compress(rng.choice(BLIND)(with_data, rng)) if name == b"IDAT" else with_data
    else:
        inside = rng.choice(BLIND)(inside, rng)
    return _png_from([*chunks[:at], (name, inside), *chunks[at + 1 :]])


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, 2**20)
    except zlib.error:
        return content


def _png_chunks_shuffled(content: bytes, rng: random.Random) -> bytes:
    chunks = _chunks(content) or [(b"IEND", b"")]
    what = rng.randrange(3)
    if what == 0:
        rng.shuffle(chunks)
    elif what == 1:
        chunks = [same for same in chunks for _ in range(rng.choice((1, 1, 2, 20)))]
    else:
        del chunks[rng.randrange(len(chunks)) : rng.randrange(len(chunks) + 1)]
    return _png_from(chunks)


def _png_length_changed(content: bytes, rng: random.Random) -> bytes:
    names = [
        match.start()
        for match in re.finditer(rb"IHDR|IDAT|PLTE|tRNS|[tiz][TE][X]t|iCCP|eXIf|acTL|fcTL|fdAT|IEND", content)
    ]
    at = rng.choice(names or [4])
    return replaced(content, slice(at - 4, at), extreme_number(rng, 4, ">"))


def _jpeg_segment_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the length of a segment, or one of its first bytes: sizes, sampling, tables."""
    markers = [match.start() for match in re.finditer(rb"\xff[\xc0-\xcf\xda-\xdf\xe0-\xfe]", content)]
    if not markers:
        return content
    at = rng.choice(markers)
    if rng.random() < 0.3:
        return replaced(content, slice(at + 2, at + 4), extreme_number(rng, 2, ">"))
    at += 4 + rng.randrange(20)
    length = rng.choice((1, 2))
    return replaced(content, slice(at, at + length), extreme_number(rng, length, ">"))


def _jpeg_segment_repeated(content: bytes, rng: random.Random) -> bytes:
    markers = [match.start() for match in re.finditer(rb"\xff[\xc0-\xcf\xda-\xdf\xe0-\xfe]", content)]
    if len(markers) < 2:
        return content
    first, last = sorted(rng.sample(markers, 2))
    return replaced(content, slice(first, first), content[first:last] * rng.choice((1, 2, 30)))


def _tiff_entry_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the first directory: tag, type, count or value of an entry, the number of entries, or the next offset."""
    order = "<" if content[:2] == b"II" else ">"
    if len(content) < 16 or content[2:4] not in (b"*\0", b"\0*"):
        return number_made_extreme(content, rng)
    (at,) = struct.unpack_from(f"{order}L", content, 4)
    if at + 2 > len(content):
        return content
    (count,) = struct.unpack_from(f"{order}H", content, at)
    if rng.random() < 0.1:
        return replaced(content, slice(at, at + 2), extreme_number(rng, 2, order))
    if rng.random() < 0.1:
        following = at + 2 + 12 * count
        return replaced(
            content, slice(following, following + 4), struct.pack(f"{order}L", rng.choice((at, 1, 8, 2**31)))
        )
    entry = at + 2 + 12 * rng.randrange(max(1, count))
    field, length = rng.choice(((0, 2), (2, 2), (4, 4), (8, 2), (8, 4), (8, 4)))
    value = rng.randrange(20).to_bytes(length, "little" if order == "<" else "big")
    return replaced(
        content,
        slice(entry + field, entry + field + length),
        value if rng.random() < 0.4 else extreme_number(rng, length, order),
    )


def _webp_chunk_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the length of a chunk, or one of its first bytes: sizes, flags, orientation."""
    names = [match.start() for match in re.finditer(rb"RIFF|VP8[ LX]|ANIM|ANMF|ALPH|EXIF|ICCP", content)]
    at = rng.choice(names or [0])
    if rng.random() < 0.3:
        return replaced(content, slice(at + 4, at + 8), extreme_number(rng, 4, "<"))
    at += 8 + rng.randrange(24)
    length = rng.choice((1, 2, 3))
    return replaced(content, slice(at, at + length), extreme_number(rng, length, "<"))


def _netpbm_header_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the kind, the width, the height or the largest value, or write a comment between them."""
    words = list(re.finditer(rb"[^\s]+", content[:100]))[:6]
    if not words:
        return content
    match = rng.choice(words)
    others = (b"P%d" % rng.randrange(8), b"Pf", b"0", b"1", b"-1", b"255", b"256", b"65535", b"65536", b"99999999")
    others += (b"8000", b"48", b"# note", b"#" * 200, b"1e3", b"nan")
    return replaced(content, slice(*match.span()), rng.choice(others))


_DICOM_NUMBERS: Final = (0x00020010, 0x00280002, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101)
_DICOM_ELEMENTS: Final = (
    *_DICOM_NUMBERS,
    0x00280103,
    0x00281101,
    0x00281201,
    0x00186011,
    0x00280004,
    0x00280034,
    0x00280102,
    0x00280120,
    0x00281050,
    0x00281051,
    0x7FE00010,
    0xFFFEE000,
)


def _dicom_element_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the type, length or value of an element that describes how the pixels are stored."""
    order = rng.choice("<<<>")
    tag = rng.choice(_DICOM_ELEMENTS)
    at = content.find(struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF))
    if at < 0:
        return number_made_extreme(content, rng)
    field, length = rng.choice(((4, 2), (4, 4), (6, 2), (8, 2), (8, 2), (8, 2), (8, 4), (10, 2), (12, 4)))
    return replaced(content, slice(at + field, at + field + length), extreme_number(rng, length, order))


def _dicom_text_changed(content: bytes, rng: random.Random) -> bytes:
    """Change a text element: syntax, colours, number of frames, or window."""
    texts = list(re.finditer(rb"(?:1\.2\.840[0-9.]+|RGB|YBR_[A-Z0-9_]+|MONOCHROME\d|PALETTE COLOR|US)", content))
    if not texts:
        return content
    match = rng.choice(texts)
    others = (b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.4.50")
    others += (b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.1.99", b"RGB", b"YBR_FULL_422")
    others += (b"MONOCHROME1", b"PALETTE COLOR", b"YBR_ICT", b"-9", b"1e9", b"nan", b"99999999999")
    return replaced(content, slice(*match.span()), rng.choice(others).ljust(len(match[0]), b"\0")[: len(match[0])])


def _zip_record_changed(content: bytes, rng: random.Random) -> bytes:
    """Change a number in a member's header, the table of contents or its end: sizes, counts, offsets, flags."""
    sizes = {b"PK\1\2": 46, b"PK\3\4": 30, b"PK\5\6": 22, b"PK\6\6": 56, b"PK\6\7": 20}
    records = list(re.finditer(rb"PK(?:\x01\x02|\x03\x04|\x05\x06|\x06\x06|\x06\x07)", content))
    if not records:
        return content
    match = rng.choice(records)
    at = match.start() + rng.randrange(4, sizes[match[0]])
    length = rng.choice((1, 2, 4))
    return replaced(content, slice(at, at + length), extreme_number(rng, length, "<"))


def _zip_member_damaged(_: bytes, rng: random.Random) -> bytes:
    """Pack a damaged file into a sound archive."""
    kind = rng.choice(tuple(SUFFIXES))
    inside = rng.choice(BLIND)(rng.choice(seeds(kind)), rng)
    how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return zipped({f"benign/1{SUFFIXES[kind]}": inside, "malignant/2.png": SMALL}, how)


def _zip_names_changed(_: bytes, rng: random.Random) -> bytes:
    names = [*rng.sample(HOSTILE_NAMES, 3), bits_flipped(b"benign/2.png", rng).decode("latin-1")]
    modes = (None, None, 0o100644, 0o120777, 0o040755, 0o010644, rng.randrange(2**16))
    return zipped(
        dict.fromkeys(names, rng.choice((SMALL, b"../../../canary.png", b"/etc/passwd"))), attributes=rng.choice(modes)
    )


def _zip_member_repeated(content: bytes, rng: random.Random) -> bytes:
    """List a member many times in the table of contents."""
    start, end = content.find(b"PK\1\2"), content.rfind(b"PK\5\6")
    if not 0 <= start < end or len(content) < end + 22:
        return content
    record = content[start : content.find(b"PK", start + 4)]
    times = rng.choice((2, 10, 500))
    table = record * times + content[start:end]
    closing = bytearray(content[end:])
    struct.pack_into("<HHL", closing, 8, *[(times + 3) % 2**16] * 2, len(table))
    return content[:start] + table + bytes(closing)


def _table_cell_changed(content: bytes, rng: random.Random) -> bytes:
    others = [
        b"../../canary.png",
        b"/etc/passwd",
        b"x" * 140_000,
        b"\0",
        b'"',
        b"=1+1",
        b"C:\\1.png",
        b"benign/1.png",
        b"",
    ]
    cells = [match.span() for match in re.finditer(rb"[^,;\t\r\n]+", content[:10_000])]
    where = slice(*rng.choice(cells or [(0, 0)]))
    return replaced(content, where, rng.choice(others + [name.encode() for name in HOSTILE_NAMES]))


def _table_marks_changed(content: bytes, rng: random.Random) -> bytes:
    marks = (b",", b";", b"\t", b"\n", b"\r\n", b"\r", b'"', b"'", b"\xef\xbb\xbf", b"\xff\xfe", b"\0")
    return content.replace(rng.choice(marks), rng.choice(marks), rng.choice((1, 3, -1)))


def _workbook_changed(content: bytes, rng: random.Random) -> bytes:
    return workbook_xml_changed(content, rng, rng.choice(BLIND))


KNOWING: Final[dict[str, tuple[Mutator, ...]]] = {
    "png": (_png_header_changed, _png_chunk_changed, _png_chunks_shuffled, _png_length_changed),
    "jpeg": (_jpeg_segment_changed, _jpeg_segment_repeated),
    "tiff": (_tiff_entry_changed,),
    "webp": (_webp_chunk_changed,),
    "netpbm": (_netpbm_header_changed,),
    "dicom": (_dicom_element_changed, _dicom_element_changed, _dicom_text_changed),
    "zip": (_zip_record_changed, _zip_record_changed, _zip_member_damaged, _zip_names_changed, _zip_member_repeated),
    "npz": (*NPZ_KNOWING, _zip_record_changed),
    "hdf5": HDF5_KNOWING,
    "csv": (_table_cell_changed, _table_marks_changed, _workbook_changed),
}
