"""Ways to damage files: at random places, in the numbers of their format, and with bombs. `make_case(seed, number)`
reproduces every case from its number."""

import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fuzz_bombs import bombs
from fuzz_seeds import HOSTILE_NAMES, SMALL, chunk, seeds, zipped

WHEEL: Final = tuple(
    kind
    for row in (
        "png jpeg tiff dicom zip",
        "png tiff dicom csv jpeg",
        "png tiff dicom bmp zip",
        "png jpeg tiff dicom csv",
    )
    for kind in row.split()
)
"""The order of the kinds, which also sets how often each comes."""
KINDS: Final = tuple(sorted(set(WHEEL)))
_SUFFIXES: Final = {"png": ".png", "jpeg": ".jpg", "bmp": ".bmp", "tiff": ".tif", "dicom": ".dcm"}
_BOMB_EVERY: Final = 60
"""Cases between two bombs. 10,000 cases contain 160 bombs, each of them at least once."""
_EXTREMES: Final = (
    0,
    1,
    2,
    3,
    7,
    8,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
)

Mutator = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Case:
    """One damaged input. `files` are to be written to a new folder, from which `source` is imported. `content` is the
    damaged file itself, and `how` describes the damage in words."""

    number: int
    kind: str
    how: str
    files: dict[str, bytes]
    source: str
    content: bytes


def kind_of(number: int) -> str:
    return WHEEL[number % len(WHEEL)]


def make_case(seed: int, number: int) -> Case:
    """Make a case. The same two numbers give the same case."""
    rng = random.Random(f"{seed}/{number}")
    kind = kind_of(number)
    turn, place = divmod(number, len(WHEEL))
    if turn % _BOMB_EVERY == _BOMB_EVERY // 2:  # in turn, so that none is missing
        bomb = turn // _BOMB_EVERY * WHEEL.count(kind) + WHEEL[:place].count(kind)
        how, content = bombs(kind)[bomb % len(bombs(kind))]
        return _case(number, kind, how, content(), rng, as_it_is_called=True)
    which = rng.randrange(len(seeds(kind)))
    content, done = seeds(kind)[which], []
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3)) if rng.random() < 0.95 else 10):
        mutator = rng.choice(_BLIND if rng.random() < 0.5 else _KNOWING.get(kind, _BLIND))
        content = mutator(content, rng)
        done.append(mutator.__name__.strip("_"))
    return _case(number, kind, f"{kind} {which}: {', '.join(done) or 'as it is'}", content, rng)


def _case(
    number: int, kind: str, how: str, content: bytes, rng: random.Random, *, as_it_is_called: bool = False
) -> Case:
    good = {"benign/1.png": SMALL, "malignant/2.png": SMALL}
    if kind == "zip":
        return Case(number, kind, how, {"set.zip": content}, "set.zip", content)
    if kind == "csv":
        inside = rng.random() < 0.2  # a table inside a folder names the patients of its images
        source, name = (
            ("set", rng.choice(("set/files.csv", "set/benign/files.tsv"))) if inside else (name := "set/f.csv", name)
        )
        return Case(number, kind, how, {f"set/{file}": good[file] for file in good} | {name: content}, source, content)
    suffix = (
        _SUFFIXES[kind]
        if as_it_is_called or rng.random() < 0.85
        else rng.choice((*_SUFFIXES.values(), ".jpeg", "", ".12", ".zip", ".csv"))
    )
    if not as_it_is_called and rng.random() < 0.1:
        mask = f"set/benign/1_mask{suffix}"
        return Case(number, kind, f"{how}; as a mask", {"set/benign/1.png": SMALL, mask: content}, "set", content)
    name = f"set/benign/1{suffix}"
    alone = suffix in (".zip", ".csv")
    return Case(
        number,
        kind,
        f"{how}; as {suffix or 'a name without ending'}",
        {name: content},
        name if alone else "set",
        content,
    )


# -- at random -------------------------------------------------------------------------------------------------


def _place(content: bytes, rng: random.Random) -> int:
    """A random position, often near the beginning, where headers are."""
    return rng.randrange(max(1, min(len(content), rng.choice((64, 512, len(content) or 1)))))


def _span(content: bytes, rng: random.Random) -> slice:
    at = _place(content, rng)
    return slice(at, at + rng.choice((1, 2, 4, 16, 100, 1000)))


def _replaced(content: bytes, where: slice, by: bytes) -> bytes:
    return content[: where.start] + by + content[where.stop :]


def _bits_flipped(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 30)) if damaged else 0):
        damaged[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _bytes_overwritten(content: bytes, rng: random.Random) -> bytes:
    where = _span(content, rng)
    length = len(content[where])
    return _replaced(content, where, rng.choice((b"\0" * length, b"\xff" * length, rng.randbytes(length))))


def _cut_short(content: bytes, rng: random.Random) -> bytes:
    return content[: _place(content, rng)]


def _spliced(content: bytes, rng: random.Random) -> bytes:
    other = rng.choice(seeds(rng.choice(KINDS)))
    return content[: _place(content, rng)] + other[_place(other, rng) :]


def _part_repeated(content: bytes, rng: random.Random) -> bytes:
    where = _span(content, rng)
    return _replaced(content, where, content[where] * rng.choice((2, 3, 50, 1000)))


def _part_removed(content: bytes, rng: random.Random) -> bytes:
    return _replaced(content, _span(content, rng), b"")


def _noise_inserted(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return _replaced(content, slice(at, at), rng.randbytes(rng.choice((1, 2, 8, 300))))


def _number(rng: random.Random, length: int, order: str = "") -> bytes:
    value = rng.choice(_EXTREMES) if rng.random() < 0.8 else rng.randrange(2**32)
    return (value % 256**length).to_bytes(length, {"<": "little", ">": "big"}.get(order or rng.choice("<>")))


def _number_made_extreme(content: bytes, rng: random.Random) -> bytes:
    at, length = _place(content, rng), rng.choice((1, 2, 4, 8))
    return _replaced(content, slice(at, at + length), _number(rng, length))


_BLIND: Final[tuple[Mutator, ...]] = (
    _bits_flipped,
    _bytes_overwritten,
    _cut_short,
    _spliced,
    _part_repeated,
    _part_removed,
    _noise_inserted,
    _number_made_extreme,
)

# -- numbers of the formats ------------------------------------------------------------------------------------


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
    value = rng.randrange(200).to_bytes(length, "big") if rng.random() < 0.3 else _number(rng, length, ">")
    chunks[0] = chunks[0][0], _replaced(chunks[0][1], slice(at, at + length), value)
    return _png_from(chunks)


def _png_chunk_changed(content: bytes, rng: random.Random) -> bytes:
    chunks = _chunks(content)
    if not chunks:
        return content
    at = rng.randrange(len(chunks))
    name, inside = chunks[at]
    if rng.random() < 0.3:
        with_data = _inflated(inside) if name == b"IDAT" else inside
        inside = zlib.compress(rng.choice(_BLIND)(with_data, rng)) if name == b"IDAT" else with_data
    else:
        inside = rng.choice(_BLIND)(inside, rng)
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
        match.start() for match in re.finditer(rb"IHDR|IDAT|PLTE|tRNS|tEXt|zTXt|iTXt|iCCP|acTL|fcTL|fdAT|IEND", content)
    ]
    at = rng.choice(names or [4])
    return _replaced(content, slice(at - 4, at), _number(rng, 4, ">"))


def _jpeg_segment_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the length of a segment, or one of its first bytes: sizes, sampling, tables."""
    markers = [match.start() for match in re.finditer(rb"\xff[\xc0-\xcf\xda-\xdf\xe0-\xfe]", content)]
    if not markers:
        return content
    at = rng.choice(markers)
    if rng.random() < 0.3:
        return _replaced(content, slice(at + 2, at + 4), _number(rng, 2, ">"))
    at += 4 + rng.randrange(20)
    length = rng.choice((1, 2))
    return _replaced(content, slice(at, at + length), _number(rng, length, ">"))


def _jpeg_segment_repeated(content: bytes, rng: random.Random) -> bytes:
    markers = [match.start() for match in re.finditer(rb"\xff[\xc0-\xcf\xda-\xdf\xe0-\xfe]", content)]
    if len(markers) < 2:
        return content
    first, last = sorted(rng.sample(markers, 2))
    return _replaced(content, slice(first, first), content[first:last] * rng.choice((1, 2, 30)))


def _tiff_entry_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the first directory: tag, type, count or value of an entry, the number of entries, or the next offset."""
    order = "<" if content[:2] == b"II" else ">"
    if len(content) < 16 or content[2:4] not in (b"*\0", b"\0*"):
        return _number_made_extreme(content, rng)
    (at,) = struct.unpack_from(f"{order}L", content, 4)
    if at + 2 > len(content):
        return content
    (count,) = struct.unpack_from(f"{order}H", content, at)
    if rng.random() < 0.1:
        return _replaced(content, slice(at, at + 2), _number(rng, 2, order))
    if rng.random() < 0.1:
        following = at + 2 + 12 * count
        return _replaced(
            content, slice(following, following + 4), struct.pack(f"{order}L", rng.choice((at, 1, 8, 2**31)))
        )
    entry = at + 2 + 12 * rng.randrange(max(1, count))
    field, length = rng.choice(((0, 2), (2, 2), (4, 4), (8, 2), (8, 4), (8, 4)))
    value = rng.randrange(20).to_bytes(length, "little" if order == "<" else "big")
    return _replaced(
        content,
        slice(entry + field, entry + field + length),
        value if rng.random() < 0.4 else _number(rng, length, order),
    )


_DICOM_NUMBERS: Final = (0x00020010, 0x00280002, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101)
_DICOM_ELEMENTS: Final = (
    *_DICOM_NUMBERS,
    0x00280103,
    0x00281101,
    0x00281201,
    0x00186011,
    0x00280004,
    0x7FE00010,
    0xFFFEE000,
)


def _dicom_element_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the type, length or value of an element that describes how the pixels are stored."""
    order = rng.choice("<<<>")
    tag = rng.choice(_DICOM_ELEMENTS)
    at = content.find(struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF))
    if at < 0:
        return _number_made_extreme(content, rng)
    field, length = rng.choice(((4, 2), (4, 4), (6, 2), (8, 2), (8, 2), (8, 2), (8, 4), (10, 2), (12, 4)))
    return _replaced(content, slice(at + field, at + field + length), _number(rng, length, order))


def _dicom_text_changed(content: bytes, rng: random.Random) -> bytes:
    """Change a text element: syntax, colours, number of frames, or window."""
    texts = list(re.finditer(rb"(?:1\.2\.840[0-9.]+|RGB|YBR_[A-Z0-9_]+|MONOCHROME\d|PALETTE COLOR|US)", content))
    if not texts:
        return content
    match = rng.choice(texts)
    others = (b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.4.50")
    others += (b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.1.99", b"RGB", b"YBR_FULL_422")
    others += (b"MONOCHROME1", b"PALETTE COLOR", b"YBR_ICT", b"-9", b"1e9", b"nan", b"99999999999")
    return _replaced(content, slice(*match.span()), rng.choice(others).ljust(len(match[0]), b"\0")[: len(match[0])])


def _zip_record_changed(content: bytes, rng: random.Random) -> bytes:
    """Change a number in a member's header, the table of contents or its end: sizes, counts, offsets, flags."""
    sizes = {b"PK\1\2": 46, b"PK\3\4": 30, b"PK\5\6": 22, b"PK\6\6": 56, b"PK\6\7": 20}
    records = list(re.finditer(rb"PK(?:\x01\x02|\x03\x04|\x05\x06|\x06\x06|\x06\x07)", content))
    if not records:
        return content
    match = rng.choice(records)
    at = match.start() + rng.randrange(4, sizes[match[0]])
    length = rng.choice((1, 2, 4))
    return _replaced(content, slice(at, at + length), _number(rng, length, "<"))


def _zip_member_damaged(_: bytes, rng: random.Random) -> bytes:
    """Pack a damaged file into a sound archive."""
    kind = rng.choice(tuple(_SUFFIXES))
    inside = rng.choice(_BLIND)(rng.choice(seeds(kind)), rng)
    how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return zipped({f"benign/1{_SUFFIXES[kind]}": inside, "malignant/2.png": SMALL}, how)


def _zip_names_changed(_: bytes, rng: random.Random) -> bytes:
    names = [*rng.sample(HOSTILE_NAMES, 3), _bits_flipped(b"benign/2.png", rng).decode("latin-1")]
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
    return _replaced(content, where, rng.choice(others + [name.encode() for name in HOSTILE_NAMES]))


def _table_marks_changed(content: bytes, rng: random.Random) -> bytes:
    marks = (b",", b";", b"\t", b"\n", b"\r\n", b"\r", b'"', b"'", b"\xef\xbb\xbf", b"\xff\xfe", b"\0")
    return content.replace(rng.choice(marks), rng.choice(marks), rng.choice((1, 3, -1)))


_KNOWING: Final[dict[str, tuple[Mutator, ...]]] = {
    "png": (_png_header_changed, _png_chunk_changed, _png_chunks_shuffled, _png_length_changed),
    "jpeg": (_jpeg_segment_changed, _jpeg_segment_repeated),
    "tiff": (_tiff_entry_changed,),
    "dicom": (_dicom_element_changed, _dicom_element_changed, _dicom_text_changed),
    "zip": (_zip_record_changed, _zip_record_changed, _zip_member_damaged, _zip_names_changed, _zip_member_repeated),
    "csv": (_table_cell_changed, _table_marks_changed),
}
