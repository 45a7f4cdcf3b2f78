"""Find pictures that show the same frame: resized, mirrored, cropped, recontrasted or marked over.

Speckle is the fingerprint of a frame: another scan of the same lesion has different speckle. First, coarse signatures
find candidates, by comparing whole pictures with whole pictures and with windows of them. Then the two pictures are
aligned, and the correlation of their speckle decides. This module needs no catalog and reads no file.
"""

from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine.catalog.schema import SAME_FILE
from busapp.engine.curation import alignment
from busapp.engine.curation.alignment import SIDE, Floats, Windows
from busapp.engine.events import Event, Progress
from busapp.engine.settings import CurateSettings
from busapp.engine.utils.prefetch import in_order

Integers = npt.NDArray[np.intp]
Grey = npt.NDArray[np.uint8]
"""0 black to 255 white."""

THUMBNAIL: Final = 32
"""Side in pixels of the grey thumbnails. Their correlation compares whole pictures."""

WAVES: Final = 10
"""Most half waves across the picture in a texture's signature, which consists of 87 cosine coefficients."""
_STEP: Final = 0.11
_STEPS: Final = 3
"""Windows begin and end at multiples of `_STEP`. Along each side at most `_STEPS` steps are cut off, so a window shows
67 % of a side or more. A window in between differs from the nearest by half a step at most."""

ROWS: Final = 128
COLUMNS: Final = 2048
"""Large pictures (rows) and small pictures (columns) compared at once."""
WHOLE_PARTNERS: Final = 16
"""Partners of each picture by its thumbnail: enough to chain the frames of a film of hundreds into one group."""
WINDOW_PARTNERS: Final = 6
"""Partners of each picture by its signature in windows of others."""
LEAST_SIGNATURE: Final = 0.5
"""Signatures that correlate less are not compared further. Among 100 altered copies, including those cropped to 70 %
and marked over, five correlate below 0.66 in the right window and none below 0.54. The best unrelated picture of 780
typically correlates at 0.50, that of 10,000 at 0.58."""
PARTS: Final = 100
SEARCHING: Final = 70
"""Parts of the work that `find_pairs` reports in total, and for the search before pairs are aligned."""
STARTS: Final = 4
"""Windows from which a pair is aligned."""
TRIES: Final = 64
"""Pairs that are aligned at once."""
_LEAST_COARSE: Final = 0.35
"""Pairs whose 32×32 textures correlate less after the first alignment are not compared further. These are 9 in 10
unrelated pairs, and fewer than 1 in 100 altered copies."""
UNRELATED: Final = 0.35
"""If speckle correlates less than this, similar thumbnails are no proof: unrelated pictures reach this value, and all
scans of one probe share their outline. The lowest among the 203 pairs of BUSI is 0.41."""
SAME_FRAME: Final = 0.9
"""Speckle that correlates at this or more is of the same frame. Below, it may be of a neighbouring or much altered
one."""
_CROPPED: Final = 0.03
"""A window whose sides differ by at most this from those of the picture counts as the whole picture."""
_MARKED: Final = 0.02
_FAR_APART: Final = 30.0
_SPOTS: Final = 0.015
"""Limits above which two pictures carry different marks. `_MARKED`: the share of blocks with different speckle (two of
64; mere crops have none). `_SPOTS`: the share of thumbnail cells that differ by `_FAR_APART` grey values (0 to 255).
This is 16 of 1,024: two pairs of callipers and two lines of text change 18 or more, a mere crop at most 13."""
_OTHER_CONTRAST: Final = 7.0
"""Median difference in grey values (0 to 255) above which two pictures differ in brightness or contrast. Mere crops
differ by less than 7, pictures with a gamma of 0.6 or 1.6 by 10 or more."""


class DuplicatePair(NamedTuple):
    """Two near-duplicates by their positions in the list, the smaller first; their similarity, 0 to 1 (the correlation
    of their speckle, or of their thumbnails if only these match); and in words how they differ."""

    first: int
    second: int
    similarity: float
    how: str


class Signatures:
    """The data that pictures are compared by, 17 KB per picture. `put` may be called from several threads."""

    def __init__(self, count: int) -> None:
        self.thumbnails = np.zeros((count, THUMBNAIL, THUMBNAIL), np.uint8)
        self.textures = np.zeros((count, SIDE, SIDE), np.int8)

    def __len__(self) -> int:
        return len(self.textures)

    def put(self, number: int, picture: Image.Image) -> None:
        """Store the data of a picture. A picture that was never put counts as even and resembles nothing."""
        grey = picture.convert("L")
        self.thumbnails[number] = np.asarray(grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC))
        self.textures[number] = alignment.texture(grey)


def find_pairs(
    signatures: Signatures, contents: Sequence[str], settings: CurateSettings
) -> Generator[Event, None, list[DuplicatePair]]:
    """Find near-duplicates among pictures.

    Two pictures are near-duplicates in one of three cases. Their bytes are the same. Or one is aligned with a window
    of the other, mirrored or not, and their speckle correlates at `settings.min_agreement` or more. Or their
    thumbnails, mirrored or not, correlate at `settings.min_correlation` or more, and their speckle does not contradict.

    Args:
        signatures: the data of all pictures.
        contents: an identifier of the bytes of each picture, such as their hash.
        settings: the thresholds.

    Returns:
        The pairs, sorted. For a picture with more than 16 copies only enough pairs to connect all copies are listed.
    """
    from threadpoolctl import threadpool_limits

    same = np.unique(contents, return_inverse=True)[1]
    found = {pair: DuplicatePair(*pair, 1.0, SAME_FILE) for pair in _same_files(same)}
    # Our own threads share the work. Those of a matrix product wait for each other, on a busy machine for seconds.
    with threadpool_limits(1, "blas"):
        large, small = yield from _search(signatures, same, settings)
        for pair in (yield from _compare_all(signatures, large, small, settings)):
            key = pair.first, pair.second
            if key not in found or pair.similarity > found[key].similarity:
                found[key] = pair
    yield Progress(PARTS, PARTS, f"{len(found)} pairs look alike")
    return sorted(found.values())


def _same_files(same: Integers) -> list[tuple[int, int]]:
    """Pairs of each picture with the next 16 that have the same bytes."""
    order = np.argsort(same, kind="stable")
    pairs = []
    for begin, end in pairwise([0, *(np.nonzero(np.diff(same[order]))[0] + 1).tolist(), len(order)]):
        members = order[begin:end].tolist()
        for place, first in enumerate(members, start=1):
            pairs += [(first, second) for second in members[place : place + WHOLE_PARTNERS]]
    return pairs


# -- searching ---------------------------------------------------------------------------------------------


class _Partners:
    """The best partners of each picture so far: their `values` and `numbers` (kept, count), best first."""

    def __init__(self, count: int, kept: int, least: float) -> None:
        self.values = np.full((kept, count), np.nextafter(np.float32(least), np.float32(0)), np.float32)
        self.numbers = np.full((kept, count), -1, np.intp)

    def add(self, rows: slice, columns: slice, values: Floats) -> None:
        """Consider the pictures of `rows` as partners of those of `columns`, with these values (rows, columns)."""
        better = np.nonzero(values.max(axis=0) > self.values[-1, columns])[0]
        places = better + columns.start
        new = np.broadcast_to(np.arange(rows.start, rows.stop)[:, None], (len(values), len(better)))
        both = np.concatenate([self.values[:, places], values[:, better]])
        numbers = np.concatenate([self.numbers[:, places], new])
        order = np.argsort(-both, axis=0, kind="stable")[: len(self.values)]
        self.values[:, places] = np.take_along_axis(both, order, axis=0)
        self.numbers[:, places] = np.take_along_axis(numbers, order, axis=0)

    def pairs(self) -> set[tuple[int, int]]:
        """Every partner that was found, with its picture."""
        ranks, places = np.nonzero(self.numbers >= 0)
        return set(zip(self.numbers[ranks, places].tolist(), places.tolist(), strict=True))


def _search(
    signatures: Signatures, same: Integers, settings: CurateSettings
) -> Generator[Event, None, tuple[Integers, Integers]]:
    """Candidate pairs for alignment, except those of the same bytes: the large and the small pictures, (n,) each."""
    count = len(signatures)
    whole = _Partners(count, WHOLE_PARTNERS, settings.min_correlation)
    windows = _Partners(count, WINDOW_PARTNERS, LEAST_SIGNATURE)
    small = np.empty((count, len(_WEIGHTS)), np.float32)
    for start in range(0, count, ROWS):
        yield Progress(0, PARTS, f"computed signatures of {start} of {count} images")
        small[start : start + ROWS] = _signatures(signatures.textures[start : start + ROWS], _WHOLE)[:, 0]

    def tiles() -> Iterator[tuple[slice, slice, Floats]]:
        for start in range(0, count, ROWS):
            rows = slice(start, min(start + ROWS, count))
            large = _signatures(signatures.textures[rows], _WINDOWS)
            for begin in range(0, count, COLUMNS):
                yield rows, slice(begin, min(begin + COLUMNS, count)), large

    def search(tile: tuple[slice, slice, Floats]) -> tuple[Floats, Floats]:
        rows, columns, large = tile
        other = same[rows, None] != same[None, columns]
        alike = _thumbnails_alike(signatures.thumbnails[rows], signatures.thumbnails[columns])
        return np.where(other, alike, -1), np.where(other, _best_window(large, small[columns]), -1)

    compared = 0
    for answer in in_order(search, tiles(), "searching"):
        if answer is not None:
            (rows, columns, _), searched = answer
            for partners, values in zip((whole, windows), searched.result(), strict=True):
                partners.add(rows, columns, values)
            compared = rows.start * count + columns.stop * (rows.stop - rows.start)
        what = f"compared {compared // count} of {count} images with all others"
        yield Progress(SEARCHING * compared // count**2, PARTS, what)
    pairs = sorted(whole.pairs() | windows.pairs())
    first, second = np.array(pairs, np.intp).reshape(-1, 2).T
    return first, second


def _thumbnails_alike(first: Grey, second: Grey) -> Floats:
    """The larger correlation, mirrored or not, of all first with all second thumbnails: (a, b) of (a, …) and (b, …)."""
    mirrored = _unit(first[:, :, ::-1]) @ _unit(second).T
    alike: Floats = np.maximum(_unit(first) @ _unit(second).T, mirrored, out=mirrored)
    return alike


def _unit(thumbnails: Grey) -> Floats:
    """Thumbnails as centred vectors of length 1. Those without contrast are all 0, so they correlate with nothing."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1.0)
    return flat


class _Grid(NamedTuple):
    """Windows, and the matrix that computes the cosine coefficients of each part of a side."""

    windows: Windows
    coefficients: Floats
    """float32 (parts × WAVES, SIDE)"""


def _grid(steps: int) -> _Grid:
    parts = [(_STEP * i, 1 - _STEP * k) for i in range(steps + 1) for k in range(steps + 1 - i)]
    along = (np.arange(SIDE) + 0.5) / SIDE
    coefficients = []
    for start, end in parts:
        inside = ((along > start) & (along < end)) / (SIDE * (end - start))
        coefficients += [inside * np.cos(np.pi * wave * (along - start) / (end - start)) for wave in range(WAVES)]
    windows = [(top, bottom, left, right) for top, bottom in parts for left, right in parts]
    return _Grid(np.array(windows, np.float32), np.array(coefficients, np.float32))


_WHOLE: Final = _grid(0)
_WINDOWS: Final = _grid(_STEPS)
_DOWN, _RIGHT = np.indices((WAVES, WAVES))
_KEPT: Final = (_DOWN + _RIGHT > 0) & (_DOWN**2 + _RIGHT**2 <= WAVES**2)
# Mirroring changes the sign of every second coefficient. These come last, so that one product serves both directions.
_ORDER: Final = np.argsort(_RIGHT[_KEPT] % 2, kind="stable")
# Layers and shadows cross every scan, so waves in one direction alone are two to three times as strong, and tell least.
_WEIGHTS: Final = np.where((_DOWN == 0) | (_RIGHT == 0), 0.4, 1.0).astype(np.float32)[_KEPT][_ORDER]
_EVEN: Final = int((_RIGHT[_KEPT] % 2 == 0).sum())


def _signatures(textures: npt.NDArray[np.int8] | Floats, grid: _Grid) -> Floats:
    """The signatures of the windows of each texture: (n, windows, 87), each of length 1."""
    taken = grid.coefficients @ textures.astype(np.float32) @ grid.coefficients.T
    parts = len(grid.coefficients) // WAVES
    apart = taken.reshape(-1, parts, WAVES, parts, WAVES).transpose(0, 1, 3, 2, 4)
    kept: Floats = apart[..., _KEPT][..., _ORDER].reshape(len(textures), parts**2, -1) * _WEIGHTS
    kept /= np.maximum(np.linalg.norm(kept, axis=2, keepdims=True), 1e-3)
    return kept


def _best_window(large: Floats, small: Floats) -> Floats:
    """The correlation of the best window of each large picture with each small one, mirrored or not: (large, small)."""
    best = np.full((len(large), len(small)), -1, np.float32)
    even, odd = np.empty_like(best), np.empty_like(best)
    for window in range(large.shape[1]):
        np.matmul(large[:, window, :_EVEN], small[:, :_EVEN].T, out=even)
        np.matmul(large[:, window, _EVEN:], small[:, _EVEN:].T, out=odd)
        even += np.abs(odd, out=odd)
        np.maximum(best, even, out=best)
    return best


# -- comparing ---------------------------------------------------------------------------------------------


def _compare_all(
    signatures: Signatures, large: Integers, small: Integers, settings: CurateSettings
) -> Generator[Event, None, list[DuplicatePair]]:
    """The near-duplicates among the pairs. Some appear twice, once with each picture as the large one."""

    def compare(start: int) -> list[DuplicatePair]:
        some = slice(start, start + TRIES)
        return _compare(signatures, large[some], small[some], settings)

    found: list[DuplicatePair] = []
    done = 0
    for answer in in_order(compare, range(0, len(large), TRIES), "comparing"):
        if answer is not None:
            start, compared = answer
            found += compared.result()
            done = min(start + TRIES, len(large))
        share = (PARTS - SEARCHING) * done // len(large)
        yield Progress(SEARCHING + share, PARTS, f"aligned {done} of {len(large)} pairs")
    return found


def _compare(signatures: Signatures, large: Integers, small: Integers, settings: CurateSettings) -> list[DuplicatePair]:
    """The near-duplicates among the pairs, found by aligning the small picture with a window of the large one."""
    straight, turned = (
        alignment.correlation(signatures.thumbnails[large], view)
        for view in (signatures.thumbnails[small], signatures.thumbnails[small][:, :, ::-1])
    )
    alike = np.maximum(straight, turned) >= settings.min_correlation
    below, above = (signatures.textures[numbers].astype(np.float32) for numbers in (large, small))
    starts, mirrored = _choose_windows(below, above)
    above[mirrored] = above[mirrored, :, ::-1]
    middle = alignment.halved(below), alignment.halved(above)
    windows, fit = _align_coarsely(alignment.halved(middle[0]), alignment.halved(middle[1]), starts)

    kept = np.nonzero(alike | (fit >= _LEAST_COARSE))[0]
    if not len(kept):
        return []
    windows = alignment.align(middle[0][kept], middle[1][kept], windows[kept], steps=5)
    correlations, disagreeing = alignment.speckle_correlation(below[kept], above[kept], windows)
    found = []
    for place, window, speckle, marked in zip(kept, windows, correlations, disagreeing, strict=True):
        first, second = sorted((int(large[place]), int(small[place])))
        if speckle >= settings.min_agreement:
            grey = signatures.thumbnails[large[place]], signatures.thumbnails[small[place]]
            how = _in_words(speckle, bool(mirrored[place]), window, marked, grey)
            found.append(DuplicatePair(first, second, min(float(speckle), 1.0), how))
        elif alike[place] and not speckle < UNRELATED:
            how = "mirrored, looks alike" if turned[place] > straight[place] else "looks alike"
            found.append(DuplicatePair(first, second, min(float(max(straight[place], turned[place])), 1.0), how))
    return found


def _choose_windows(large: Floats, small: Floats) -> tuple[Windows, npt.NDArray[np.bool_]]:
    """The windows of each large texture that look most like the small one (n, STARTS, 4); True if mirrored (n,).

    There are several, because in a much altered picture the best window by signature may be too far from the right one.
    """
    products = _signatures(large, _WINDOWS) * _signatures(small, _WHOLE)
    even, odd = products[:, :, :_EVEN].sum(axis=2), products[:, :, _EVEN:].sum(axis=2)
    best = np.argsort(-even - np.abs(odd), axis=1)[:, :STARTS]
    return _WINDOWS.windows[best], odd[np.arange(len(best)), best[:, 0]] < 0


def _align_coarsely(large: Floats, small: Floats, starts: Windows) -> tuple[Windows, Floats]:
    """The windows (n, 4) reached from the best of the starts, and the correlation of the textures there (n,)."""
    many = np.repeat(large, STARTS, axis=0), np.repeat(small, STARTS, axis=0)
    reached = alignment.align(*many, starts.reshape(-1, 4), steps=3)
    fits = alignment.correlation(alignment.show(many[0], reached), many[1]).reshape(-1, STARTS)
    best = np.arange(len(large)), fits.argmax(axis=1)
    windows = alignment.align(large, small, reached.reshape(-1, STARTS, 4)[best], steps=3)
    return windows, alignment.correlation(alignment.show(large, windows), small)


def _in_words(speckle: float, mirrored: bool, window: Windows, disagreeing: float, grey: tuple[Grey, Grey]) -> str:
    """The alterations between the two pictures, as far as they can be detected. `grey`: both thumbnails, the large
    picture's first."""
    words = ["mirrored"] * mirrored
    if speckle < SAME_FRAME:
        return ", ".join([*words, "looks alike"])
    if np.abs(window - _WHOLE.windows[0]).max() > _CROPPED:
        words.append("cropped")
    brightness, spots = _differences(grey[0], grey[1][:, ::-1] if mirrored else grey[1], window)
    if brightness > _OTHER_CONTRAST:
        words.append("other contrast")
    # With another contrast, spots differ for that reason alone.
    if disagreeing > _MARKED or (brightness <= _OTHER_CONTRAST and spots > _SPOTS):
        words.append("other marks")
    if len(words) > 1:
        words = [", ".join(words[:-1]), words[-1]]
    return " and ".join(words) or "same picture"


def _differences(large: Grey, small: Grey, window: Windows) -> tuple[float, float]:
    """The median difference of grey values (0 to 255) of two thumbnails, one aligned with a window of the other; and
    the share of cells that differ much (0 to 1)."""
    pictures = np.stack([large, np.full_like(large, 255)]).astype(np.float32)
    shown, covered = alignment.show(pictures, np.stack([window, window]))
    apart = np.abs(shown - small)[covered > 254]
    median = float(np.median(apart))
    return median, float((apart > _FAR_APART + 2 * median).mean())
