"""Ways to damage files of arrays in their headers, and in the records of HDF5, whose checksums are corrected."""

import io
import random
import re
import struct
import zipfile
from typing import Final

from fuzz_mutations import BLIND, Mutator, extreme_number, replaced
from fuzz_npz import npz, with_header

# -- NumPy -----------------------------------------------------------------------------------------------------

_KINDS: Final = (
    "|u1",
    "|i1",
    "|b1",
    "<f4",
    ">i8",
    "<u8",
    "|O",
    "|S9",
    "<U99999999",
    "|V0",
    "|V1",
    "<M8[ns]",
    "u1,u1",
    "x",
)
_SHAPES: Final = (
    "()",
    "(5,)",
    "(-5, -12, 10)",
    "(5, -12, -10)",
    "(0, 12, 10)",
    "(5, 0, 10)",
    "(5, 10, 12)",
    "(5, 120)",
)
_SHAPES_OF_OTHERS: Final = (
    "(True, 12, 50)",
    "(5.0, 12, 10)",
    "5",
    "[5, 12, 10]",
    "(10**9,)",
    "(600, 1, 1)",
    "(1, 1, 600)",
)
_NUMBERS: Final = ("-1", "0", "1", "65536", "2147483647", "9223372036854775808", "9" * 400)


def _members(content: bytes) -> dict[str, bytes]:
    """The arrays in an archive, empty if it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name.removesuffix(".npy"): archive.open(name).read(2**20) for name in archive.namelist()[:100]}
    except Exception:  # zipfile and its codecs raise errors of many kinds for damaged archives
        return {}


def _npy_header_changed(content: bytes, rng: random.Random) -> bytes:
    """Change the kind, the order or the shape of one array, or a word of its header."""
    arrays = _members(content)
    header = None
    if arrays:
        name = rng.choice(sorted(arrays))
        header = re.match(rb"\x93NUMPY..(?:..)?(?:\0\0)?(\{.*?\})\s*\n", arrays[name], re.DOTALL)
    if header is None:
        return rng.choice(BLIND)(content, rng)
    text, data = header[1].decode("latin-1"), arrays[name][header.end() :]
    what = rng.randrange(5)
    if what == 0:
        text = re.sub(r"'descr': '[^']*'", f"'descr': '{rng.choice(_KINDS)}'", text)
    elif what == 1:
        shape = rng.choice(_SHAPES + _SHAPES_OF_OTHERS)
        text = re.sub(r"'shape': \(.*?\)", f"'shape': {shape}", text)
    elif what == 2:
        numbers = list(re.finditer(r"\d+", text))
        start, end = rng.choice(numbers).span() if numbers else (0, 0)
        text = text[:start] + rng.choice(_NUMBERS) + text[end:]
    elif what == 3:
        text = text.replace("False", "True") if "False" in text else text.replace("True", "None")
    else:
        text = rng.choice(BLIND)(text.encode("latin-1"), rng).decode("latin-1")[:5000]
    return npz(arrays | {name: with_header(text, data)})


def _npy_damaged(content: bytes, rng: random.Random) -> bytes:
    """Damage one array, and pack it again."""
    arrays = _members(content)
    if not arrays:
        return rng.choice(BLIND)(content, rng)
    name = rng.choice(sorted(arrays))
    return npz(
        arrays | {name: rng.choice(BLIND)(arrays[name], rng)}, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    )


def _arrays_renamed(content: bytes, rng: random.Random) -> bytes:
    """Give the arrays each other's content, or leave some out."""
    arrays = _members(content)
    names, contents = sorted(arrays), list(arrays.values())
    rng.shuffle(contents)
    mixed = dict(zip(names, contents, strict=True))
    for name in rng.sample(names, min(len(names), rng.choice((0, 0, 1, 2)))):
        del mixed[name]
    return npz(mixed)


# -- HDF5 ------------------------------------------------------------------------------------------------------

_RECORDS: Final = re.compile(
    rb"\x89HDF\r\n\x1a\n|TREE|HEAP|SNOD|GCOL|OHDR|OCHK|FRHP|FHDB|FHIB|BTHD|BTLF|BTIN|FSHD|FSSE|EAHD|EAIB|EADB|EASB|FAHD|FADB|SMTB"
)
_LENGTHS: Final = {b"BTHD": 38, b"FAHD": 28, b"EAHD": 72, b"FRHP": 146}
"""Bytes of records of fixed length, the checksum included."""


def lookup3(content: bytes) -> int:
    """The checksum of HDF5's newer records: `hashlittle` of Bob Jenkins's lookup3 (2006), started at 0."""

    def turned(value: int, by: int) -> int:
        return (value << by | value >> (32 - by)) & 0xFFFFFFFF

    a = b = c = (0xDEADBEEF + len(content)) & 0xFFFFFFFF
    at = 0
    while len(content) - at > 12:
        x, y, z = struct.unpack_from("<3L", content, at)
        a, b, c = a + x & 0xFFFFFFFF, b + y & 0xFFFFFFFF, c + z & 0xFFFFFFFF
        for by in (4, 6, 8, 16, 19, 4):
            a = (a - c & 0xFFFFFFFF) ^ turned(c, by)
            c = c + b & 0xFFFFFFFF
            a, b, c = b, c, a
        at += 12
    if at == len(content):
        return c
    x, y, z = struct.unpack("<3L", content[at:].ljust(12, b"\0"))
    a, b, c = a + x & 0xFFFFFFFF, b + y & 0xFFFFFFFF, c + z & 0xFFFFFFFF
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - turned(b, by)) & 0xFFFFFFFF
        a, b, c = b, c, a
    return b


def _length(content: bytes, at: int, sign: bytes) -> int:
    """Bytes of a record with a checksum at its end; 0 if it has none, or its length is not known."""
    if sign == b"OHDR":
        flags = content[at + 5] if at + 5 < len(content) else 0
        start = 6 + 16 * bool(flags & 32) + 4 * bool(flags & 16)
        size = 1 << (flags & 3)
        return start + size + int.from_bytes(content[at + start : at + start + size], "little") + 4
    if sign.startswith(b"\x89HDF"):
        return 48 if content[at + 8 : at + 9] in (b"\2", b"\3") else 0
    return _LENGTHS.get(sign, 0)


def sealed(content: bytes) -> bytes:
    """Correct the checksums of the records whose length is known, so that their damage is read."""
    fixed = bytearray(content)
    for match in _RECORDS.finditer(content):
        at = match.start()
        length = _length(content, at, match[0])
        if 8 < length < 10_000 and at + length <= len(fixed):
            struct.pack_into("<L", fixed, at + length - 4, lookup3(bytes(fixed[at : at + length - 4])))
    return bytes(fixed)


def _record_changed(content: bytes, rng: random.Random) -> bytes:
    """Change a number near the beginning of a record."""
    places = [match.start() for match in _RECORDS.finditer(content)]
    at = rng.choice(places or [0]) + rng.choice((4, 4, 8, 8, 16)) + rng.randrange(rng.choice((8, 40, 120)))
    length = rng.choice((1, 1, 2, 4, 8))
    small = rng.randrange(256).to_bytes(length, "little")
    return sealed(
        replaced(content, slice(at, at + length), small if rng.random() < 0.5 else extreme_number(rng, length, "<"))
    )


def _messages_damaged(content: bytes, rng: random.Random) -> bytes:
    """Damage the header of an object blindly, where its messages give shape, kind, filters and links."""
    places = [match.start() for match in re.finditer(rb"OHDR|OCHK|\x01\0[\x01-\x14]\0[\x01-\x09]\0\0\0", content)]
    at = rng.choice(places or [0])
    end = at + rng.choice((40, 120, 300))
    damaged = rng.choice(BLIND)(content[at:end], rng)
    return sealed(replaced(content, slice(at, end), damaged[: end - at].ljust(len(content[at:end]), b"\0")))


def _shape_changed(content: bytes, rng: random.Random) -> bytes:
    """Change a dimension of an array or of its chunks."""
    places = list(re.finditer(rb"(?:[\x01-\x7f]\0{3}){3,}|(?:[\x01-\x7f]\0{7}){3,}", content))
    if not places:
        return _record_changed(content, rng)
    match = rng.choice(places)
    width = 8 if match[0][4:8] == b"\0\0\0\0" else 4
    at = match.start() + width * rng.randrange(len(match[0]) // width)
    return sealed(replaced(content, slice(at, at + width), extreme_number(rng, width, "<")))


def _records_linked(content: bytes, rng: random.Random) -> bytes:
    """Let an address lead to another record, so that records may form a ring or be taken for others."""
    places = [match.start() for match in _RECORDS.finditer(content)]
    addresses = [struct.pack("<Q", place) for place in places]
    uses = [at for address in addresses[1:] for at in _all(content, address)]
    at = rng.choice(uses or [rng.randrange(max(1, len(content)))])
    return sealed(replaced(content, slice(at, at + 8), rng.choice(addresses or [bytes(8)])))


def _all(content: bytes, what: bytes) -> list[int]:
    found, at = [], content.find(what)
    while at >= 0 and len(found) < 50:
        found.append(at)
        at = content.find(what, at + 1)
    return found


def _blindly_sealed(content: bytes, rng: random.Random) -> bytes:
    return sealed(rng.choice(BLIND)(content, rng))


NPZ_KNOWING: Final[tuple[Mutator, ...]] = (_npy_header_changed, _npy_header_changed, _npy_damaged, _arrays_renamed)
HDF5_KNOWING: Final[tuple[Mutator, ...]] = (
    _record_changed,
    _record_changed,
    _messages_damaged,
    _messages_damaged,
    _shape_changed,
    _records_linked,
    _blindly_sealed,
)
