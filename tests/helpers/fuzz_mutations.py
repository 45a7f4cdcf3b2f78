"""Ways to damage files of any format, at random places."""

import random
from collections.abc import Callable
from typing import Final

from fuzz_seeds import KINDS, seeds

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


def _place(content: bytes, rng: random.Random) -> int:
    """A random position, often near the beginning, where headers are."""
    return rng.randrange(max(1, min(len(content), rng.choice((64, 512, len(content) or 1)))))


def _span(content: bytes, rng: random.Random) -> slice:
    at = _place(content, rng)
    return slice(at, at + rng.choice((1, 2, 4, 16, 100, 1000)))


def replaced(content: bytes, where: slice, by: bytes) -> bytes:
    return content[: where.start] + by + content[where.stop :]


def bits_flipped(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 30)) if damaged else 0):
        damaged[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _bytes_overwritten(content: bytes, rng: random.Random) -> bytes:
    where = _span(content, rng)
    length = len(content[where])
    return replaced(content, where, rng.choice((b"\0" * length, b"\xff" * length, rng.randbytes(length))))


def _cut_short(content: bytes, rng: random.Random) -> bytes:
    return content[: _place(content, rng)]


def _spliced(content: bytes, rng: random.Random) -> bytes:
    other = rng.choice(seeds(rng.choice(KINDS)))
    return content[: _place(content, rng)] + other[_place(other, rng) :]


def _part_repeated(content: bytes, rng: random.Random) -> bytes:
    where = _span(content, rng)
    return replaced(content, where, content[where] * rng.choice((2, 3, 50, 1000)))


def _part_removed(content: bytes, rng: random.Random) -> bytes:
    return replaced(content, _span(content, rng), b"")


def _noise_inserted(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return replaced(content, slice(at, at), rng.randbytes(rng.choice((1, 2, 8, 300))))


def extreme_number(rng: random.Random, length: int, order: str = "") -> bytes:
    value = rng.choice(_EXTREMES) if rng.random() < 0.8 else rng.randrange(2**32)
    return (value % 256**length).to_bytes(length, {"<": "little", ">": "big"}.get(order or rng.choice("<>")))


def number_made_extreme(content: bytes, rng: random.Random) -> bytes:
    at, length = _place(content, rng), rng.choice((1, 2, 4, 8))
    return replaced(content, slice(at, at + length), extreme_number(rng, length))


BLIND: Final[tuple[Mutator, ...]] = (
    bits_flipped,
    _bytes_overwritten,
    _cut_short,
    _spliced,
    _part_repeated,
    _part_removed,
    _noise_inserted,
    number_made_extreme,
)
